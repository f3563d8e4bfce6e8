"""Names that come from a config stay where they are put."""

import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eaves.errors import Rejected
from eaves.ids import AppInstanceId
from eaves.node.containers.workshop import Workshop as ContainerWorkshop
from eaves.node.domains.workshop import Workshop as DomainWorkshop
from eaves.node.host.files import below
from eaves.node.main import make_run_dir
from eaves.node.storage.subsystem import StorageSubsystem

LEADING_ELSEWHERE = ["", ".", "..", "/etc", "../x", "a/b", "a\0b"]


def test_run_folders_are_open_to_others_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        make_run_dir(tmp_path / "eaves-node" / "node")
    finally:
        os.umask(before)
    for folder in (tmp_path / "eaves-node", tmp_path / "eaves-node" / "node"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755


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
