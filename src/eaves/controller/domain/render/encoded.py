"""What clients of the REST contract send in base64 or plain, as devices want it."""

import base64
import binascii
from typing import Final

BEGIN: Final = "-----BEGIN"


def pem_of(text: str) -> bytes:
    """PEM, of PEM or of base64 of it: that is how clients of the contract send bytes.

    What is neither goes as it came: the device that cannot use it says so.
    """
    if BEGIN in text:
        return text.encode()
    try:
        decoded = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        return text.encode()
    return decoded if BEGIN.encode() in decoded else text.encode()


def script_of(text: str) -> str:
    """A PAC file as devices want it, in base64; who types one may leave that out."""
    if "FindProxyForURL" in text:
        return base64.b64encode(text.encode()).decode("ascii")
    return text
