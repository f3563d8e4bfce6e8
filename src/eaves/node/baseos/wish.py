"""The base OS that the configuration in force asks for, and how far its content is."""

from collections.abc import Callable

from eaves.evapi.config import EdgeDevConfig
from eaves.node.baseos.intent import Standing, Wanted, asked, wanted_of
from eaves.node.baseos.ports import Content
from eaves.node.baseos.slots import Event
from eaves.reconcile.item import ItemRef


class Wish:
    def __init__(self, content: Callable[[ItemRef], Content]) -> None:
        self._content = content
        self._wanted: Wanted | None = None

    def follow(self, config: EdgeDevConfig) -> None:
        self._wanted = wanted_of(config)

    @property
    def version(self) -> str:
        """Empty: nothing is said."""
        return self._wanted.version if self._wanted else ""

    @property
    def retry(self) -> int | None:
        return self._wanted.retry if self._wanted else None

    @property
    def activate(self) -> bool:
        return self._wanted is not None and self._wanted.activate

    def asks(self, standing: Standing) -> Event | None:
        return asked(standing, self._wanted)

    def content(self) -> Content:
        if self._wanted is None:
            return Content()
        if self._wanted.tree is None:
            return Content(error=f"the configuration holds no content for {self.version}")
        return self._content(self._wanted.tree)
