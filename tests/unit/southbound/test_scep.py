"""What is passed on to SCEP servers holds up nothing else."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from eaves.controller.outgoing import ForbiddenAddress
from eaves.controller.southbound.passing import Passing
from eaves.controller.southbound.scep import Question, asking

CA_CERT = Question("GetCACert", b"", post=False)


async def test_names_are_looked_up_by_threads_of_their_own() -> None:
    """Those of the loop are all taken here."""
    passing, over = Passing(), threading.Event()
    taken = ThreadPoolExecutor(1)
    asyncio.get_running_loop().set_default_executor(taken)
    taken.submit(over.wait)
    try:
        async with asyncio.timeout(30):
            with pytest.raises(ForbiddenAddress, match="not public"):
                await asking("http://127.0.0.1/", CA_CERT, (), passing.threads)
    finally:
        over.set()
        passing.close()
