"""One row of the audit log as a line of JSON, and the digest that chains it to the row before.

The digest of a row is SHA-256 over the digest of the row before (32 bytes) and the line without its
members `digest` and `seal`, written with sorted names, no spaces and nothing but ASCII.  The row
before the first one is the enterprise itself.  Whoever has a file of such lines can check it.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

BEGINNING: Final = "eaves audit log 1 of "
NOT_SAID: Final = frozenset({"digest", "seal"})


def first_digest(enterprise_id: str) -> bytes:
    """What stands before the first row."""
    return hashlib.sha256(f"{BEGINNING}{enterprise_id}".encode()).digest()


def next_digest(before: bytes, line: Mapping[str, object]) -> bytes:
    """The digest that a line has behind a row whose digest is `before`."""
    said = {name: value for name, value in line.items() if name not in NOT_SAID}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(before + text.encode()).digest()
