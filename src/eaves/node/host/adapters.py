"""Network adapters of this machine that are ready to be set up, and what kind they are."""

from pathlib import Path
from typing import Final

ETHERNET: Final = "1"  # ARPHRD_ETHER of the kernel
CAN: Final = "280"
OF_RADIO: Final = ("DEVTYPE=wlan", "DEVTYPE=wwan")


def ready(root: Path = Path("/")) -> frozenset[str]:
    """With hardware behind them.  udev is done with them: it renames none that is up."""
    return frozenset(
        folder.name
        for folder in _folders(root)
        if (folder / "device").exists() and _text(folder / "type") != CAN
        if (root / "run/udev/data" / f"n{_text(folder / 'ifindex')}").exists()
    )


def radios(root: Path = Path("/")) -> frozenset[str]:
    """Those behind which no cable is."""
    return frozenset(
        folder.name
        for folder in _folders(root)
        if _text(folder / "type") != ETHERNET
        or any(word in _text(folder / "uevent").split() for word in OF_RADIO)
    )


def _folders(root: Path) -> tuple[Path, ...]:
    folder = root / "sys/class/net"
    return tuple(folder.iterdir()) if folder.is_dir() else ()


def _text(path: Path) -> str:
    """Empty for what went meanwhile."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
