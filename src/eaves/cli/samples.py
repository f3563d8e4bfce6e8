"""Sample images, made from what the host's packages give: no download of an image, no mount.

A container image (busybox, a web server) and a disk that boots, with the same busybox.  Each is
cached under the versions of the packages it is made of.
"""

import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from eaves.cli.disks import (
    BUSYBOX,
    MODULES,
    Bootable,
    DiskSample,
    build_disk,
    busybox,
    kernel_package,
    read_disk,
)
from eaves.cli.layouts import ContainerSample, cached, command, read_layout, write_layout

RECIPE = "3"  # counts changes of this file that change what is built
DISK_MIB = 40


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
mkdir -p /www/cgi-bin
cat > /www/cgi-bin/word <<'EOF'
#!/bin/sh
# Keeps a word (?WORD) on the disk: in a sector between its boot record and its partition.
printf 'Content-Type: text/plain\\r\\n\\r\\n'
at="bs=512 count=1 status=none"
[ -z "$QUERY_STRING" ] || echo "$QUERY_STRING" | dd of=/dev/vda seek=64 conv=sync,fsync $at
dd if=/dev/vda skip=64 $at | tr -d '\\0'
EOF
chmod +x /www/cgi-bin/word
echo "sample machine: ready, GREETING=$greeting"
case "$greeting" in poweroff*) poweroff -f ;; panic*) echo c > /proc/sysrq-trigger ;; esac
while true; do httpd -f -v -p 80 -h /www; sleep 1; done
"""


def container_image(cache: Path, tag: str = "v1") -> ContainerSample:
    """A web server on port 80 that prints its start and each request; about 1 MB."""
    key = _key("container", tag, _version("busybox-static"))
    return _container(cache / f"container-{key}", tag, busybox(), "amd64")


def foreign_container(
    cache: Path, program: bytes, architecture: str, tag: str = "v1"
) -> ContainerSample:
    """The same for machines of `architecture`, whose busybox is `program`."""
    key = _key("container", tag, architecture, hashlib.sha256(program).hexdigest())
    return _container(cache / f"container-{key}", tag, program, architecture)


def _container(place: Path, tag: str, program: bytes, architecture: str) -> ContainerSample:
    with cached(place) as (folder, fresh):
        if fresh:
            _write_layout(folder, tag, program, architecture)
    return read_layout(place, tag)


def _files(program: bytes) -> Mapping[str, bytes]:
    """What the image's only layer holds, beside links of the applets."""
    return {"bin/busybox": program, "bin/start-web": WEB_START.encode()}


def vm_disk(cache: Path) -> DiskSample:
    """A disk that boots by BIOS, takes an address by DHCP and answers HTTP on port 80."""
    kernel = kernel_package()
    key = _key("disk", kernel, _version("busybox-static"), _version("syslinux"))
    with cached(cache / f"disk-{key}") as (folder, fresh):
        if fresh:
            build_disk(folder, cache, kernel, Bootable(VM_INIT, MODULES, DISK_MIB))
    return read_disk(cache / f"disk-{key}")


def _key(*parts: str) -> str:
    recipe = "\0".join((RECIPE, VM_INIT, WEB_START, *parts))
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


def _version(package: str) -> str:
    return command("dpkg-query", "-W", "-f", "${Version}", package)


def _applets() -> list[str]:
    return [name for name in command(BUSYBOX, "--list").split() if name != "busybox"]


def _write_layout(folder: Path, tag: str, program: bytes, architecture: str) -> None:
    config: dict[str, object] = {
        "Env": ["PATH=/bin:/sbin", "WEB=1"],
        "Entrypoint": ["/bin/start-web"],
        "WorkingDir": "/",
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"org.opencontainers.image.title": "eaves sample web"},
    }
    write_layout(folder, _layer(program), config, tag, architecture)


def _layer(program: bytes) -> bytes:
    """Reproducible: the same files give the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("bin", "etc", "tmp", "var", "www", "root"):
            _add(tar, name, None, 0o1777 if name == "tmp" else 0o755)
        for name, data in _files(program).items():
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
