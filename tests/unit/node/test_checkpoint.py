"""What a node remembers: numbers are stable, documents are whole, counters are exact."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.evapi.config import DeviceOpsCmd
from eaves.evapi.info import BootReason
from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node.checkpoint import AppRecord, Checkpoint, StateNotWritable
from eaves.node.runtime.commands import Reboot, decide_boot, decide_command

NI = NetworkInstanceId("ni")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Iterator[Checkpoint]:
    one = Checkpoint(tmp_path / "state")
    yield one
    one.close()


def test_an_app_keeps_its_number_when_another_goes(checkpoint: Checkpoint) -> None:
    apps = [AppInstanceId(n) for n in "abc"]
    assert checkpoint.app_numbers(apps) == {"a": 1, "b": 2, "c": 3}
    assert checkpoint.app_numbers(apps[1:]) == {"b": 2, "c": 3}
    assert checkpoint.app_numbers([*apps[1:], AppInstanceId("d")]) == {"b": 2, "c": 3, "d": 1}


def test_a_vif_keeps_its_number_over_a_restart_of_the_node(tmp_path: Path) -> None:
    first = Checkpoint(tmp_path)
    vifs = [(NI, AppInstanceId(a), 0) for a in "ab"]
    first.allocate([NI], vifs)
    first.allocate([NI], vifs[1:])
    first.close()
    second = Checkpoint(tmp_path)
    assert second.allocate([NI], vifs[1:]).vif_numbers == {vifs[1]: 1}
    second.close()


def test_of_more_than_255_the_first_have_numbers_and_keep_them(checkpoint: Checkpoint) -> None:
    apps = [AppInstanceId(f"app-{n:03}") for n in range(257)]
    numbers = checkpoint.app_numbers(apps)
    assert list(numbers) == apps[:255]
    assert sorted(numbers.values()) == list(range(1, 256))
    assert checkpoint.app_numbers(reversed(apps)) == numbers
    assert checkpoint.app_numbers(apps[1:])[apps[255]] == 1
    nis = [NetworkInstanceId(f"ni-{n:03}") for n in range(256)]
    assert set(checkpoint.allocate(nis, ()).bridge_numbers) == set(nis[:255])


def test_a_broken_database_is_told_as_an_error_of_ours(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path)
    checkpoint._db.close()
    checkpoint._db = sqlite3.connect(tmp_path / "empty.db", isolation_level=None)
    reads: list[Callable[[], object]] = [
        lambda: checkpoint.fact("x"),
        checkpoint.apps,
        lambda: checkpoint.app_numbers(()),
    ]
    for read in reads:
        with pytest.raises(StateNotWritable, match=r"node\.db: no such table"):
            read()
    checkpoint.close()


@given(st.lists(st.sets(st.sampled_from("abcdef")), max_size=6))
def test_numbers_are_unique_and_stable_while_asked_for(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[set[str]]
) -> None:
    checkpoint = Checkpoint(tmp_path_factory.mktemp("numbers"))
    before: dict[AppInstanceId, int] = {}
    for names in rounds:
        now = checkpoint.app_numbers(AppInstanceId(n) for n in sorted(names))
        assert len(set(now.values())) == len(now) == len(names)
        assert all(now[a] == n for a, n in before.items() if a in now)
        before = now
    checkpoint.close()


def test_a_replaced_document_leaves_a_backup(checkpoint: Checkpoint) -> None:
    checkpoint.save("config", b"one")
    checkpoint.save("config", b"two")
    assert list(checkpoint.documents("config")) == [b"two", b"one"]
    checkpoint.save("config", b"two")
    assert list(checkpoint.documents("config")) == [b"two", b"one"]


def test_an_empty_document_is_passed_over_for_its_backup(checkpoint: Checkpoint) -> None:
    checkpoint.save("config", b"one")
    checkpoint.save("config", b"two")
    (checkpoint.folder / "config").write_bytes(b"")
    assert list(checkpoint.documents("config")) == [b"one"]


def test_app_records_are_replaced_as_a_set(checkpoint: Checkpoint) -> None:
    a, b = AppInstanceId("a"), AppInstanceId("b")
    record = AppRecord(1, 2, 3, b"x")
    checkpoint.save_apps({a: record, b: record})
    checkpoint.save_apps({b: record})
    assert checkpoint.apps() == {b: record}


def test_facts_are_remembered_and_forgotten(checkpoint: Checkpoint) -> None:
    checkpoint.remember(uuid="u", reboot_counter=4)
    assert (checkpoint.fact("uuid"), checkpoint.number("reboot_counter")) == ("u", 4)
    checkpoint.remember(uuid=None)
    assert checkpoint.fact("uuid") is None


COMMANDS = {
    "never asked": (None, None, Reboot.NOTHING),
    "the first counter is a baseline": (7, None, Reboot.REMEMBER),
    "the same counter": (7, 7, Reboot.NOTHING),
    "a larger counter": (8, 7, Reboot.ACT),
    "a smaller counter": (6, 7, Reboot.ACT),
    "the field went away": (None, 7, Reboot.REMEMBER),
}


@pytest.mark.parametrize("row", COMMANDS.values(), ids=COMMANDS.keys())
def test_a_reboot_counter_acts_once(row: tuple[int | None, int | None, Reboot]) -> None:
    counter, stored, expected = row
    command = None if counter is None else DeviceOpsCmd(counter=counter)
    assert decide_command(command, stored) is expected


def test_a_restart_of_the_process_is_no_boot() -> None:
    assert not decide_boot(first=False, same_boot_id=True, run_state_there=True, planned=None).fresh


def test_lost_run_state_is_a_power_cut() -> None:
    boot = decide_boot(first=False, same_boot_id=True, run_state_there=False, planned=None)
    assert (boot.fresh, boot.reason) == (True, BootReason.BOOT_REASON_POWER_FAIL)


def test_a_planned_reboot_keeps_its_reason() -> None:
    planned = BootReason.BOOT_REASON_REBOOT_CMD
    boot = decide_boot(first=False, same_boot_id=True, run_state_there=False, planned=planned)
    assert (boot.fresh, boot.reason) == (True, planned)


def test_what_is_remembered_already_needs_no_disk_and_a_full_one_is_named(tmp_path: Path) -> None:
    """The file may not grow, as on a full disk: reading and repeating go on."""
    checkpoint = Checkpoint(tmp_path)
    record = AppRecord(1, 1, 0, b"x" * 100)
    checkpoint.remember(uuid="a", counter=1)
    checkpoint.save_apps({AppInstanceId("app"): record})
    checkpoint._db.execute("PRAGMA query_only = ON")
    checkpoint.remember(uuid="a", counter=1)
    checkpoint.save_apps({AppInstanceId("app"): record})
    with pytest.raises(StateNotWritable, match="free space"):
        checkpoint.remember(counter=2)
    assert checkpoint.number("counter") == 1
    checkpoint.close()
