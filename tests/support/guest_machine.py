"""One virtual machine a run with the kernel that Debian installs on real hardware.

It does what the kernel of the machine that runs the tests may lack: VLANs, bonds, VLANs of a
bridge, netem, Wi-Fi radios of mac80211_hwsim, an IOMMU.  It needs no image: its root is that of
this machine, read only by 9p, under a file system in memory that takes what is written.  So the
same interpreter runs the same tests from the same folder, as root of a machine of their own.
"""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from support.tied import start_tied

from eaves.cli.disks import Bootable, fetch_kernel, initramfs, kernel_package
from eaves.cli.layouts import cached, command

INSIDE: Final = "EAVES_GUEST_REPORTS"
"""Names the file that takes the reports of the tests; set in the machine only."""
PACKAGE: Final = "linux-image-amd64"
CACHE: Final = Path("/var/tmp/eaves-test-images")  # noqa: S108 - root's, named by content
BYTECODE: Final = CACHE / "guest-bytecode"
REPOSITORY: Final = Path(__file__).resolve().parents[2]
WITHIN_S: Final = 1500.0
MEMORY_MIB: Final = 2048
PLACE: Final = "/run/eaves-guest"  # in the machine: the folder that both sides write

KERNEL_WORDS: Final = (
    "console=ttyS0 quiet panic=1 intel_iommu=on mitigations=off net.ifnames=0 sysrq_always_enabled"
)

_MODULES: Final = ("virtio_pci", "9pnet_virtio", "9p", "overlay", "virtio_rng")
_FIRST: Final = """\
#!/bin/sh
/bin/busybox mkdir -p /host /memory /new
/bin/busybox mount -t proc proc /proc
for m in $(/bin/busybox cat /modules/order); do
  /bin/busybox insmod /modules/$m.ko || echo "guest: $m does not load"
done
set -e
by9p=trans=virtio,version=9p2000.L,msize=512000
/bin/busybox mount -t 9p -o ro,cache=loose,$by9p host /host
/bin/busybox mount -t tmpfs memory /memory
/bin/busybox mkdir /memory/upper /memory/work
layers=lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work
/bin/busybox mount -t overlay -o $layers over /new
for f in proc sys dev run tmp; do
  /bin/busybox mkdir -p /new/$f
done
/bin/busybox mount -t tmpfs run /new/run
/bin/busybox mkdir -p /new@PLACE@
/bin/busybox mount -t 9p -o $by9p place /new@PLACE@
/bin/busybox umount /proc
exec /bin/busybox switch_root /new /bin/sh @PLACE@/begin
"""
_BEGIN: Final = """\
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
ln -s /proc/self/fd /dev/fd
for n in 0/stdin 1/stdout 2/stderr; do ln -s /proc/self/fd/${n%/*} /dev/${n#*/}; done
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
case @REPOSITORY@ in /tmp/*) ;; *) mount -t tmpfs tmp /tmp ;; esac
mount -t cgroup2 cgroup /sys/fs/cgroup
mount --make-rshared /
mkdir -p /lib/modules
ln -s @MODULES@ /lib/modules/
hostname guest
ip link set lo up
ip netns add first && ip netns del first  # leaves the mount below which namespaces get names
echo "guest: tests begin after $(cut -d' ' -f1 /proc/uptime) s"
cd @REPOSITORY@
setsid -w @COMMAND@ <@PLACE@/wanted >@PLACE@/output 2>&1
echo $? >@PLACE@/ended
sync
echo o >/proc/sysrq-trigger
sleep 60
"""


def kernel() -> Path:
    """The unpacked package with `modules.dep`, fetched once on a machine; nothing is installed."""
    package = kernel_package(PACKAGE)
    with cached(CACHE / f"guest-{package}") as (folder, fresh):
        if fresh:
            unpacked = fetch_kernel(CACHE, package)
            command("cp", "-al", f"{unpacked}/boot", f"{unpacked}/lib", folder)
            version = next((folder / "lib/modules").iterdir()).name
            command("depmod", "-b", folder, version)
    return CACHE / f"guest-{package}"


def _compile(argv: Sequence[str], environment: Mapping[str, str]) -> None:
    """All modules that the tests import: an emulated processor takes a minute for what takes this
    one a second.  What changed since is compiled anew, by its time and size.
    """
    told = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        argv,
        cwd=REPOSITORY,
        env={**told, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode:
        raise RuntimeError(f"the tests cannot be collected: {(done.stdout + done.stderr)[-3000:]}")


def _filled(text: str, **values: str) -> str:
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


class GuestMachine:
    """Runs tests in the machine and hands back their reports as they come."""

    def __init__(self, folder: Path) -> None:
        """`folder`: empty; what both sides write, and the console."""
        self._folder = folder
        self._place = folder / "place"
        self.kernel = ""  # its version
        self.seconds = 0.0  # from power on to power off

    @property
    def console(self) -> str:
        log = self._folder / "console.log"
        return log.read_text(errors="replace")[-3000:] if log.exists() else ""

    @property
    def output(self) -> str:
        """What pytest printed in the machine."""
        log = self._place / "output"
        return log.read_text(errors="replace")[-3000:] if log.exists() else ""

    def run(self, node_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Boot, run these tests, power off; their reports in the form of pytest's own hooks."""
        unpacked = kernel()
        modules = next((unpacked / "lib/modules").iterdir())
        self.kernel = modules.name
        self._place.mkdir()
        wanted = [f"{REPOSITORY}/{node_id}" for node_id in node_ids]
        (self._place / "wanted").write_text("".join(f"{one}\0" for one in wanted))
        environment = {
            INSIDE: f"{PLACE}/reports",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "PYTHONPYCACHEPREFIX": str(BYTECODE),
        }
        pytest = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q")
        _compile([*pytest, "--collect-only", *wanted], environment)
        environment["PYTHONDONTWRITEBYTECODE"] = "1"  # what is there is read all the same
        begin = _filled(
            _BEGIN,
            MODULES=str(modules),
            REPOSITORY=str(REPOSITORY),
            PLACE=PLACE,
            COMMAND=" ".join(
                ("env", *(f"{k}={v}" for k, v in environment.items()), "xargs", "-0", *pytest)
            ),
        )
        (self._place / "begin").write_text(begin)
        first = initramfs(unpacked, Bootable(_filled(_FIRST, PLACE=PLACE), _MODULES, 0))
        (self._folder / "initrd").write_bytes(gzip.compress(first, compresslevel=1))
        begun = time.monotonic()
        with (self._folder / "console.log").open("wb") as log:
            machine = start_tied(self._command(unpacked), stdout=log, stderr=log)
        try:
            yield from self._reports(machine, begun + WITHIN_S)
        finally:
            machine.send_signal(signal.SIGKILL)
            machine.wait()
            self.seconds = time.monotonic() - begun

    def _command(self, unpacked: Path) -> list[str]:
        def shared(tag: str, folder: Path, *more: str) -> tuple[str, str]:
            options = ("security_model=none", "multidevs=remap", f"mount_tag={tag}", *more)
            return "-virtfs", ",".join(("local", f"path={folder}", *options))

        return [
            *("qemu-system-x86_64", "-machine", "q35", "-cpu", "max"),
            *("-accel", "tcg,thread=multi", "-smp", "2", "-m", str(MEMORY_MIB)),
            *("-device", "intel-iommu", "-nodefaults", "-no-reboot", "-display", "none"),
            *("-serial", "stdio", "-device", "virtio-rng-pci", "-device", "e1000e"),
            *("-kernel", str(next((unpacked / "boot").glob("vmlinuz-*")))),
            *("-initrd", str(self._folder / "initrd")),
            *("-append", KERNEL_WORDS),
            *shared("host", Path("/"), "readonly=on"),
            *shared("place", self._place),
        ]

    def _reports(
        self, machine: subprocess.Popen[bytes], deadline: float
    ) -> Iterator[dict[str, Any]]:
        file, rest = self._place / "reports", ""
        read = 0
        while True:
            over = machine.poll() is not None or (self._place / "ended").exists()
            if file.exists():
                with file.open("rb") as reports:
                    reports.seek(read)
                    more = reports.read()
                read += len(more)
                *lines, rest = (rest + more.decode()).split("\n")
                yield from map(json.loads, lines)
            if over or time.monotonic() > deadline:
                return
            time.sleep(0.1)  # another machine writes the file
