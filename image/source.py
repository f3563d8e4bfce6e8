"""Everything that an image is made from besides the packages of its lock."""

import hashlib
from pathlib import Path

PROJECT = Path(__file__).parents[1]
SOURCES = ("src/eaves", "image", "requirements/node.lock", "pyproject.toml")
NOT_OF_A_NODE = ("controller", "fleet", "cli", "console")  # parts of eaves that no image holds


def _elsewhere(path: Path) -> bool:
    """It becomes nothing of an image."""
    return "__pycache__" in path.parts or any(
        PROJECT / "src/eaves" / name in path.parents for name in NOT_OF_A_NODE
    )


def digest() -> str:
    found = hashlib.sha256()
    for name in SOURCES:
        at = PROJECT / name
        for path in sorted(at.rglob("*")) if at.is_dir() else [at]:
            if path.is_file() and not _elsewhere(path):
                data = hashlib.sha256(path.read_bytes()).hexdigest()
                found.update(f"{path.relative_to(PROJECT)} {data}\n".encode())
    return found.hexdigest()
