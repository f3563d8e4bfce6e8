"""The configuration folder: all that a fresh node is given.  EVE API v2, section 11."""

from dataclasses import dataclass, field
from pathlib import Path

from eaves.errors import Rejected, Transient
from eaves.evapi.paths import server_url
from eaves.evapi.register import SOFT_SERIAL
from eaves.node.host.files import read_or_none


class FolderIncomplete(Transient):
    """Something is missing that a person, or an installer, may still put there."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path} {what}; `eaves onboarding DEVICE --out {path.parent}` writes this folder"
        )


class FolderUnusable(Rejected):
    """A file is there and cannot be used."""


@dataclass(frozen=True, slots=True)
class ConfigFolder:
    server: str  # base URL of the controller
    root_certificate: bytes = field(repr=False)  # exact bytes
    onboard_cert: bytes | None = field(repr=False)
    onboard_key: bytes | None = field(repr=False)
    soft_serial: str = ""
    geo_service: str = ""  # URL of who says where an address is; empty: nobody is asked


def read_folder(folder: Path) -> ConfigFolder:
    """Raises FolderIncomplete or FolderUnusable, naming the file and the next step."""
    server = (read_or_none(folder / "server") or b"").decode(errors="replace").strip()
    if not server:
        raise FolderIncomplete(folder / "server", "is missing or empty")
    root = read_or_none(folder / "root-certificate.pem")
    if not root:
        raise FolderIncomplete(folder / "root-certificate.pem", "is missing or empty")
    if b"-----BEGIN CERTIFICATE-----" not in root:
        raise FolderUnusable(f"{folder / 'root-certificate.pem'} holds no PEM certificate")
    cert, key = read_or_none(folder / "onboard.cert.pem"), read_or_none(folder / "onboard.key.pem")
    both = bool(cert) and bool(key)
    serial = (read_or_none(folder / "soft_serial") or b"").decode(errors="replace").strip()
    geo = (read_or_none(folder / "geo-service") or b"").decode(errors="replace").strip()
    return ConfigFolder(
        server_url(server), root, cert if both else None, key if both else None, serial, geo
    )


def serials(folder: ConfigFolder, product: str) -> tuple[str, str]:
    """Serial and soft serial that a machine registers with; `product` is its own.

    A record may have a serial of signs that the API does not allow in a soft one: such a file
    tells the serial itself.  Source: EVE API v2, section 6.1.
    """
    if SOFT_SERIAL.fullmatch(folder.soft_serial):
        return product, folder.soft_serial
    return folder.soft_serial, ""
