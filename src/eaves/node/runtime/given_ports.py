"""Files that tell a node its network before, or beside, a controller.

`bootstrap-config.pb` is signed by the controller and stands in for its configuration until the
first one is on disk; while it is there the other two are not read.  `override.json` and `usb.json`
are written by a person and are candidates beside the controller's, by their time.  What cannot be
used is a candidate too, with its error and without ports: so the controller and `eaves node diag`
tell why.  Source: node reference, section 3.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import structlog

from eaves.errors import EavesError
from eaves.evapi.bootstrap import open_bootstrap
from eaves.evapi.config import EdgeDevConfig
from eaves.node.host.files import read_or_none
from eaves.node.uplinks.entries import entry_of, slim
from eaves.node.uplinks.model import Entry, Source
from eaves.node.uplinks.override import override_config

log = structlog.get_logger(__name__)

LOOK_S: Final = 30.0
BOOTSTRAP: Final = "bootstrap-config.pb"
OVERRIDES: Final = {
    Source.OVERRIDE: "DevicePortConfig/override.json",
    Source.USB: "DevicePortConfig/usb.json",
}


def brought_ports(folder: Path) -> bool:
    """Did an installer, or somebody with a stick, bring a configuration of the ports?"""
    return any((folder / name).exists() for name in (BOOTSTRAP, *OVERRIDES.values()))


class Enters(Protocol):
    """The list of candidates."""

    def enter(self, entry: Entry) -> None: ...

    def withdraw(self, source: Source) -> None: ...


class GivenPorts:
    def __init__(
        self,
        folder: Path,
        roots_pem: bytes,
        now: Callable[[], datetime],
        uplinks: Enters,
        follow_first: Callable[[EdgeDevConfig], None],
        configured: Callable[[], bool],
    ) -> None:
        """`configured`: a configuration of the controller is on disk."""
        self._folder = folder
        self._roots_pem = roots_pem
        self._now = now
        self._uplinks = uplinks
        self._follow_first = follow_first
        self._configured = configured
        self._followed: bytes | None = None
        self._offered: dict[Source, Entry] = {}  # since this process started

    async def run_forever(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Take what is new; the same files again change nothing."""
        try:
            bootstrap = read_or_none(self._folder / BOOTSTRAP)
        except OSError as error:
            self._refuse(Source.BOOTSTRAP, BOOTSTRAP, error)
            return
        for source, name in OVERRIDES.items():
            if bootstrap is None:
                self._take(source, name)
            else:
                self._withdraw(source)
        if bootstrap is not None and bootstrap != self._followed and not self._configured():
            self._take_bootstrap(bootstrap)

    def _take_bootstrap(self, data: bytes) -> None:
        try:
            config = open_bootstrap(data, self._roots_pem, self._now())
            entry_of(slim(config), Source.BOOTSTRAP, self._now())  # it can be used
        except EavesError as error:  # tried again: the clock may be set meanwhile
            self._refuse(Source.BOOTSTRAP, BOOTSTRAP, error)
            return
        self._followed = data
        log.info("bootstrap_followed", timestamp=str(config.config_timestamp))
        self._follow_first(config)

    def _take(self, source: Source, name: str) -> None:
        path = self._folder / name
        try:
            data = read_or_none(path)
            if data is None:
                self._withdraw(source)
                return
            config = override_config(data)
            at = config.config_timestamp or datetime.fromtimestamp(path.stat().st_mtime, UTC)
            self._offer(entry_of(slim(config), source, at))
        except (EavesError, OSError) as error:
            self._refuse(source, name, error)

    def _refuse(self, source: Source, name: str, error: Exception) -> None:
        why = f"{name} is not used: {error}; the file is read again by itself"
        self._offer(Entry(source, self._now(), (), (), wrong=why))

    def _offer(self, entry: Entry) -> None:
        before = self._offered.get(entry.source)
        if before is not None and before.same_ports(entry):
            return
        self._offered[entry.source] = entry
        if entry.wrong:
            log.warning("given_ports_unusable", key=entry.source, why=entry.wrong)
        self._uplinks.enter(entry)

    def _withdraw(self, source: Source) -> None:
        self._offered.pop(source, None)
        self._uplinks.withdraw(source)
