"""The page of the states is drawn from the table."""

import os
from pathlib import Path

from eaves.node.baseos.diagram import page
from eaves.node.baseos.slots import MOVES, Phase, Slot

PAGE = Path(__file__).parents[3] / "docs/reference/base-os-states.md"


def test_the_page_is_that_of_the_table() -> None:
    if os.environ.get("EAVES_REGENERATE"):
        PAGE.write_text(page())
    assert PAGE.read_text() == page(), "run: EAVES_REGENERATE=1 pytest tests/unit/baseos"


def test_it_shows_every_move_and_state() -> None:
    text = page()
    assert text.count(" --> ") == len(MOVES) + 3
    assert all(f"`{slot}`" in text for slot in Slot)
    assert all(phase in text for phase in Phase)
