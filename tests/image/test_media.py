"""Other ways to the installer than a stick: an optical drive, firmware that boots by HTTP."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support import netns
from support.image_builds import FIRST, Images, script
from support.image_control import Eaves, own_controller, until
from support.image_disk import fault, partitions
from support.image_machine import INSTALL_S, ImageMachine, image_machine
from support.image_world import world
from support.scenarios import EVIDENCE

from eaves.node.baseos.slots import Slot

pytestmark = [pytest.mark.vm, pytest.mark.timeout(4800)]

Told = Callable[[str, object], None]
TYPED_S = 120.0
BOOT_NET, BOOT_PORT = "10.9.0", 8000
NO_PXE = tuple(
    word
    for version in (4, 6)
    for word in ("-fw_cfg", f"name=opt/org.tianocore/IPv{version}PXESupport,string=n")
)


@pytest.fixture(scope="module")
def iso(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Without a word of whose device it makes."""
    folder = tmp_path_factory.mktemp("iso")
    for name in ("installer.raw", "root.img"):
        (folder / name).symlink_to(images.first / name)
    script("media").write_iso(folder)
    yield folder / "installer.iso"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eaves]:
    with own_controller(tmp_path_factory.mktemp("controller"), world()) as site:
        yield site


def optical(iso: Path) -> tuple[str, ...]:
    drive = f"if=none,id=cd,media=cdrom,readonly=on,format=raw,file={iso}"
    return ("-drive", drive, "-device", "ide-cd,drive=cd,bootindex=1", "-no-reboot")


def type_in(machine: ImageMachine, text: str) -> None:
    """On its serial line."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(TYPED_S)
        line.connect(str(machine.folder / "serial.sock"))
        line.sendall(f"{text}\r".encode())
        time.sleep(1)  # the guest takes it from the line before it is closed


def test_a_person_installs_it_from_an_optical_drive_on_a_disk_with_data(
    iso: Path, site: Eaves, tmp_path: Path, record_property: Told
) -> None:
    """The rules would not have taken the disk; the name of the disk is what loses its data."""
    medium = tmp_path / "installer.iso"
    shutil.copyfile(iso, medium)
    folder = tmp_path / "onboarding"
    site.run("onboarding", "on-image", "--out", str(folder))
    site.run("image", "configure", str(medium), "--from", str(folder), "--after", "poweroff")
    with image_machine(tmp_path / "machine", extra=optical(medium)) as machine:
        machine.blank_disk()
        subprocess.run(["mkfs.ext4", "-q", machine.disk], check=True)
        machine.power_on()
        machine.wait_said("NOT installed")
        machine.wait_said("Its number, and Enter:")
        type_in(machine, "1")
        asked = machine.wait_said("To go on type vda:")
        assert "ext4, will be lost" in asked
        type_in(machine, "vda")
        machine.wait_installed()
        assert fault(machine.disk) == ""
        machine.extra = ()
        machine.power_on()
        until("online", lambda: site.runs(FIRST, Slot.ACTIVE))
        record = kept_record(machine)
    assert record["disk"] == "/dev/vda"
    assert record["machine"]["serial"] == machine.serial
    record_property(EVIDENCE, f"kept of it: {'; '.join(record['said'])}"[:300])
    medium.unlink()


def kept_record(machine: ImageMachine) -> dict[str, Any]:
    place = partitions(machine.disk)["CONFIG"]
    told = subprocess.run(
        ["mtype", "-i", f"{machine.disk}@@{place.start}", "::installed.json"],
        check=True,
        capture_output=True,
    ).stdout
    record: dict[str, Any] = json.loads(told)
    return record


@pytest.fixture
def boot_server(iso: Path, tmp_path: Path) -> Iterator[str]:
    """A network that leads nowhere: DHCP that names the medium, and who serves it by HTTP."""
    with netns.namespace("boot") as name:
        netns.ip("-n", name, "tuntap", "add", "tap0", "mode", "tap")
        netns.ip("-n", name, "addr", "add", f"{BOOT_NET}.1/24", "dev", "tap0")
        netns.ip("-n", name, "link", "set", "tap0", "up")
        handler = partial(SimpleHTTPRequestHandler, directory=str(iso.parent))
        with netns.inside(name):
            server = ThreadingHTTPServer((f"{BOOT_NET}.1", BOOT_PORT), handler)
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        argv = ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", name, "dnsmasq"]
        argv += ["--conf-file=/dev/null", "--keep-in-foreground", "--port=0", "--user=root"]
        argv += ["--interface=tap0", "--bind-interfaces", f"--pid-file={tmp_path}/dnsmasq.pid"]
        argv += [f"--dhcp-range={BOOT_NET}.10,{BOOT_NET}.20,1h", "--leasefile-ro"]
        argv += ["--dhcp-match=set:http,option:client-arch,16"]
        argv += ["--dhcp-option-force=tag:http,60,HTTPClient"]
        argv += [f"--dhcp-boot=tag:http,http://{BOOT_NET}.1:{BOOT_PORT}/{iso.name}"]
        dnsmasq = subprocess.Popen(argv)
        try:
            yield name
        finally:
            dnsmasq.kill()
            dnsmasq.wait()
            server.shutdown()
            server.server_close()
            serving.join()


@pytest.mark.full
def test_firmware_boots_it_over_http(
    boot_server: str, tmp_path: Path, record_property: Told
) -> None:
    """The whole medium is in memory then: nothing of it is plugged in."""
    card = ("-device", "virtio-net-pci,netdev=net1,bootindex=1,romfile=")
    tap = ("-netdev", "tap,id=net1,ifname=tap0,script=no,downscript=no", *card)
    with image_machine(tmp_path / "machine", extra=(*tap, *NO_PXE, "-no-reboot")) as machine:
        machine.blank_disk()
        began = time.monotonic()
        with netns.inside(boot_server):
            machine.power_on()
        machine.wait_said("is installed on /dev/vda", INSTALL_S)
        record_property(EVIDENCE, f"installed {time.monotonic() - began:.0f} s after power-on")
        machine.power_cut()
        assert fault(machine.disk) == ""
