"""Properties of the node for who looks into a machine, each from the configuration."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from support.network_node import allocations, app

from eaves.errors import Rejected
from eaves.evapi.config import AppInstanceConfig, ConfigItem, EdgeDevConfig, MetaDataType
from eaves.evapi.evecommon import EncryptionBlock
from eaves.node.domains.items import Domain
from eaves.node.domains.qemu import KEEPER, Place, keeper_argv
from eaves.node.domains.seed import seed_files
from eaves.node.host.accel import Accel
from eaves.node.host.process import APP_OOM_SCORE
from eaves.node.refs import AppInForce, Passed
from eaves.node.runtime.wish import make_wish

VM = app(1, "shop").config
PARTS = """\
Content-Type: multipart/mixed; boundary="=="
MIME-Version: 1.0

--==
Content-Type: text/cloud-config
Content-Disposition: attachment; filename="user-data"

#cloud-config
hostname: till
--==
Content-Type: text/plain
Content-Disposition: attachment; filename="network-config"

version: 2
--==--
"""


def domain(*items: ConfigItem, config: AppInstanceConfig = VM) -> Domain:
    one = AppInForce(config, app(1, "shop").app, 1, True, 1)
    told = EdgeDevConfig(apps=(config,), config_items=items)
    wish = make_wish(
        told, (one,), allocations(told, [one]), (), {}, lambda _: EncryptionBlock(), "eaves-test"
    )
    (made,) = [item for item in wish.graph.values() if isinstance(item, Domain)]
    return made


def said(key: str, value: str = "true") -> ConfigItem:
    return ConfigItem(key=key, value=value)


def argv(item: Domain) -> tuple[str, ...]:
    accel = Accel(kvm=False, reason="test")
    return keeper_argv(item, Place(Path("/r"), Path("/s/console.log"), accel, (), None, None))


def line(item: Domain) -> str:
    return " ".join(argv(item)[5:])


def test_a_core_of_an_emulator_is_kept_unless_the_node_says_no() -> None:
    assert line(domain()).startswith("1048576 -- ")
    assert line(domain(said("debug.qemu.process.core", "false"))).startswith("0 -- ")


def test_the_memory_of_a_guest_is_in_a_core_if_the_node_says_so() -> None:
    assert "dump-guest-core=off" in line(domain())
    whole = line(domain(said("debug.qemu.process.core.guest.ram")))
    assert whole.startswith("unlimited -- ")
    assert "dump-guest-core=on" in whole


def test_events_of_an_emulator_are_traced_into_a_file_of_limited_size() -> None:
    assert "-trace" not in line(domain())
    traced = line(domain(said("debug.qemu.trace.events", "virtio_*, vnc_key_map\n'bad;'")))
    assert " /r/trace.log.pipe /s/trace.log 67108864 -- " in f" {traced}"
    assert "-trace enable=virtio_* -trace enable=vnc_key_map -D /r/trace.log.pipe" in traced
    assert "bad" not in traced


def test_the_firmware_of_a_guest_writes_a_log_if_the_node_says_so() -> None:
    assert "0x402" not in line(domain())
    logged = line(domain(said("debug.enable.efi")))
    assert " /r/firmware.log.pipe /s/firmware.log 1048576 -- " in logged
    assert "-device isa-debugcon,iobase=0x402,chardev=firmware " in logged


def with_graphics(item: Domain) -> Domain:
    return replace(item, passed=Passed(pci=("0000:00:02.0", "0000:03:00.0")))


def test_graphics_of_the_processor_are_handed_over_without_mapped_memory() -> None:
    assert "mmap" not in line(with_graphics(domain()))
    slow = line(with_graphics(domain(said("debug.qemu.igpu.no.mmap"))))
    assert slow.count("x-no-mmap=on") == 1
    assert "vfio-pci,host=0000:00:02.0,bus=port2,x-no-mmap=on " in slow


def test_graphics_of_the_processor_have_the_option_rom_that_is_named() -> None:
    rom = line(with_graphics(domain(said("igpu.gop", "iris.rom"))))
    assert "host=0000:00:02.0,bus=port2,romfile=/usr/share/eaves/option-roms/iris.rom " in rom
    assert rom.count("option-roms") == 1
    outside = with_graphics(domain(said("igpu.gop", "../../etc/shadow")))
    assert "romfile=/" not in line(outside)


def test_parts_of_user_data_keep_every_character() -> None:
    told = domain(said("process.cloud-init.multipart"))
    files = seed_files(replace(told, user_data=PARTS.replace("till", "tür-€")))
    assert files["user-data"].decode() == "#cloud-config\nhostname: tür-€"


def test_parts_of_user_data_are_files_if_the_node_says_so() -> None:
    told = replace(domain(), user_data=PARTS)
    assert seed_files(told)["user-data"].decode() == PARTS
    split = replace(domain(said("process.cloud-init.multipart")), user_data=PARTS)
    files = seed_files(split)
    assert files["user-data"] == b"#cloud-config\nhostname: till"
    assert files["network-config"] == b"version: 2"
    assert b"instance-id" in files["meta-data"]
    own = replace(VM, meta_data_type=MetaDataType.MetaDataDriveMultipart)
    assert domain(config=own).multipart, "an app asks for it by its kind of seed"
    plain = replace(split, user_data="#cloud-config\n")
    assert seed_files(plain)["user-data"] == b"#cloud-config\n"


@pytest.mark.parametrize("name", ["../boot", "a/b", "", "user-data"])
def test_a_part_of_user_data_without_a_good_name_is_refused(name: str) -> None:
    item = domain(said("process.cloud-init.multipart"))
    told = PARTS.replace("network-config", name)
    with pytest.raises(Rejected, match="part 2 of the user data"):
        seed_files(replace(item, user_data=told))


@pytest.mark.parametrize(
    ("writes", "kept"),
    [
        ('printf 0123456789 > "$1"', b"0123"),
        ('head -c 300000 /dev/zero > "$1"', bytes(4)),  # more than a pipe holds
        (":", b""),  # it never opens the pipe
    ],
)
def test_the_keeper_keeps_so_much_of_what_goes_through_a_pipe(
    tmp_path: Path, writes: str, kept: bytes
) -> None:
    code, pipes = tmp_path / "exit", [tmp_path / "pipe", tmp_path / "other"]
    given = [str(part) for p in pipes for part in (p, p.with_suffix(".kept"), 4)]
    guest = ("sh", "-c", f"ulimit -c; {writes}; exit 3", "guest", str(pipes[0]))
    ran = subprocess.run(
        ("/bin/sh", "-c", KEEPER, "vm", str(code), "7", *given, "--", *guest),
        check=True,
        stdout=subprocess.PIPE,
        timeout=60,
    )
    assert ran.stdout.strip() == b"7"
    assert code.read_text().strip() == "3"
    assert [p.with_suffix(".kept").read_bytes() for p in pipes] == [kept, b""]


def test_memory_that_runs_out_ends_a_guest_before_its_keeper(tmp_path: Path) -> None:
    ask = "cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj; kill -KILL $$"
    code = tmp_path / "exit"
    ran = subprocess.run(
        ("/bin/sh", "-c", KEEPER, "vm", str(code), "0", "--", "sh", "-c", ask),
        check=True,
        stdout=subprocess.PIPE,
        timeout=60,
    )
    own = Path("/proc/self/oom_score_adj").read_text()
    assert ran.stdout.decode() == f"{APP_OOM_SCORE}\n{own}"
    assert code.read_text().strip() == "137"
