"""Keeping devices from the machine's own drivers, while it runs."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from eaves.evapi.config_items import ItemValues
from eaves.node.host.isolation import Isolation
from eaves.node.ios.isolation import access_of, isolate
from eaves.node.refs import Passed

log = structlog.get_logger(__name__)

LOOK_S: Final = 3.0  # what is plugged in waits so long, and is shut meanwhile


class Isolating:
    """Of a machine whose operating system is ours; elsewhere its owner decides."""

    def __init__(
        self,
        isolation: Isolation,
        items: Callable[[], ItemValues],
        passed: Callable[[], Iterable[Passed]],
    ) -> None:
        self._isolation = isolation
        self._items = items
        self._passed = passed
        self._failed: tuple[str, ...] = ()

    async def run_forever(self) -> None:
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """See what is there and let in, or shut out, what is not as it should be."""
        writes = isolate(self._isolation.look(), access_of(self._items()), self._passed())
        for one in writes:
            log.info("port_isolation", path=one.path, value=one.text)
        failed = self._isolation.carry_out(writes)
        if failed != self._failed:
            self._failed = failed
            for why in failed:
                log.warning("port_not_isolated", why=why)
