"""Everything that an image is made from besides the packages of its lock."""

import hashlib
from pathlib import Path

PROJECT = Path(__file__).parents[1]
SOURCES = ("src/eaves", "image", "requirements/node.lock", "pyproject.toml")


def digest() -> str:
    found = hashlib.sha256()
    for name in SOURCES:
        at = PROJECT / name
        for path in sorted(at.rglob("*")) if at.is_dir() else [at]:
            if path.is_file() and "__pycache__" not in path.parts:
                data = hashlib.sha256(path.read_bytes()).hexdigest()
                found.update(f"{path.relative_to(PROJECT)} {data}\n".encode())
    return found.hexdigest()
