"""Names that come from a config stay where they are put."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eaves.errors import Rejected
from eaves.ids import AppInstanceId
from eaves.node.containers.workshop import Workshop as ContainerWorkshop
from eaves.node.domains.workshop import Workshop as DomainWorkshop
from eaves.node.host.files import below
from eaves.node.storage.subsystem import StorageSubsystem

LEADING_ELSEWHERE = ["", ".", "..", "/etc", "../x", "a/b", "a\0b"]


def clock() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def test_a_plain_name_is_one_step_down(tmp_path: Path) -> None:
    assert below(tmp_path, "9f0b7f2e-1111-4222-8333-444455556666").parent == tmp_path


@pytest.mark.parametrize("name", LEADING_ELSEWHERE)
def test_a_name_that_is_a_path_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Rejected, match="correct the id"):
        below(tmp_path, name)


@pytest.mark.parametrize("name", ["../../victim", "/victim", ".."])
def test_an_app_named_by_a_path_removes_nothing(tmp_path: Path, name: str) -> None:
    storage = StorageSubsystem(tmp_path / "vault", clock)
    app = AppInstanceId(name)
    victim = tmp_path / "victim"
    victim.mkdir()
    domains = DomainWorkshop("n", tmp_path / "s", tmp_path / "r", storage, clock, 1)
    containers = ContainerWorkshop("n", tmp_path / "s", tmp_path / "r", storage, clock, 1)
    acts: list[Callable[[AppInstanceId], object]] = [
        *(domains.folder, domains.forget, domains.log_source),
        *(containers.place, containers.forget, containers.log_source),
    ]
    for act in acts:
        with pytest.raises(Rejected):
            act(app)
    assert victim.is_dir()
