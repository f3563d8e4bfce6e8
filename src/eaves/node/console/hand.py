"""Asks the node of this machine to set a port."""

import asyncio
from pathlib import Path
from typing import Final

import msgspec

from eaves.node.uplinks.hand import MOST_BYTES, SOCKET, Answer, Ask

PATIENCE_S: Final = 15.0


async def ask(run_dir: Path, question: Ask) -> Answer:
    """Never raises: who asks has a sentence to show."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_unix_connection(run_dir / SOCKET, limit=MOST_BYTES)
            try:
                writer.write(msgspec.json.encode(question) + b"\n")
                return msgspec.json.decode(await reader.readline(), type=Answer)
            finally:
                writer.close()
    except TimeoutError:
        return Answer(refused=f"the node did not answer within {PATIENCE_S:g} s; try again")
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        return Answer(refused=f"the node does not answer ({error}); wait until it runs")
