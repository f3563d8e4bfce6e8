"""The JavaScript that a build of the console holds, as console/package-lock.json locks it."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packageurl import PackageURL

LOCK: Final = "console/package-lock.json"
NO_CODE: Final = "@types/"  # declarations for the type checker: a build holds nothing of them
SHA512: Final = "sha512-"


@dataclass(frozen=True)
class Part:
    name: str
    version: str
    hashes: tuple[str, ...]  # SHA-512 of the archive that the registry serves, as hex
    licence: str  # an SPDX expression, as its authors tell it; empty when they do not
    needs: frozenset[str]  # names of other packages

    @property
    def purl(self) -> PackageURL:
        scope, _, name = self.name.rpartition("/")
        return PackageURL("npm", namespace=scope or None, name=name, version=self.version)


def read_parts(repository: Path) -> list[Part]:
    """Each version once, by name; what only builds or tests the console is left out."""
    lock = repository / LOCK
    if not lock.exists():
        return []
    found: dict[tuple[str, str], Part] = {}
    for place, entry in json.loads(lock.read_text(encoding="utf-8"))["packages"].items():
        name = place.rpartition("node_modules/")[2]
        if not name or name.startswith(NO_CODE) or entry.get("dev"):
            continue
        locked = str(entry.get("integrity", "")).split()
        found[name, entry["version"]] = Part(
            name,
            entry["version"],
            tuple(
                base64.b64decode(one.removeprefix(SHA512)).hex()
                for one in locked
                if one.startswith(SHA512)
            ),
            str(entry.get("license", "")),
            frozenset(entry.get("dependencies", {})),
        )
    return [found[key] for key in sorted(found)]
