"""What user data means to a container.  Pure.

`#cloud-config`: only `write_files` and `runcmd` entries of the form KEY=VALUE; anything else: each
line is KEY=VALUE.  A line that is neither fails the app.  Source: node reference 7.4.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import cast

from eaves.errors import Rejected

COMMAND_KEY = "EVE_ECO_CMD"  # its value replaces entrypoint and command
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
MOST_FILE_BYTES = 1024 * 1024
MOST_FILES_BYTES = 16 * 1024 * 1024  # all of an app's: the node holds them in memory


@dataclass(frozen=True, slots=True)
class SeedFile:
    path: str  # absolute, without ".."
    content: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class Seed:
    env: tuple[str, ...] = ()
    files: tuple[SeedFile, ...] = ()


def parse_user_data(text: str) -> Seed:
    if text.lstrip().startswith("#cloud-config"):
        return _cloud_config(text)
    lines = (line.strip() for line in text.splitlines())
    return Seed(tuple(_pair(line) for line in lines if line and not line.startswith("#")))


def _pair(line: str) -> str:
    key, equals, value = line.partition("=")
    key, value = key.strip(), value.strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    if not equals or not _KEY.fullmatch(key) or "\0" in value:
        # The line itself may be a secret, so only its name is repeated.
        raise Rejected(f"user data: line starting {key[:20]!r} is not KEY=VALUE; correct it")
    return f"{key}={value}"


def _cloud_config(text: str) -> Seed:
    import yaml  # noqa: PLC0415 - a node starts without it

    from eaves.bounded_yaml import TooMuch, load_bounded  # noqa: PLC0415 - as above

    try:
        document = _mapping(load_bounded(text))
    except (TooMuch, RecursionError) as error:
        raise Rejected(f"user data: {error}; write it without so many aliases") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise Rejected(f"user data: not valid YAML{where}; correct it") from error
    if document is None:
        raise Rejected("user data: #cloud-config must hold a mapping")
    commands = _list(document, "runcmd")
    return Seed(
        tuple(_pair(_command(command)) for command in commands),
        tuple(_files(_list(document, "write_files"))),
    )


def _files(entries: list[object]) -> Iterator[SeedFile]:
    left = MOST_FILES_BYTES
    for file in map(_file, entries):
        left -= len(file.content)
        if left < 0:
            raise Rejected(
                f"user data: write_files unpack to more than {MOST_FILES_BYTES} bytes; "
                "put them into the image or a volume"
            )
        yield file


def _mapping(value: object) -> dict[object, object] | None:
    # isinstance leaves the parameters of a builtin open; nothing is assumed of them here.
    return cast("dict[object, object]", value) if isinstance(value, dict) else None


def _list(document: dict[object, object], key: str) -> list[object]:
    value = document.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Rejected(f"user data: {key} must be a list")
    return cast("list[object]", value)  # as above


def _command(entry: object) -> str:
    if isinstance(entry, list):
        return " ".join(str(part) for part in cast("list[object]", entry))  # as above
    return str(entry)


def _file(entry: object) -> SeedFile:
    fields = _mapping(entry) or {}
    asked = fields.get("path")
    if not isinstance(asked, str):
        raise Rejected("user data: each of write_files needs a path")
    path = PurePosixPath(asked)
    if not path.is_absolute() or ".." in path.parts or path == PurePosixPath("/"):
        raise Rejected(f"user data: write_files path {str(path)!r} must be absolute, without ..")
    permissions = str(fields.get("permissions", "0644"))
    try:
        mode = int(permissions, 8) & 0o7777
        content = _decode(str(fields.get("content", "")), str(fields.get("encoding", "")))
    except (ValueError, binascii.Error, OSError, EOFError, zlib.error) as error:
        raise Rejected(f"user data: write_files {path}: {error}; correct it") from error
    return SeedFile(str(path), content, mode)


def _decode(content: str, encoding: str) -> bytes:
    match encoding.lower():
        case "" | "text/plain":
            return content.encode()
        case "b64" | "base64":
            return base64.b64decode(content, validate=True)
        case "gz" | "gzip" | "gz+b64" | "gz+base64" | "gzip+b64" | "gzip+base64":
            packed = base64.b64decode(content, validate=True)
            data = zlib.decompressobj(wbits=31).decompress(packed, MOST_FILE_BYTES + 1)
            if len(data) > MOST_FILE_BYTES:
                raise ValueError(f"unpacks to more than {MOST_FILE_BYTES} bytes")
            return data
        case other:
            raise ValueError(f"unknown encoding {other!r}")
