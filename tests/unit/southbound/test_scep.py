"""What is passed on to SCEP servers holds up nothing else."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from eaves.controller.outgoing import ForbiddenAddress
from eaves.controller.southbound.passing import Passing
from eaves.controller.southbound.scep import Question, asking, target_of
from eaves.evapi.errors import MalformedMessage

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
        await asyncio.to_thread(passing.threads.shutdown)  # until its thread has ended


def test_a_message_that_no_address_holds_is_refused() -> None:
    server, long = httpx.URL("https://scep.example/?ca=one"), b"x" * 64 * 1024
    with pytest.raises(MalformedMessage, match="65536 bytes is too long for HTTP_METHOD_GET"):
        target_of(server, Question("PKIOperation", long, post=False))
    posted = target_of(server, Question("PKIOperation", long, post=True))
    assert dict(posted.params) == {"ca": "one", "operation": "PKIOperation"}
