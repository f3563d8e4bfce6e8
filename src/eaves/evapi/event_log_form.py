"""Writing the log of a measured boot: for those who play one.  TCG PC Client, crypto-agile format.

Nothing here is shared with `event_log`, which reads it: both have to agree on the format.
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

POST_CODE, NO_ACTION, SEPARATOR, ACTION, EVENT_TAG, CRTM_VERSION = 1, 3, 4, 5, 6, 8
IPL: Final = 13
EFI_CONFIG, EFI_BOOT, EFI_APPLICATION = 0x80000001, 0x80000002, 0x80000003
EFI_GPT, EFI_ACTION, EFI_FIRMWARE = 0x80000006, 0x80000007, 0x80000008
SHA1, SHA256 = 4, 11
GUID: Final = bytes.fromhex("61dfe48bca93d211aa0d00e098032b8c")


@dataclass(frozen=True)
class Step:
    """One thing that is measured at a boot; `digest` is that of the data unless given."""

    pcr: int
    kind: int
    data: bytes
    digest: bytes = b""

    @property
    def measured(self) -> bytes:
        return self.digest or hashlib.sha256(self.data).digest()

    def logged(self) -> bytes:
        return event(self.pcr, self.kind, self.data, self.measured)


def header() -> bytes:
    sizes = struct.pack("<HHHH", SHA1, 20, SHA256, 32)
    spec = b"Spec ID Event03\0" + struct.pack("<IBBBBI", 0, 0, 2, 0, 2, 2) + sizes + b"\0"
    return struct.pack("<II20sI", 0, NO_ACTION, bytes(20), len(spec)) + spec


def event(pcr: int, kind: int, data: bytes, digest: bytes) -> bytes:
    digests = struct.pack("<I", 2)
    digests += struct.pack("<H", SHA1) + hashlib.sha1(data).digest()  # noqa: S324 - logs have this bank, nothing trusts it
    digests += struct.pack("<H", SHA256) + digest
    return struct.pack("<II", pcr, kind) + digests + struct.pack("<I", len(data)) + data


def variable(name: str, value: bytes) -> bytes:
    return GUID + struct.pack("<QQ", len(name), len(value)) + name.encode("utf-16-le") + value


def program(path: str) -> bytes:
    node = path.encode("utf-16-le") + b"\0\0"
    device = struct.pack("<BBH", 4, 4, 4 + len(node)) + node + bytes.fromhex("7fff0400")
    return struct.pack("<QQQQ", 0, 0, 0, len(device)) + device


def tag(text: str) -> bytes:
    """What an EFI stub logs as EV_EVENT_TAG."""
    said = text.encode() + b"\0"
    return struct.pack("<II", 0x8F3B22ED, len(said)) + said
