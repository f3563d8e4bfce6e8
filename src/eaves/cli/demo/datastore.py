"""A small read-only datastore: files with byte ranges, and images by the OCI distribution API.

    GET /files/NAME                         from FOLDER/files
    GET /v2/NAME/manifests/TAG-OR-DIGEST    from the OCI image layout FOLDER/oci/NAME
    GET /v2/NAME/blobs/DIGEST

It exists so that a demonstration needs no registry and no web server.
"""

import json
import re
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Final

import msgspec

CHUNK_BYTES: Final = 256 * 1024
MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
REF_NAME: Final = "org.opencontainers.image.ref.name"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_IMAGE_PATH = re.compile(r"/v2/([a-z0-9][a-z0-9._/-]*)/(manifests|blobs)/([^/]+)")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class Found:
    path: Path
    media_type: str
    digest: str = ""  # "sha256:<hex>" of what the registry side serves


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a file, the last one included; `whole` when no range was asked for."""

    first: int
    last: int
    whole: bool

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def find(folder: Path, path: str) -> Found | None:
    """What a URL path stands for; None where there is nothing, or nothing that may be read."""
    if path.startswith("/files/"):
        name = path.removeprefix("/files/")
        file = folder / "files" / name
        plain = _NAME.fullmatch(name) is not None and file.is_file() and not file.is_symlink()
        return Found(file, "application/octet-stream") if plain else None
    parts = _IMAGE_PATH.fullmatch(path)
    if parts is None or not all(_NAME.fullmatch(step) for step in parts[1].split("/")):
        return None
    layout = folder / "oci" / parts[1]
    if parts[2] == "blobs":
        return _blob(layout, parts[3], "application/octet-stream")
    if _DIGEST.fullmatch(parts[3]):
        return _blob(layout, parts[3], _media_type(layout, parts[3]))
    return next((m for tag, m in _manifests(layout) if tag == parts[3]), None)


def _blob(layout: Path, digest: str, media_type: str) -> Found | None:
    hexadecimal = _DIGEST.fullmatch(digest)
    if hexadecimal is None:
        return None
    path = layout / "blobs" / "sha256" / hexadecimal[1]
    return Found(path, media_type, digest) if path.is_file() else None


def _media_type(layout: Path, digest: str) -> str:
    return next((m.media_type for _, m in _manifests(layout) if m.digest == digest), MANIFEST_TYPE)


class _Entry(msgspec.Struct, rename="camel"):
    digest: str = ""
    media_type: str = MANIFEST_TYPE
    annotations: dict[str, str] = {}


class _Index(msgspec.Struct):
    manifests: tuple[_Entry, ...] = ()


def _manifests(layout: Path) -> Iterator[tuple[str, Found]]:
    """Tag and manifest of each entry of the layout's index."""
    try:
        index = msgspec.json.decode((layout / "index.json").read_bytes(), type=_Index)
    except (OSError, msgspec.MsgspecError):
        return
    for entry in index.manifests:
        found = _blob(layout, entry.digest, entry.media_type)
        if found is not None:
            yield entry.annotations.get(REF_NAME, "latest"), found


def span(asked: str | None, size: int) -> Span | None:
    """The bytes that a Range header asks for; None when there are none of them.

    What is not understood, several ranges included, is answered with everything (RFC 9110, 14.2).
    """
    everything = Span(0, size - 1, whole=True)
    parts = _RANGE.fullmatch((asked or "").strip())
    if parts is None or parts[0] == "bytes=-":
        return everything
    first, last = parts[1], parts[2]
    if not first:  # the last N bytes
        length = min(int(last), size)
        return Span(size - length, size - 1, whole=False) if length else None
    if int(first) >= size:
        return None
    end = min(int(last), size - 1) if last else size - 1
    return Span(int(first), end, whole=False) if end >= int(first) else everything


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "eaves-datastore"
    sys_version = ""
    folder: Path

    def do_GET(self) -> None:
        self._answer(send_body=True)

    def do_HEAD(self) -> None:
        self._answer(send_body=False)

    def _answer(self, *, send_body: bool) -> None:
        path = self.path.partition("?")[0]
        if path in {"/v2", "/v2/"}:
            self._head(HTTPStatus.OK, {"Content-Length": "2", "Content-Type": "application/json"})
            if send_body:
                self.wfile.write(b"{}")
            return
        found = find(self.folder, path)
        if found is None:
            self._refuse(HTTPStatus.NOT_FOUND, f"{path}: there is nothing here")
            return
        with found.path.open("rb") as file:
            self._send_file(found, file, send_body=send_body)

    def _send_file(self, found: Found, file: IO[bytes], *, send_body: bool) -> None:
        status = found.path.stat()
        size, tag = status.st_size, f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        if_range = self.headers.get("If-Range")
        asked = self.headers.get("Range") if if_range in {None, tag} else None
        part = span(asked, size)
        if part is None:
            extra = {"Content-Range": f"bytes */{size}"}
            self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "range beyond the end", extra)
            return
        headers = {
            "Content-Type": found.media_type,
            "Content-Length": str(part.length),
            "Accept-Ranges": "bytes",
            "ETag": tag,
            "Last-Modified": formatdate(status.st_mtime, usegmt=True),
        }
        if found.digest:
            headers["Docker-Content-Digest"] = found.digest
        if not part.whole:
            headers["Content-Range"] = f"bytes {part.first}-{part.last}/{size}"
        self._head(HTTPStatus.OK if part.whole else HTTPStatus.PARTIAL_CONTENT, headers)
        if send_body:
            self._copy(file, part)

    def _copy(self, file: IO[bytes], part: Span) -> None:
        file.seek(part.first)
        left = part.length
        while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
            try:
                self.wfile.write(chunk)
            except ConnectionError:
                self.close_connection = True  # the reader went away; it comes back with a range
                return
            left -= len(chunk)

    def _head(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _refuse(
        self, status: HTTPStatus, reason: str, headers: dict[str, str] | None = None
    ) -> None:
        body = json.dumps({"errors": [{"code": status.name, "message": reason}]}).encode()
        mine = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        self._head(status, {**mine, **(headers or {})})
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing: what was fetched is told by the node."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def datastore(folder: Path, host: str, port: int = 0) -> Generator[int]:
    """Serve `folder` until the end of the block; yields the port."""
    handler = type("Answers", (_Answers,), {"folder": folder})
    server = _Server((host, port), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="datastore")
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
