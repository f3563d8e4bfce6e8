"""What the root of an image does not hold, looked at without a boot."""

import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.image_builds import Images
from support.scenarios import EVIDENCE

pytestmark = [pytest.mark.vm, pytest.mark.short]

GONE = {
    "package manager": "apt apt-get aptitude dpkg rpm dnf yum apk snap flatpak pip pip3",
    "login": "login getty agetty mingetty sulogin su sudo doas passwd newgrp sg chsh",
    "remote shell": "sshd dropbear telnetd in.telnetd rshd in.rshd rlogind in.rlogind mosh-server",
    "network daemon": (
        "inetd xinetd httpd nginx apache2 lighttpd vsftpd in.tftpd smbd rpcbind avahi-daemon"
        " chronyd ntpd named snmpd cupsd exim4 master systemd-resolved systemd-journal-remote"
        " systemd-journal-gatewayd"
    ),
}
SHELLS = ("sh", "ash", "bash", "dash", "rbash", "busybox")
SOCKETS = ("ListenStream", "ListenDatagram", "ListenSequentialPacket")  # others have no ports
LOCAL = ("/", "@")
Told = Callable[[str, object], None]


@pytest.fixture(scope="module")
def root(images: Images) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "root"
        argv = ["fsck.erofs", f"--extract={root}", str(images.first / "root.img")]
        subprocess.run(argv, check=True, capture_output=True)
        yield root


def programs(root: Path) -> set[str]:
    """Names of whatever can be run; a link that leads nowhere cannot."""
    places = (root / "usr" / folder for folder in ("bin", "sbin", "lib", "libexec", "local"))
    return {one.name for place in places for one in place.rglob("*") if is_program(root, one)}


def is_program(root: Path, path: Path) -> bool:
    if path.is_symlink():
        target = str(path.readlink())
        end = root / target.lstrip("/") if target.startswith("/") else path.parent / target
        return end.is_symlink() or (end.exists() and not end.is_dir())
    mode = path.lstat().st_mode
    return stat.S_ISREG(mode) and bool(mode & 0o111)


def units(root: Path, kind: str) -> dict[str, list[tuple[str, str]]]:
    """The settings of each unit that is not masked, in the order in which they stand."""
    ours, theirs = root / "etc/systemd/system", root / "usr/lib/systemd/system"
    return {
        path.name: [
            (key.strip(), value.strip())
            for line in path.read_text().splitlines()
            for key, equals, value in (line.partition("="),)
            if equals and not line.startswith(("#", ";"))
        ]
        for path in (*theirs.glob(f"*.{kind}"), *ours.glob(f"*.{kind}"))
        if not path.is_symlink() and not (ours / path.name).is_symlink()
    }


@pytest.mark.parametrize("kind", GONE)
def test_it_holds_none_of_what_a_device_has_no_use_for(
    root: Path, kind: str, record_property: Told
) -> None:
    found = programs(root)
    assert {"systemd", "python3", "eaves"} <= found
    assert found.intersection(GONE[kind].split()) == set()
    record_property(EVIDENCE, f"{len(found)} programs, no {kind}")


def test_nobody_has_a_password(root: Path) -> None:
    lines = (root / "etc/shadow").read_text().splitlines()
    locked = {line.split(":")[0]: line.split(":")[1].startswith(("*", "!")) for line in lines}
    assert locked["root"]
    assert all(locked.values()), locked


def test_no_unit_gives_a_shell_to_who_sits_at_a_terminal(root: Path) -> None:
    found = units(root, "service")
    on_terminals = {
        name: value.lstrip("-@:+!").split()[0]
        for name, settings in found.items()
        if any(key == "StandardInput" and value.startswith("tty") for key, value in settings)
        for key, value in settings
        if key == "ExecStart" and value
    }
    assert "eaves-console@.service" in on_terminals
    shells = {name: one for name, one in on_terminals.items() if Path(one).name in SHELLS}
    assert shells == {}


def test_no_unit_listens_for_the_network(root: Path, record_property: Told) -> None:
    found = units(root, "socket")
    listens = {
        (name, value)
        for name, settings in found.items()
        for key, value in settings
        if key in SOCKETS and value
    }
    assert ("dbus.socket", "/run/dbus/system_bus_socket") in listens
    assert {one for one in listens if not one[1].startswith(LOCAL)} == set()
    record_property(EVIDENCE, f"{len(listens)} sockets of {len(found)} units, all of this machine")


def test_what_busybox_could_do_is_told(root: Path, record_property: Told) -> None:
    """It is there for the client of DHCP; nothing else begins it."""
    argv = [str(root / "usr/bin/busybox"), "--list"]
    told = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()
    assert "udhcpc" in told
    names = {one for group in GONE.values() for one in group.split()} | {"httpd"}
    some = ", ".join(one for one in told if one in names)
    record_property(EVIDENCE, f"{len(told)} words, among them {some}")
