"""One side of a connection that is passed on: who it is, its bytes, its end.

Of asyncio and of uvloop, which tell differently that the other side is gone.
"""

import asyncio
from typing import Final

CLOSE_S: Final = 5.0  # for what was written and not fetched yet
PART: Final = 64 * 1024


def peer_of(writer: asyncio.StreamWriter) -> str:
    """Its address.  Raises ConnectionResetError where it is gone, as after a scan of ports."""
    peer = writer.get_extra_info("peername")
    if peer is None:
        raise ConnectionResetError("it went before it was looked at")
    return str(peer[0])


async def copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the end of what is read.  Raises OSError where a side is gone."""
    while part := await reader.read(PART):
        _refuse_a_closed(writer)
        writer.write(part)
        await writer.drain()
    _refuse_a_closed(writer)
    if writer.can_write_eof():
        writer.write_eof()


def _refuse_a_closed(writer: asyncio.StreamWriter) -> None:
    """To write would be a RuntimeError of uvloop, and lost without a word with asyncio."""
    if writer.is_closing():
        raise ConnectionResetError("it was closed meanwhile")


async def closed(writer: asyncio.StreamWriter, within_s: float = CLOSE_S) -> None:
    """What was written goes out first, if it is fetched in time."""
    writer.close()
    try:
        async with asyncio.timeout(within_s):
            await writer.wait_closed()
    except OSError:  # out of time, or it was reset: nothing goes out any more
        writer.transport.abort()
