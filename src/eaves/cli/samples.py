"""Sample images, made from what the host's packages give: no download of an image, no mount.

A container image (busybox, a web server) and a disk that boots by BIOS (syslinux on FAT, Debian's
cloud kernel, the same busybox).  Each is cached under the versions of the packages it is made of.
"""

import gzip
import hashlib
import io
import shutil
import struct
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eaves.cli.layouts import (
    ContainerSample,
    cached,
    command,
    read_layout,
    sha256,
    write_layout,
)
from eaves.errors import Rejected, Transient

BUSYBOX = Path("/bin/busybox")
SYSLINUX_MBR = Path("/usr/lib/syslinux/mbr/mbr.bin")
RECIPE = "3"  # counts changes of this file that change what is built
SECTOR = 512
MIB = 1024 * 1024
PARTITION_START = 2048  # sectors
DISK_MIB = 40
KERNEL_PACKAGE = "linux-image-cloud-amd64"
MODULES = (
    "virtio_ring",
    "virtio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_blk",
    "failover",
    "net_failover",
    "virtio_net",
    "scsi_common",
    "scsi_mod",
    "virtio_scsi",
    "cdrom",
    "sr_mod",
    "isofs",
    "evdev",
    "button",
)


@dataclass(frozen=True, slots=True)
class DiskSample:
    path: Path  # qcow2
    sha256: str
    size_bytes: int


WEB_START = """#!/bin/sh
mkdir -p /www
echo "hello from a container, GREETING=${GREETING:-none}" > /www/index.html
echo "web app is starting as $(id -u), GREETING=${GREETING:-none}"
# The first process of a container gets no signal that it does not ask for.
httpd -f -v -p 80 -h /www &
trap "kill $!; exit 0" TERM
wait $!
"""

VM_INIT = """#!/bin/sh
export PATH=/bin:/sbin
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /tmp /www /seed /etc
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
echo "sample machine: init runs"
for m in $(cat /modules/order); do insmod "/modules/$m.ko" || echo "module $m failed"; done
echo 0 > /proc/sys/kernel/printk
cat > /tmp/power <<'EOF'
#!/bin/sh
echo "sample machine: power button, going down" > /dev/console
sync
poweroff -f
EOF
chmod +x /tmp/power
mkdir -p /etc/acpi/PWRF
cp /tmp/power /etc/acpi/PWRF/00000080
mdev -s
acpid -f -l /dev/null -c /etc/acpi &
greeting="no seed"
for dev in /dev/sr0 /dev/vd? ; do
  [ -b "$dev" ] || continue
  mount -t iso9660 -o ro "$dev" /seed 2>/dev/null || continue
  if [ -f /seed/meta-data ]; then
    echo "sample machine: seed on $dev"
    greeting="$(grep '^GREETING=' /seed/user-data | cut -d= -f2-)"
    echo "sample machine: $(head -n 1 /seed/meta-data)"
  fi
  umount /seed
done
cat > /tmp/dhcp <<'EOF'
#!/bin/sh
case "$1" in
bound|renew)
  ip addr flush dev "$interface" scope global
  ip addr add "$ip/${mask:-24}" dev "$interface"
  for r in $router; do ip route replace default via "$r" dev "$interface"; done
  : > /etc/resolv.conf
  for s in $dns; do echo "nameserver $s" >> /etc/resolv.conf; done
  echo "sample machine: $interface has $ip" ;;
esac
EOF
chmod +x /tmp/dhcp
ip link set lo up
for path in /sys/class/net/eth*; do
  [ -e "$path" ] || continue
  ip link set "${path##*/}" up
  udhcpc -b -q -S -i "${path##*/}" -s /tmp/dhcp -t 10 -T 1 -A 2
done
echo "hello from a virtual machine, GREETING=$greeting" > /www/index.html
echo "sample machine: ready, GREETING=$greeting"
case "$greeting" in poweroff*) poweroff -f ;; panic*) echo c > /proc/sysrq-trigger ;; esac
while true; do httpd -f -v -p 80 -h /www; sleep 1; done
"""


def container_image(cache: Path, tag: str = "v1") -> ContainerSample:
    """A web server on port 80 that prints its start and each request; about 1 MB."""
    key = _key("container", tag, _version("busybox-static"))
    with cached(cache / f"container-{key}") as (folder, fresh):
        if fresh:
            _write_layout(folder, tag)
    return read_layout(cache / f"container-{key}", tag)


def container_files() -> Mapping[str, bytes]:
    """What the image's only layer holds, beside links of the applets."""
    return {"bin/busybox": _busybox(), "bin/start-web": WEB_START.encode()}


def vm_disk(cache: Path) -> DiskSample:
    """A disk that boots by BIOS, takes an address by DHCP and answers HTTP on port 80."""
    kernel = _kernel_package()
    key = _key("disk", kernel, _version("busybox-static"), _version("syslinux"))
    with cached(cache / f"disk-{key}") as (folder, fresh):
        if fresh:
            _build_disk(folder, cache, kernel)
    path = cache / f"disk-{key}" / "disk.qcow2"
    digest = (path.parent / "sha256").read_text().strip()
    return DiskSample(path, digest, path.stat().st_size)


def _key(*parts: str) -> str:
    recipe = "\0".join((RECIPE, VM_INIT, WEB_START, *parts))
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


def _version(package: str) -> str:
    return command("dpkg-query", "-W", "-f", "${Version}", package)


def _busybox() -> bytes:
    if not BUSYBOX.exists():
        raise Rejected(f"{BUSYBOX} is missing; install the package busybox-static")
    return BUSYBOX.read_bytes()


def _applets() -> list[str]:
    return [name for name in command(BUSYBOX, "--list").split() if name != "busybox"]


def _write_layout(folder: Path, tag: str) -> None:
    config: dict[str, object] = {
        "Env": ["PATH=/bin:/sbin", "WEB=1"],
        "Entrypoint": ["/bin/start-web"],
        "WorkingDir": "/",
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"org.opencontainers.image.title": "eaves sample web"},
    }
    write_layout(folder, _layer(), config, tag)


def _layer() -> bytes:
    """Reproducible: the same files give the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("bin", "etc", "tmp", "var", "www", "root"):
            _add(tar, name, None, 0o1777 if name == "tmp" else 0o755)
        for name, data in container_files().items():
            _add(tar, name, data, 0o755)
        _add(
            tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1000::/:/bin/sh\n", 0o644
        )
        _add(tar, "etc/group", b"root:x:0:\nweb:x:1000:\n", 0o644)
        for applet in _applets():
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes | None, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.mode = mode
    if data is None:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
        return
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _kernel_package() -> str:
    """The real package behind Debian's meta package."""
    for line in command("apt-cache", "depends", KERNEL_PACKAGE).splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind == "Depends" and name.startswith("linux-image-"):
            return name
    raise Transient(f"{KERNEL_PACKAGE} is not known to apt; run apt-get update and try again")


def _fetch_kernel(cache: Path, package: str) -> Path:
    """The unpacked package: boot/vmlinuz-* and lib/modules/*.  Nothing is installed."""
    with cached(cache / f"kernel-{package}") as (folder, fresh):
        if fresh:
            # apt complains, harmlessly, where its own user may not write.
            command("apt-get", "download", package, cwd=folder)
            archive = next(folder.glob("*.deb"))
            command("dpkg", "-x", archive, folder)
            archive.unlink()
    return cache / f"kernel-{package}"


def _build_disk(folder: Path, cache: Path, package: str) -> None:
    unpacked = _fetch_kernel(cache, package)
    kernel = next((unpacked / "boot").glob("vmlinuz-*"))
    raw, fat = folder / "disk.raw", folder / "esp.fat"
    sectors = DISK_MIB * MIB // SECTOR - PARTITION_START
    initrd = folder / "initrd"
    initrd.write_bytes(gzip.compress(_initramfs(unpacked), compresslevel=6, mtime=0))
    with fat.open("wb") as file:
        file.truncate(sectors * SECTOR)
    command("mkfs.fat", "-F", "16", "-h", str(PARTITION_START), "-i", "ea7e5001", fat)
    (folder / "syslinux.cfg").write_text(
        "DEFAULT linux\nPROMPT 0\nTIMEOUT 0\nSERIAL 0 115200\nLABEL linux\n"
        "  LINUX /vmlinuz\n  INITRD /initrd\n"
        "  APPEND console=ttyS0,115200 quiet panic=1 net.ifnames=0\n"
    )
    for name, source in (
        ("vmlinuz", kernel),
        ("initrd", initrd),
        ("syslinux.cfg", folder / "syslinux.cfg"),
    ):
        command("mcopy", "-i", fat, source, f"::{name}")
    command("syslinux", "--install", fat)
    with raw.open("wb") as disk:
        disk.truncate(DISK_MIB * MIB)
        disk.write(SYSLINUX_MBR.read_bytes()[:440])
        disk.seek(446)
        disk.write(
            struct.pack(
                "<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x0E, b"\xfe\xff\xff", PARTITION_START, sectors
            )
        )
        disk.seek(510)
        disk.write(b"\x55\xaa")
        disk.seek(PARTITION_START * SECTOR)
        with fat.open("rb") as source_file:
            shutil.copyfileobj(source_file, disk, MIB)
    qcow2 = folder / "disk.qcow2"
    command("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", raw, qcow2)
    (folder / "sha256").write_text(sha256(qcow2.read_bytes()))
    for path in (raw, fat, initrd, folder / "syslinux.cfg"):
        path.unlink()


def _initramfs(unpacked: Path) -> bytes:
    found = {path.stem.replace("-", "_"): path for path in unpacked.glob("lib/modules/**/*.ko")}
    entries: list[tuple[str, int, bytes]] = [
        *((name, 0o040755, b"") for name in ("bin", "sbin", "modules", "proc", "sys", "dev")),
        ("bin/busybox", 0o100755, _busybox()),
        ("bin/sh", 0o120777, b"busybox"),
        ("init", 0o100755, VM_INIT.encode()),
    ]
    order = [name for name in MODULES if name in found]  # others are built in
    entries += [(f"modules/{name}.ko", 0o100644, found[name].read_bytes()) for name in order]
    entries.append(("modules/order", 0o100644, " ".join(order).encode()))
    return _cpio(entries)


def _cpio(entries: list[tuple[str, int, bytes]]) -> bytes:
    """The "newc" format that the kernel unpacks."""
    out = bytearray()
    for number, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], start=1):
        encoded = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        out += bytes(-len(out) % 4)
        out += data
        out += bytes(-len(out) % 4)
    return bytes(out)
