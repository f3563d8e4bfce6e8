"""Bytes of images and artifacts on their way into the controller: in pieces, or in one form.

An upload is three steps, each of which may be the last that this process does:

1. a row says that an upload is under way, and which partial file it fills;
2. bytes are written and synced, then the row says how many there are;
3. the digest is taken from the file, the file gets its name, then the row says that all is there.

So what the row says is on the disk, and whoever sends goes on from there.
"""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from eaves.controller.domain.contract.envelope import ZcOpsType
from eaves.controller.domain.numerals import number_of
from eaves.controller.domain.uploads import Piece, Step, next_step, read_piece
from eaves.controller.northbound.conflicts import done_again_in_conflict
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.forms import FILE, FileOfForm, boundary_of
from eaves.controller.northbound.problems import Problem, Target
from eaves.controller.northbound.routes import Endpoint
from eaves.controller.northbound.work import Work
from eaves.controller.store import contents
from eaves.controller.store.content_files import ContentFolder, UploadUnderWay, Writer
from eaves.controller.store.contents import Held

WRITE_BYTES: Final = 1 << 20
JSON_MOST: Final = 16 << 20  # of a piece that comes as base64


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose bytes arrive; found within the caller's scope."""

    object_id: str
    target: Target
    most_bytes: int
    sha256: str = ""  # what it must be, in lower case; empty: whatever arrives
    size_bytes: int = 0  # as above


@dataclass(frozen=True)
class Receiving:
    """What one kind of object does as its bytes arrive.  `find` raises Problem."""

    find: Callable[[Context, Work, Request], Awaitable[Wanted]]
    begun: Callable[[Work, Wanted], Awaitable[None]]
    done: Callable[[Work, Wanted, str, int], Awaitable[None]]  # digest, bytes
    failed: Callable[[Work, Wanted, str], Awaitable[None]]  # why


@dataclass(frozen=True)
class _Upload:
    """One request that brings bytes."""

    context: Context
    request: Request
    of: Receiving
    folder: ContentFolder


def folder_of(context: Context) -> ContentFolder:
    return ContentFolder(context.settings.content_dir)


def _new(context: Context, request: Request, of: Receiving) -> _Upload:
    """Raises Problem(503) when the request is done again but its body was read already."""
    if getattr(request.state, "bytes_taken", False):
        raise Problem(503, "the database was busy; ask how far the upload is, then go on")
    return _Upload(context, request, of, folder_of(context))


async def _held(upload: _Upload, work: Work, wanted: Wanted) -> Held | None:
    """What there is.  Bytes that were lost (a restore without them) may come again."""
    held = await contents.find_held(work.db, wanted.object_id)
    if held is not None and held.whole and not upload.folder.has(held.sha256):
        return None
    return held


def in_pieces(of: Receiving) -> Endpoint:
    async def endpoint(context: Context, request: Request) -> Response:
        piece = read_piece(request.headers.get("Content-Range", ""))
        if isinstance(piece, str):
            raise Problem(400, piece, location="Content-Range")
        upload = _new(context, request, of)
        async with context.writing(request) as work:
            wanted = await of.find(context, work, request)
            held = before = await _held(upload, work, wanted)
            step = Step.TELL
            if held is None or not held.whole:
                step = next_step(
                    piece,
                    received=held.received_bytes if held is not None else 0,
                    total=held.total_bytes if held is not None else 0,
                )
                if step is Step.BEGIN:
                    held = await _begin(upload, work, wanted, piece.total, before)
        if held is not None and held.whole:
            return await _again(upload, wanted, held, piece)
        if step is Step.BEGIN and before is not None:
            await asyncio.to_thread(upload.folder.drop, before.upload)
        if step is Step.TELL and held is None:
            return context.envelopes.success(
                wanted.target, operation=ZcOpsType.UPDATE, user=request.state.user, status=202
            )
        if step is Step.REFUSE or held is None:
            raise _misplaced(wanted, held, piece)
        try:
            with upload.folder.writing(held.upload, piece.start) as writer:
                return await _take(
                    upload, wanted, await _still(upload, wanted, held), piece, writer
                )
        except UploadUnderWay as error:
            raise Problem(409, str(error), target=wanted.target) from error

    return endpoint


async def _begin(
    upload: _Upload, work: Work, wanted: Wanted, total: int, before: Held | None
) -> Held:
    """Raises Problem(413) and NoRoom where so many bytes are not to be had."""
    settings = upload.context.settings.content
    enterprise = str(work.scope.enterprise)
    if total > wanted.most_bytes:
        raise Problem(
            413,
            f"{wanted.target.name!r} would have {total:,} bytes, {wanted.most_bytes:,} are "
            "allowed; send less",
            target=wanted.target,
        )
    if wanted.size_bytes and wanted.size_bytes != total:
        raise Problem(
            400,
            f"{wanted.target.name!r} is said to have {wanted.size_bytes:,} bytes, {total:,} are "
            "announced; correct its size or send the right file",
            target=wanted.target,
        )
    old = before.total_bytes if before is not None else 0
    for whose, most in ((enterprise, settings.enterprise_bytes), ("", settings.all_bytes)):
        promised = await contents.promised_bytes(work.db, whose) - old
        if promised + total > most:
            raise Problem(
                413,
                f"{'this enterprise' if whose else 'the controller'} keeps {promised:,} bytes, "
                f"with {total:,} more it would be over {most:,}; delete images that nobody needs",
                target=wanted.target,
            )
    upload.folder.require_room(total - (before.received_bytes if before is not None else 0))
    held = Held(
        object_id=wanted.object_id,
        enterprise_id=enterprise,
        upload=work.random(16).hex(),
        total_bytes=total,
        received_bytes=0,
        sha256="",
        updated_at=work.now,
    )
    await contents.begin(work.db, held)
    await upload.of.begun(work, wanted)
    return held


async def _still(upload: _Upload, wanted: Wanted, held: Held) -> Held:
    """The row again, now that nobody else writes to the file."""
    async with upload.context.reading(upload.request) as work:
        now = await contents.find_held(work.db, held.object_id)
    if now is None or (now.upload, now.received_bytes) != (held.upload, held.received_bytes):
        raise Problem(
            409, "another request came between; ask how far the upload is", target=wanted.target
        )
    return now


async def _take(
    upload: _Upload, wanted: Wanted, held: Held, piece: Piece, writer: Writer
) -> Response:
    """Write or compare one piece; finish when it was the last one."""
    same = True
    if piece.size and piece.end <= held.received_bytes:
        async with aclosing(_bytes(upload.request, piece.size)) as data:
            at = piece.start
            async for some in data:
                same = same and await asyncio.to_thread(writer.read, at, len(some)) == some
                at += len(some)
        if not same:
            raise _misplaced(wanted, held, piece)
    elif piece.size:
        async with aclosing(_bytes(upload.request, piece.size)) as data:
            await _write(data, writer)
        await asyncio.to_thread(writer.sync)
        held = await _advance(upload, wanted, held, piece.end, held.total_bytes)
    if held.received_bytes == held.total_bytes:
        return await _finish(upload, wanted, held)
    return _answer(upload, wanted, held)


async def _write(data: AsyncIterator[bytes], writer: Writer) -> int:
    written, gathered = 0, bytearray()
    async for some in data:
        gathered += some
        if len(gathered) >= WRITE_BYTES:
            await asyncio.to_thread(writer.write, bytes(gathered))
            written += len(gathered)
            gathered.clear()
    await asyncio.to_thread(writer.write, bytes(gathered))
    return written + len(gathered)


async def _bytes(request: Request, size: int) -> AsyncGenerator[bytes]:
    """Exactly so many bytes.  Raises Problem(400) when the body has more or less."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip() == "application/json":
        yield await _from_json(request, size)
        return
    left = size
    request.state.bytes_taken = True
    try:
        async with aclosing(request.stream()) as stream:
            async for some in stream:
                left -= len(some)
                if left < 0:
                    break
                if some:
                    yield some
    except ClientDisconnect as error:
        raise Problem(400, "the body ended before its piece was whole; send it again") from error
    if left:
        more = "more bytes than" if left < 0 else f"{left:,} bytes less than"
        raise Problem(400, f"the body has {more} Content-Range says; send the piece again")


async def _from_json(request: Request, size: int) -> bytes:
    if size > JSON_MOST:
        raise Problem(
            413,
            f"a piece in JSON may have {JSON_MOST:,} bytes; send smaller ones, or send the bytes "
            "as they are with Content-Type: application/octet-stream",
        )
    gathered = bytearray()
    request.state.bytes_taken = True
    async with aclosing(request.stream()) as stream:
        async for some in stream:
            gathered += some
            if len(gathered) > JSON_MOST * 2:
                raise Problem(413, "the body is larger than its Content-Range says; send less")
    try:
        text: object = json.loads(bytes(gathered))
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (ValueError, RecursionError, binascii.Error) as error:
        raise Problem(
            400, "a piece in JSON is one string of base64; send that, or the bytes as they are"
        ) from error
    if len(data) != size:
        raise Problem(400, f"the body holds {len(data):,} bytes, Content-Range says {size:,}")
    return data


async def _advance(upload: _Upload, wanted: Wanted, held: Held, received: int, total: int) -> Held:
    async def advanced() -> datetime | None:
        async with upload.context.writing(upload.request) as work:
            done = await contents.advance(work.db, held, received, work.now, total=total)
            return work.now if done else None

    now = await done_again_in_conflict(advanced)
    if now is None:
        raise Problem(409, "another upload came between; begin anew", target=wanted.target)
    return Held(held.object_id, held.enterprise_id, held.upload, total, received, held.sha256, now)


async def _finish(upload: _Upload, wanted: Wanted, held: Held) -> Response:
    digest = await asyncio.to_thread(upload.folder.digest_of, held.upload)
    if wanted.sha256 and digest != wanted.sha256:
        why = (
            f"the bytes that arrived have sha256 {digest}, {wanted.sha256} is asked for; send the "
            "right file, or correct the sha256"
        )
        await _give_up(upload, wanted, held, why)
        raise Problem(400, why, location="imageSha256", target=wanted.target)
    await asyncio.to_thread(upload.folder.keep, held.upload, digest)

    async def completed() -> None:
        async with upload.context.writing(upload.request) as work:
            if not await contents.complete(work.db, held, digest, work.now):
                raise Problem(409, "another upload came between; begin anew", target=wanted.target)
            await upload.of.done(work, wanted, digest, held.total_bytes)

    await done_again_in_conflict(completed)
    await asyncio.to_thread(upload.folder.keep, held.upload, digest)
    await asyncio.to_thread(upload.folder.drop, held.upload)
    return _answer(upload, wanted, held)


async def _give_up(upload: _Upload, wanted: Wanted, held: Held, why: str) -> None:
    """Nothing of the upload stays, and its object says why."""
    async with upload.context.writing(upload.request) as work:
        await contents.drop(work.db, held)
        await upload.of.failed(work, wanted, why)
    await asyncio.to_thread(upload.folder.drop, held.upload)


async def _again(upload: _Upload, wanted: Wanted, held: Held, piece: Piece) -> Response:
    """All is there already: a sender whose last answer was lost learns so, any other is refused."""
    same = piece.total == held.total_bytes
    if same and piece.size:
        path, at = upload.folder.path_of(held.sha256), piece.start

        def read(size: int, place: int) -> bytes:
            with path.open("rb") as file:
                file.seek(place)
                return file.read(size)

        async with aclosing(_bytes(upload.request, piece.size)) as data:
            async for some in data:
                same = same and await asyncio.to_thread(read, len(some), at) == some
                at += len(some)
    if not same:
        raise Problem(
            409,
            f"{wanted.target.name!r} has its bytes already (sha256 {held.sha256}); they never "
            "change: make a new one",
            target=wanted.target,
        )
    return _answer(upload, wanted, held)


def _misplaced(wanted: Wanted, held: Held | None, piece: Piece) -> Problem:
    received = held.received_bytes if held is not None else 0
    total = held.total_bytes if held is not None else piece.total
    return Problem(
        409,
        f"of {wanted.target.name!r} {received:,} bytes of {total:,} are here, and this piece "
        f"(bytes {piece.start:,} to {piece.end - 1:,} of {piece.total:,}) does not follow them; "
        f"go on with Content-Range: bytes {received}-.../{total}, or begin anew at 0",
        location="Content-Range",
        target=wanted.target,
    )


def _answer(upload: _Upload, wanted: Wanted, held: Held) -> Response:
    """200 when all is there, else 202; `Range` says what is."""
    whole = held.received_bytes == held.total_bytes
    answer = upload.context.envelopes.success(
        wanted.target,
        operation=ZcOpsType.UPDATE,
        user=str(upload.request.state.user),
        status=200 if whole else 202,
    )
    if held.received_bytes:
        answer.headers["Range"] = f"bytes=0-{held.received_bytes - 1}"
    return answer


def in_a_form(of: Receiving) -> Endpoint:
    """The whole file at once.  What is cut off begins anew: only pieces can go on."""

    async def endpoint(context: Context, request: Request) -> Response:
        form = FileOfForm(boundary_of(request.headers.get("Content-Type", "")))
        upload = _new(context, request, of)
        length = request.headers.get("Content-Length", "")
        async with context.writing(request) as work:
            wanted = await of.find(context, work, request)
            before = await _held(upload, work, wanted)
            if before is not None and before.whole:
                raise Problem(
                    409,
                    f"{wanted.target.name!r} has its bytes already (sha256 {before.sha256}); they "
                    "never change: make a new one",
                    target=wanted.target,
                )
            # how long the file is shows at its end; the body is a little longer
            sent = number_of(length)
            announced = wanted.most_bytes if sent is None else sent
            total = wanted.size_bytes or min(announced, wanted.most_bytes)
            held = await _begin(upload, work, wanted, total, before)
        if before is not None:
            await asyncio.to_thread(upload.folder.drop, before.upload)
        try:
            with upload.folder.writing(held.upload, 0) as writer:
                size = await _write(_file_of(request, form, wanted), writer)
                await asyncio.to_thread(writer.sync)
                held = await _advance(upload, wanted, held, size, size)
        except Problem as problem:
            await _give_up(upload, wanted, held, str(problem))
            raise
        return await _finish(upload, wanted, held)

    return endpoint


async def _file_of(request: Request, form: FileOfForm, wanted: Wanted) -> AsyncGenerator[bytes]:
    """Raises Problem for a form without a file, with too large a one, or that ends early."""
    size = 0
    request.state.bytes_taken = True
    try:
        async with aclosing(request.stream()) as stream:
            async for some in stream:
                for data in form.feed(some):
                    size += len(data)
                    if size > (wanted.size_bytes or wanted.most_bytes):
                        raise Problem(
                            413,
                            f"the file has more than {wanted.size_bytes or wanted.most_bytes:,} "
                            "bytes; send less",
                            target=wanted.target,
                        )
                    yield data
    except ClientDisconnect as error:
        raise Problem(400, "the body ended before the form did; send it again") from error
    if not form.found or not form.whole:
        what = "is cut off" if form.found else f"has no file {FILE}"
        raise Problem(400, f"the form {what}; send multipart/form-data with one file")
    if not size or (wanted.size_bytes and size != wanted.size_bytes):
        raise Problem(
            400,
            f"the file has {size:,} bytes, {wanted.size_bytes or 'some'} are asked for; send the "
            "right file",
            target=wanted.target,
        )
