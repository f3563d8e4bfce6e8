"""Texts of devices as the databases can keep them, whatever a device writes.

Nothing of the API bounds them, and PostgreSQL refuses two: a NUL in any text, and a key of an index
that is longer than a third of a page.
"""

import hashlib
from typing import Final

KEY_BYTES: Final = 256  # UTF-8; identifiers of real devices have 36 to 200
_DIGEST: Final = 64  # characters
_HEAD_BYTES: Final = KEY_BYTES - _DIGEST - 1
_SURELY_SHORT: Final = KEY_BYTES // 4  # characters


def storable(text: str) -> str:
    return text.replace("\0", "\N{SYMBOL FOR NULL}") if "\0" in text else text


def storable_key(text: str) -> str:
    """For what is a key: at most KEY_BYTES, and another one for every other text.

    A longer text becomes its beginning and its SHA-256.
    """
    text = storable(text)
    if len(text) <= _SURELY_SHORT:
        return text
    data = text.encode()
    if len(data) <= KEY_BYTES:
        return text
    head = data[:_HEAD_BYTES].decode(errors="ignore")  # a character may be cut
    return f"{head}~{hashlib.sha256(data).hexdigest()}"
