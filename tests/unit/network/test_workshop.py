"""What is begun is written down first, so that what a cut leaves is found again."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from eaves.node.network.items import Sysctl
from eaves.node.network.workshop import Made, Workshop
from eaves.reconcile.item import Progress

ITEM = Sysctl("net.ipv4.ip_forward", "1", "table")


def quiet(_: Progress) -> None:
    """Nobody is told."""


class Cut(Exception):
    """The node ends here."""


@dataclass
class Things(Made):
    """Made until they are cut."""

    shop: Workshop
    cut: bool = True
    ran_before: list[Any] = field(default_factory=list[Any])

    async def make(self, item: Any, running: Any) -> None:
        self.ran_before.append(running)
        if self.cut:
            raise Cut

    async def unmake(self, item: Any) -> None:
        """Nothing was made."""


async def test_what_was_cut_while_it_was_made_is_found_and_made_again(tmp_path: Path) -> None:
    things = Things(Workshop("table", tmp_path, asyncio.Lock()))
    with pytest.raises(Cut):
        await things.create(ITEM, quiet)
    assert list(things.shop.records.all()) == [ITEM]
    things.cut = False
    await things.create(ITEM, quiet)
    assert things.ran_before == [None, ITEM]
    await things.delete(ITEM, quiet)
    assert list(things.shop.records.all()) == []
