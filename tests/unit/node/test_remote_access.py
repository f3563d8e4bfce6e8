"""Sessions of remote access do not exist yet: nothing is begun for one, on either side."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from eaves.controller.northbound.later import REMOTE, reason_for
from eaves.controller.northbound.operations import read_operations
from eaves.evapi.config import CipherBlock, EdgeDevConfig, EdgeViewConfig, EncryptionBlock
from eaves.node.checkpoint import Checkpoint
from eaves.node.refs import Port
from eaves.node.runtime.engine import Engine, Surroundings

SESSIONS = {
    "StartEdgeviewEdgeNode",
    "StopEdgeviewEdgeNode",
    "GetEdgeviewClientScript",
    "GetEdgeNodeEdgeviewStatus",
    "GetEdgeNodeEdgeviewStatusByName",
}


async def no_ports(_config: EdgeDevConfig) -> tuple[Port, ...]:
    return ()


def no_secret(_block: CipherBlock) -> EncryptionBlock:
    raise NotImplementedError  # a session's token is not opened


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 70_000])
async def test_a_node_makes_nothing_for_a_session(tmp_path: Path, token: str) -> None:
    checkpoint = Checkpoint(tmp_path)
    around = Surroundings(no_ports, no_secret, "eaves-test")
    engine = Engine(checkpoint, (), around, lambda: datetime(2026, 1, 1, tzinfo=UTC), lambda: None)
    try:
        await engine.follow(EdgeDevConfig())
        before = engine.reconciler.intended
        await engine.follow(EdgeDevConfig(edgeview=EdgeViewConfig(token=token, generation_id=7)))
        assert engine.reconciler.intended == before
    finally:
        checkpoint.close()


def test_the_controller_opens_no_session() -> None:
    refused = {o.name for o in read_operations() if reason_for(o) == REMOTE}
    assert refused >= SESSIONS
