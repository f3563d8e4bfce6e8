"""The file of a `multipart/form-data` body, as it arrives: nothing is held but one buffer."""

from collections.abc import Iterator
from email.message import Message
from typing import Final

from eaves.controller.northbound.problems import Problem

HEAD_MOST: Final = 16 * 1024
FILE: Final = "imageFile"


def boundary_of(content_type: str) -> bytes:
    """Raises Problem(415) for a body that is no form."""
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_boundary("")
    if message.get_content_type() != "multipart/form-data" or not boundary:
        raise Problem(
            415, f"Content-Type is {content_type!r}; send multipart/form-data with a file {FILE}"
        )
    return str(boundary).encode("latin-1")


class FileOfForm:
    """`feed` gives the bytes of the file part; what stands around it is skipped."""

    def __init__(self, boundary: bytes) -> None:
        self._mark = b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")  # so that the first mark looks like every other
        self._in_head = self._in_file = self._over = False
        self.found = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Raises Problem(400)."""
        self._buffer += data
        while not self._over:
            if self._in_head:
                if not self._read_head():
                    return
                continue
            at = self._buffer.find(self._mark)
            if at < 0:
                # the last bytes may be the beginning of a mark
                sure = max(0, len(self._buffer) - len(self._mark) + 1)
                if sure and self._in_file:
                    yield bytes(self._buffer[:sure])
                del self._buffer[:sure]
                return
            if at and self._in_file:
                yield bytes(self._buffer[:at])
            rest = at + len(self._mark)
            if len(self._buffer) < rest + 2:
                del self._buffer[:at]
                return
            self._over = bytes(self._buffer[rest : rest + 2]) == b"--"
            self._in_file, self._in_head = False, True
            del self._buffer[:rest]

    def _read_head(self) -> bool:
        """False: more must arrive first."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > HEAD_MOST:
                raise Problem(400, f"a part of the form has a head of more than {HEAD_MOST} bytes")
            return False
        message = Message()
        for line in bytes(self._buffer[:end]).decode("latin-1").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon and name.strip().lower() == "content-disposition":
                message["Content-Disposition"] = value.strip()
        field = message.get_param("name", header="content-disposition")
        named = field == FILE or message.get_filename() is not None
        self._in_file = named and not self.found
        self.found = self.found or self._in_file
        self._in_head = False
        del self._buffer[: end + 4]
        return True

    @property
    def whole(self) -> bool:
        """The last mark was seen."""
        return self._over
