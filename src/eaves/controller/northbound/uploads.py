"""Bytes of images and artifacts on their way into the controller: in pieces, or in one form.

An upload is three steps, each of which may be the last that this process does:

1. a row says that an upload is under way, and which partial file it fills;
2. bytes are written and synced, then the row says how many there are;
3. the digest is taken from the file, the file gets its name, then the row says that all is there.

So what the row says is on the disk, and whoever sends goes on from there.

Room is promised at the first step: within the bounds of the settings, and on the disk beside what
other uploads were promised.  Each write looks at the disk once more, since others fill it too.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, aclosing
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
from eaves.controller.northbound.piece_bodies import bytes_of_piece
from eaves.controller.northbound.problems import Problem, Target
from eaves.controller.northbound.routes import Endpoint
from eaves.controller.northbound.work import Work
from eaves.controller.store import contents
from eaves.controller.store.content_files import (
    BytesLost,
    ContentFolder,
    NoRoom,
    UploadUnderWay,
    Writer,
)
from eaves.controller.store.contents import Held

WRITE_BYTES: Final = 1 << 20
GROWS_BY: Final = 1 << 30  # the room of a form whose length nobody announced


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
    return ContentFolder(context.settings.content_dir, context.settings.content.spare_bytes)


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
            held = await _held(upload, work, wanted)
            before: Held | None = None
            step = Step.TELL
            if held is None or not held.whole:
                step = next_step(
                    piece,
                    received=held.received_bytes if held is not None else 0,
                    total=held.total_bytes if held is not None else 0,
                )
                if step is Step.BEGIN:
                    held, before = await _begin(upload, work, wanted, piece.total)
        if held is not None and held.whole:
            return await _again(upload, wanted, held, piece)
        await _drop_file(upload, before)
        if step is Step.TELL and held is None:
            return context.envelopes.success(
                wanted.target, operation=ZcOpsType.UPDATE, user=request.state.user, status=202
            )
        if step is Step.REFUSE or held is None:
            raise _misplaced(wanted, held, piece)
        try:
            with upload.folder.writing(held.upload, piece.start, held.received_bytes) as writer:
                return await _take(
                    upload, wanted, await _still(upload, wanted, held), piece, writer
                )
        except UploadUnderWay as error:
            raise Problem(409, str(error), target=wanted.target) from error
        except BytesLost as error:
            await _give_up(upload, wanted, held, str(error))
            raise Problem(409, str(error), target=wanted.target) from error

    return endpoint


async def _drop_file(upload: _Upload, replaced: Held | None) -> None:
    """Of an upload that another one took the place of."""
    if replaced is not None and replaced.upload:
        await asyncio.to_thread(upload.folder.drop, replaced.upload)


async def _begin(
    upload: _Upload, work: Work, wanted: Wanted, total: int
) -> tuple[Held, Held | None]:
    """An upload, and the one whose place it takes.

    Raises Problem(413) and NoRoom where so many bytes are not to be had.
    """
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
    await contents.hold_room(work.db)
    before = await contents.find_held(work.db, wanted.object_id)  # as it is now
    if before is not None and before.whole and upload.folder.has(before.sha256):
        raise _there_already(wanted, before)
    here = before.received_bytes if before is not None and not before.whole else 0
    await _require_room(upload, work, wanted, total, before, here)
    held = Held(
        object_id=wanted.object_id,
        enterprise_id=str(work.scope.enterprise),
        upload=work.random(16).hex(),
        total_bytes=total,
        received_bytes=0,
        sha256="",
        updated_at=work.now,
    )
    await contents.begin(work.db, held)
    await upload.of.begun(work, wanted)
    return held, before


async def _require_room(
    upload: _Upload, work: Work, wanted: Wanted, total: int, before: Held | None, here: int
) -> None:
    """For `total` bytes instead of what `before` was promised; `here` of them need no more room.

    The caller holds the room.  Raises Problem(413) and NoRoom.
    """
    settings, enterprise = upload.context.settings.content, str(work.scope.enterprise)
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
    others = await contents.bytes_to_come(work.db)
    if before is not None and not before.whole:
        others -= before.total_bytes - before.received_bytes
    upload.folder.require_room(total - here, others)


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
        async with aclosing(bytes_of_piece(upload.request, piece.size)) as data:
            at = piece.start
            async for some in data:
                same = same and await asyncio.to_thread(writer.read, at, len(some)) == some
                at += len(some)
        if not same:
            raise _misplaced(wanted, held, piece)
    elif piece.size:
        async with aclosing(bytes_of_piece(upload.request, piece.size)) as data:
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
    """Nothing of the upload stays, and its object says why.

    The file goes first: on a full disk the database may not take a word before.
    """
    await asyncio.to_thread(upload.folder.drop, held.upload)
    async with upload.context.writing(upload.request) as work:
        if await contents.drop(work.db, held):
            await upload.of.failed(work, wanted, why)


async def _again(upload: _Upload, wanted: Wanted, held: Held, piece: Piece) -> Response:
    """All is there already: a sender whose last answer was lost learns so, any other is refused."""
    same = piece.total == held.total_bytes
    if same and piece.size:
        path, at = upload.folder.path_of(held.sha256), piece.start

        def read(size: int, place: int) -> bytes:
            with path.open("rb") as file:
                file.seek(place)
                return file.read(size)

        async with aclosing(bytes_of_piece(upload.request, piece.size)) as data:
            async for some in data:
                same = same and await asyncio.to_thread(read, len(some), at) == some
                at += len(some)
    if not same:
        raise _there_already(wanted, held)
    return _answer(upload, wanted, held)


def _there_already(wanted: Wanted, held: Held) -> Problem:
    return Problem(
        409,
        f"{wanted.target.name!r} has its bytes already (sha256 {held.sha256}); they never change: "
        "make a new one",
        target=wanted.target,
    )


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
            # how long the file is shows at its end; the body is a little longer
            sent = number_of(length)
            announced = GROWS_BY if sent is None else sent
            total = wanted.size_bytes or min(announced, wanted.most_bytes)
            held, before = await _begin(upload, work, wanted, total)
        await _drop_file(upload, before)
        with ExitStack() as cut_off:  # only pieces can go on
            cut_off.callback(upload.folder.drop, held.upload)
            try:
                with upload.folder.writing(held.upload, 0) as writer:
                    data = _reserving(upload, wanted, held, _file_of(request, form, wanted))
                    async with aclosing(data):
                        size = await _write(data, writer)
                    await asyncio.to_thread(writer.sync)
                    held = await _advance(upload, wanted, held, size, size)
            except (Problem, NoRoom) as refused:
                await _give_up(upload, wanted, held, str(refused))
                raise
            cut_off.pop_all()
        return await _finish(upload, wanted, held)

    return endpoint


async def _reserving(
    upload: _Upload, wanted: Wanted, held: Held, data: AsyncGenerator[bytes]
) -> AsyncGenerator[bytes]:
    """Pass the bytes on; room is asked for as they become more than was announced."""
    size, total = 0, held.total_bytes
    async with aclosing(data):
        async for some in data:
            size += len(some)
            if size > total:
                total = min(max(size, total + GROWS_BY), wanted.most_bytes)
                await _grow(upload, wanted, held, total, here=size)
            yield some


async def _grow(upload: _Upload, wanted: Wanted, held: Held, total: int, *, here: int) -> None:
    async def grown() -> bool:
        async with upload.context.writing(upload.request) as work:
            await contents.hold_room(work.db)
            await _require_room(upload, work, wanted, total, await _row(work, held), here)
            return await contents.advance(work.db, held, 0, work.now, total=total)

    if not await done_again_in_conflict(grown):
        raise Problem(409, "another upload came between; begin anew", target=wanted.target)


async def _row(work: Work, held: Held) -> Held | None:
    """What the row of this upload promises by now; None: another one took its place."""
    there = await contents.find_held(work.db, held.object_id)
    return there if there is not None and there.upload == held.upload else None


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
