"""Gives back to the disk what retention left free in the files of SQLite."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import structlog
from sqlalchemy import Connection

from eaves.controller.store.free_pages import give_back

log = structlog.get_logger()

W = TypeVar("W")


class Worker(Protocol):
    """Runs short work in a transaction of the thread that writes a file."""

    def __call__(self, work: Callable[[Connection], W], /) -> Awaitable[W]: ...


async def give_back_free(work: Worker, name: str) -> int:
    """Some pages at a time, until only what is kept for the next rows is free; how many bytes."""
    given = 0
    while some := await work(give_back):
        given += some
    if given:
        log.info("file_shrunk", file=name, bytes=given)
    return given
