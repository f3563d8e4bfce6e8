"""User data that is several files in one: the MIME parts of it, each by its file name.  Pure."""

import email
import re
from email.message import Message

from eaves.errors import Rejected

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MOST_PARTS = 32


def parts_of(user_data: str) -> dict[str, bytes]:
    """Empty where the text is no MIME message.  Raises Rejected for a part without a good name."""
    message = email.message_from_bytes(user_data.encode())
    if not message.is_multipart():
        return {}
    parts = [part for part in message.walk() if not part.is_multipart()]
    if len(parts) > MOST_PARTS:
        raise Rejected(f"user data has {len(parts)} parts; a seed has at most {MOST_PARTS} files")
    files: dict[str, bytes] = {}
    for number, part in enumerate(parts, 1):
        name = part.get_filename() or ""
        if not FILE_NAME.fullmatch(name) or name in files:
            raise Rejected(
                f"part {number} of the user data would be the file {name[:64]!r}; give each part a"
                " Content-Disposition with a filename of its own, without a folder"
            )
        files[name] = _content(part)
    return files


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
