"""An encrypted partition: LUKS2 by cryptsetup, and the file system in it.  Blocking.

Keys go through a pipe, never through arguments, files or the environment.
"""

import subprocess
from pathlib import Path
from typing import Final

from eaves.errors import Rejected, Transient

# Its last blocks are for who may take more than others (CAP_SYS_RESOURCE): the node, and what
# writes down what apps print.  Apps run as root too, but may not; so nobody is given as their user.
MOUNTED: Final = "nodev,nosuid,resuid=4294967294"
LABEL: Final = "eaves-vault"
BEGUN: Final = f"{LABEL}-begun"  # the label until a key opens it
_LUKS: Final = "crypto_LUKS"
_WRONG_KEY: Final = 2  # exit status of cryptsetup
_NOT_MENDED: Final = 4  # least exit status of e2fsck that leaves errors
_TIMEOUT_S: Final = 300.0


class LuksFailed(Transient):
    def __init__(self, argv: list[str], done: "subprocess.CompletedProcess[bytes]") -> None:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        super().__init__(
            f"`{' '.join(argv)}` exited {done.returncode}: {' / '.join(said[-3:]) or 'no output'}"
        )


class WrongKey(Rejected):
    def __init__(self, device: Path) -> None:
        super().__init__(f"{device} is encrypted with another key")


class InUse(Transient):
    def __init__(self, path: Path) -> None:
        super().__init__(f"files below {path} are in use; stop what holds them, then lock again")


def is_ours(device: Path) -> bool:
    """Is it a LUKS2 partition that was made by us, to the end?"""
    told = _told(device)
    return told.get("TYPE") == _LUKS and told.get("LABEL") == LABEL and "UUID" in told


def is_begun(device: Path) -> bool:
    """Did power go while we made it?  Its data are none, unless a key opens it.

    The label stands before the UUID in the header, which was zeros: a torn one has no UUID.
    """
    told = _told(device)
    label = told.get("LABEL", "")
    torn = "UUID" not in told and BEGUN.startswith(label)
    return told.get("TYPE") == _LUKS and (torn or label == BEGUN)


def holds(device: Path) -> str:
    """What stands on it, in one word; empty: nothing that is known."""
    told = _told(device)
    return told.get("TYPE", told.get("PTTYPE", ""))


def _told(device: Path) -> dict[str, str]:
    done = _run(["blkid", "--probe", "-o", "export", str(device)], check=False)
    pairs = (line.partition("=") for line in done.stdout.decode(errors="replace").splitlines())
    return {name: value for name, _, value in pairs}


def make(device: Path, key: bytes) -> None:
    """Of a partition that holds nothing, or was begun.  Whatever is cut, a next call ends it."""
    if not (is_begun(device) and opens(device, key)):
        format_device(device, key)


def opens(device: Path, key: bytes) -> bool:
    argv = ["cryptsetup", "open", "--test-passphrase", "--type", "luks2", "--key-file", "-"]
    argv += ["--keyfile-size", str(len(key)), str(device)]
    return _run(argv, key, check=False).returncode == 0


def finish(device: Path) -> None:
    """A key opened it, and from now on it may hold data: it is never made again.

    Not only once: where power goes while the label is written, cryptsetup goes back to the former.
    """
    if not is_ours(device):
        _run(["cryptsetup", "config", "--label", LABEL, str(device)])


def format_device(device: Path, key: bytes) -> None:
    """The key is random already: nothing is gained by making it dearer to try."""
    _run(
        [
            *("cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--label", BEGUN),
            *("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"),
            *("--key-file", "-", "--keyfile-size", str(len(key)), str(device)),
        ],
        key,
    )


def mapper(name: str) -> Path:
    return Path("/dev/mapper") / name


def unlock(device: Path, name: str, key: bytes) -> None:
    """Raises WrongKey, LuksFailed."""
    argv = ["cryptsetup", "open", "--type", "luks2", "--allow-discards", "--key-file", "-"]
    argv += ["--keyfile-size", str(len(key)), str(device), name]
    done = _run(argv, key, check=False)
    if done.returncode == _WRONG_KEY:
        raise WrongKey(device)
    if done.returncode:
        raise LuksFailed(argv, done)


def lock(name: str) -> None:
    _run(["cryptsetup", "close", name])


def mount(name: str, target: Path) -> None:
    """Make the file system where there is none; mend it where it needs that; never replace one."""
    device = mapper(name)
    if not holds(device):
        _run(["mkfs.ext4", "-q", "-L", LABEL, str(device)])
    argv = ["e2fsck", "-p", str(device)]
    done = _run(argv, check=False)
    if done.returncode >= _NOT_MENDED:
        raise LuksFailed(argv, done)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    _run(["mount", "-t", "ext4", "-o", MOUNTED, str(device), str(target)])
    target.chmod(0o700)


def unmount(target: Path) -> None:
    """Raises InUse."""
    if _run(["umount", str(target)], check=False).returncode:
        raise InUse(target)


def is_mounted(name: str, target: Path) -> bool:
    """By the device's number: its name in the list of mounts may be another one."""
    device = mapper(name)
    return device.exists() and target.is_dir() and target.stat().st_dev == device.stat().st_rdev


def _run(
    argv: list[str], stdin: bytes = b"", *, check: bool = True
) -> "subprocess.CompletedProcess[bytes]":
    try:
        done = subprocess.run(  # noqa: S603 - argv is ours
            argv, input=stdin, capture_output=True, check=False, timeout=_TIMEOUT_S
        )
    except FileNotFoundError as error:
        raise Rejected(f"program {argv[0]} is not installed; install its Debian package") from error
    except subprocess.TimeoutExpired as error:
        raise Transient(f"`{' '.join(argv)}` did not end in {_TIMEOUT_S:g} s") from error
    if check and done.returncode:
        raise LuksFailed(argv, done)
    return done
