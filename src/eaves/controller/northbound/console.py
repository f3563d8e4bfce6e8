"""The built console: files of the wheel, served by the controller itself and from nowhere else.

Everything below `/` that is neither the API nor a page of the controller belongs to it.  A path
that names no file is a view of the console, which its one page opens; files below `/assets/` have
the hash of their content in their name, so they are kept for ever, and the page is asked for anew
each time.  A build that is made while the controller runs is found by itself.  A file that the
build packed (`NAME.gz` beside it) is sent as it is there to whoever takes gzip.
"""

import asyncio
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from eaves.controller.northbound.external import CALLBACK
from eaves.controller.northbound.operations import BASE_PATH
from eaves.controller.northbound.strict import RawHeaders, strict
from eaves.controller.observe.surface import PATHS

PAGE: Final = "index.html"
ASSETS: Final = "/assets/"
NOT_OURS: Final = frozenset({BASE_PATH, CALLBACK, *PATHS})
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; worker-src 'self'; "
    "connect-src 'self'; img-src 'self' data: blob:; font-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
FOR_EVER: Final = "public, max-age=31536000, immutable"
ASKED_ANEW: Final = "no-cache"
ABSENT: Final = (
    "this controller has no console: it was not built into this installation "
    "(in a checkout: make console); the API is below /api, its pages at /api/docs\n"
)
TYPES: Final[Mapping[str, str]] = {  # whatever the machine thinks
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".pbf": "application/x-protobuf",
    ".pmtiles": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
PACKED: Final = ".gz"


@dataclass(frozen=True, slots=True)
class File:
    """`packed`: by gzip; empty where the build saw that it saves nothing."""

    body: bytes
    packed: bytes
    media: str
    tag: bytes  # as an ETag has it, quoted
    kept: str


def built_folder() -> Path:
    """Where the wheel has the console; a checkout, where it is built to."""
    return Path(str(resources.files("eaves"))) / "console" / "dist"


def read_file(path: Path, kept: str) -> File:
    body = path.read_bytes()
    beside = path.with_name(f"{path.name}{PACKED}")
    packed = beside.read_bytes() if beside.exists() else b""
    media = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    digest = hashlib.sha256(body).hexdigest()[:32]
    return File(
        body,
        packed,
        media or "application/octet-stream",
        f'"{digest}"'.encode(),
        kept,
    )


class Files:
    """One build, by path; what is not listed is not there, so no path leads out of the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built_ns = 0  # when the page was written; 0: there is none
        self._paths: Mapping[str, Path] = {}
        self._read: dict[str, File] = {}

    @property
    def present(self) -> bool:
        return (self._folder / PAGE).is_file()

    def find(self, path: str) -> File | None:
        """What a request path gets; None for a file that is not there.  Blocks."""
        self._look()
        if ".." in path.split("/"):
            return None  # no view has such a name: somebody tries the door
        named = path if path in self._paths else f"/{PAGE}"
        if named != path and (path.startswith(ASSETS) or "." in path.rpartition("/")[2]):
            return None  # of an older build: a page in its place would be run as a script
        if named not in self._paths:
            return None
        if named not in self._read:
            kept = FOR_EVER if named.startswith(ASSETS) else ASKED_ANEW
            self._read[named] = read_file(self._paths[named], kept)
        return self._read[named]

    def _look(self) -> None:
        """Begin anew where it was built since; the page is written last."""
        try:
            built_ns = (self._folder / PAGE).stat().st_mtime_ns
        except FileNotFoundError:
            built_ns = 0
        if built_ns == self._built_ns:
            return
        found = self._folder.rglob("*") if built_ns else ()
        self._paths = {
            f"/{path.relative_to(self._folder).as_posix()}": path
            for path in found
            if path.is_file() and path.suffix != PACKED
        }
        self._read, self._built_ns = {}, built_ns


class Console:
    """Answers what belongs to the console; everything else passes through."""

    def __init__(self, app: ASGIApp, files: Files) -> None:
        self._app, self._files = app, files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if path in NOT_OURS or path.startswith(f"{BASE_PATH}/"):
            await self._app(scope, receive, send)
            return
        file = await asyncio.to_thread(self._files.find, path)
        if file is None and path != "/":
            await self._app(scope, receive, send)  # which says that there is no such thing
            return
        status, headers, body = _answer(file, dict(scope["headers"]))
        start = {"type": "http.response.start", "status": status, "headers": strict(headers)}
        await send(start)
        shown = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": shown})


def _answer(file: File | None, asked: Mapping[bytes, bytes]) -> tuple[int, RawHeaders, bytes]:
    if file is None:
        body = ABSENT.encode()
        return 404, [(b"content-type", TYPES[".txt"].encode()), _length(body)], body
    headers: RawHeaders = [
        (b"content-security-policy", POLICY.encode()),
        (b"cache-control", file.kept.encode()),
        (b"etag", file.tag),
        (b"vary", b"accept-encoding"),
    ]
    known = asked.get(b"if-none-match", b"").replace(b"W/", b"")
    if file.tag in (one.strip() for one in known.split(b",")):
        return 304, headers, b""
    headers.append((b"content-type", file.media.encode()))
    if file.packed and b"gzip" in asked.get(b"accept-encoding", b""):
        headers += [(b"content-encoding", b"gzip"), _length(file.packed)]
        return 200, headers, file.packed
    return 200, [*headers, _length(file.body)], file.body


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()
