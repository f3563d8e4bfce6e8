"""Programs of UEFI: what the firmware hashes of one, and what its sections hold.

Source: Microsoft PE/COFF, "Windows Authenticode Portable Executable Signature Format"; EDK2's
`HashPeImage`, which hashes sections by their place in the file.
"""

import hashlib
import struct
from typing import NamedTuple

_COFF = struct.Struct("<4sHHIIIHH")
_SECTION = struct.Struct("<8sIIII12xI")
_PE32_PLUS = 0x20B
_CHECKSUM = 64  # offset in the optional header
_CERTIFICATES = 4  # number of its data directory


class Section(NamedTuple):
    name: str
    virtual_size: int
    address: int
    raw_size: int
    offset: int


class Program(NamedTuple):
    data: bytes
    coff: int  # offset of the signature "PE"
    optional: int  # offset of the optional header
    sections: tuple[Section, ...]

    def content(self, name: str) -> bytes:
        """What a section holds, as it is in memory; the stub measures this much."""
        one = next(section for section in self.sections if section.name == name)
        held = self.data[one.offset : one.offset + min(one.raw_size, one.virtual_size)]
        return held.ljust(one.virtual_size, b"\0")


def read_program(data: bytes) -> Program:
    (coff,) = struct.unpack_from("<I", data, 0x3C)
    magic, _, count, _, _, _, size, _ = _COFF.unpack_from(data, coff)
    optional = coff + _COFF.size
    if magic != b"PE\0\0" or struct.unpack_from("<H", data, optional)[0] != _PE32_PLUS:
        raise ValueError("no PE32+ program")
    found: list[Section] = []
    for number in range(count):
        at = optional + size + 40 * number
        name, virtual_size, address, raw_size, offset, _ = _SECTION.unpack_from(data, at)
        found.append(Section(name.rstrip(b"\0").decode(), virtual_size, address, raw_size, offset))
    return Program(data, coff, optional, tuple(found))


def authenticode(data: bytes) -> str:
    """SHA-256 that the firmware extends PCR 4 with, in hex."""
    program = read_program(data)
    checksum = program.optional + _CHECKSUM
    directory = program.optional + 112 + 8 * _CERTIFICATES
    (headers,) = struct.unpack_from("<I", data, program.optional + 60)
    _, certificates = struct.unpack_from("<II", data, directory)
    hashed = hashlib.sha256(data[:checksum])
    hashed.update(data[checksum + 4 : directory])
    hashed.update(data[directory + 8 : headers])
    done = headers
    for one in sorted(program.sections, key=lambda section: section.offset):
        if one.raw_size:
            hashed.update(data[one.offset : one.offset + one.raw_size])
            done += one.raw_size
    if len(data) > done:
        hashed.update(data[done : len(data) - certificates])
    return hashed.hexdigest()


def without_time(data: bytes) -> bytes:
    """The same program, of no time and without a checksum, which UEFI does not read."""
    program = read_program(data)
    fixed = bytearray(data)
    struct.pack_into("<I", fixed, program.coff + 8, 0)
    struct.pack_into("<I", fixed, program.optional + _CHECKSUM, 0)
    return bytes(fixed)


def end_of_sections(data: bytes) -> int:
    """The first free address, rounded up to pages."""
    program = read_program(data)
    last = max(one.address + one.virtual_size for one in program.sections)
    return -(-last // 4096) * 4096


def image_base(data: bytes) -> int:
    program = read_program(data)
    (base,) = struct.unpack_from("<Q", data, program.optional + 24)
    return int(base)
