"""Bytes of images and artifacts that the controller keeps: where, and how many."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class ContentSettings:
    folder: Path | None = None  # None: below the state folder
    server: str = ""  # host:port where devices fetch; empty: their server, the port of REST
    file_bytes: int = 64 * GIB
    artifact_bytes: int = GIB // 16
    enterprise_bytes: int = 256 * GIB
    all_bytes: int = 1024 * GIB
    spare_bytes: int = GIB  # of the disk, which no upload uses up


def read_content_settings(environment: Mapping[str, str]) -> ContentSettings:
    """Raises ValueError with the name of a variable that holds no number of GiB."""
    folder = environment.get("EAVES_CONTENT_DIR", "")
    bare = ContentSettings()
    return ContentSettings(
        folder=Path(folder) if folder else None,
        server=environment.get("EAVES_CONTENT_SERVER", ""),
        file_bytes=_gib(environment, "EAVES_CONTENT_FILE_GIB", bare.file_bytes),
        enterprise_bytes=_gib(environment, "EAVES_CONTENT_ENTERPRISE_GIB", bare.enterprise_bytes),
        all_bytes=_gib(environment, "EAVES_CONTENT_GIB", bare.all_bytes),
        spare_bytes=_gib(environment, "EAVES_CONTENT_SPARE_GIB", bare.spare_bytes),
    )


def _gib(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or not int(text):
        raise ValueError(f"{name} is {text!r}; give a whole number of GiB from 1")
    return int(text) * GIB
