"""The bytes of one piece of an upload, as they are or as a JSON text of base64."""

import base64
import binascii
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from fastapi import Request
from starlette.requests import ClientDisconnect

from eaves.controller.northbound.problems import Problem

JSON_MOST: Final = 16 << 20  # of a piece that comes as base64


async def bytes_of_piece(request: Request, size: int) -> AsyncGenerator[bytes]:
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
