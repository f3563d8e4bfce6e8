"""What the console of a device says, whatever the files of the node hold."""

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.node.console.command import has_screen, line_of
from eaves.node.console.page import LABEL, LONGEST, MOST, Line, heading, pages, shut
from eaves.node.console.readings import Readings, read_all
from eaves.node.runtime.status_file import (
    STATUS_FILE,
    AppStatus,
    ControllerStatus,
    DeviceStatus,
    NodeStatus,
    PortStatus,
    Unmet,
)
from eaves.node.uplinks.status import Shown, ShownEntry, ShownPort
from eaves.node.uplinks.status_file import STATUS_FILE as PORTS_FILE

AT = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
STATUS = NodeStatus(
    at="2026-11-22T06:00:00+00:00",
    version="eaves-0.1.0",
    pid=0,
    start_ticks=0,
    device=DeviceStatus(
        uuid="8a5e9a5c-0000-4000-8000-000000000001",
        name="pump-7",
        serial="SN-1",
        boot="a reboot command",
        restarts=3,
        keys="TPM 2.0: the keys were made in it and stay there",
        system="slot A active (1.0), slot B unused",
        vault="open",
    ),
    controller=ControllerStatus(
        url="https://controller.example",
        phase="online",
        problem="config: no connection: Connection refused",
        last_success="2026-11-22T05:30:00+00:00",
        attested_at="2026-11-22T05:00:00+00:00",
    ),
    ports=[PortStatus("uplink", "eth0", up=True, addresses=["192.0.2.7/24"])],
    apps=[
        AppStatus("a", "web", "container", "running", "RUNNING", []),
        AppStatus("b", "db", "virtual machine", "running", "HALTED", ["the disk is full"]),
    ],
    unmet=[Unmet("domain b", "failed", ["the disk is full"], 2, "2026-11-22T06:10:00+00:00")],
)
PORTS = Shown(
    AT,
    "controller.example",
    "managed",
    ("eth0",),
    "",
    (ShownEntry("zedagent", AT, in_force=True, standing="works", last_error="it was refused"),),
    (ShownPort("uplink", "eth0", management=True, error="no DHCP lease; check the cable"),),
)


def written(folder: Path, status: object, ports: object) -> Readings:
    (folder / STATUS_FILE).write_bytes(msgspec.json.encode(status))
    (folder / PORTS_FILE).write_bytes(msgspec.json.encode(ports))
    return read_all(folder)


def said(seen: Readings) -> dict[str, str]:
    return {page.title: "\n".join(page.lines) for page in pages(seen)}


def test_each_page_says_what_it_is_for_in_sentences(tmp_path: Path) -> None:
    told = said(written(tmp_path, STATUS, PORTS))
    assert "pump-7" in heading(Readings(STATUS))
    for text in (
        "DOES NOT RUN; apps go on without it",
        "8a5e9a5c-0000-4000-8000-000000000001",
        "https://controller.example",
        "DOES NOT ANSWER AS IT SHOULD: config: no connection: Connection refused",
        "the controller accepted what this machine booted, 60 minutes ago",
        "slot A active (1.0), slot B unused",
        "Vault       open",
        "1 of 2 that should run do",
    ):
        assert text in told["Device"]
    assert "Connection refused" in told["Network"]
    assert "no DHCP lease; check the cable" in told["Network"]
    assert "it was refused" in told["Network"]
    assert "web (container) runs\n" in told["Apps"]
    assert "db (virtual machine) is stopped\n    because the disk is full" in told["Apps"]
    assert "tried 2 times, again 2026-11-22 06:10:00 UTC" in told["Problems"]


def test_a_machine_whose_node_never_spoke_is_told_so(tmp_path: Path) -> None:
    told = said(read_all(tmp_path))
    assert told["Device"].startswith("The node has not said anything since this machine")
    assert told["Apps"] == "No app is configured."


def test_a_damaged_file_is_told_and_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / PORTS_FILE).write_text('{"at": ')
    (tmp_path / STATUS_FILE).write_bytes(msgspec.json.encode(STATUS))
    told = said(read_all(tmp_path))
    assert told["Device"].startswith("! uplinks.json is damaged")
    assert "pump-7" in told["Device"]


@pytest.mark.parametrize(
    ("tty", "line"),
    [
        ("/dev/tty1", Line.SCREEN),
        ("/dev/ttyS0", Line.SERIAL),
        ("/dev/ttyAMA0", Line.SERIAL),
        ("/dev/pts/3", Line.OTHER),
    ],
)
def test_screen_and_serial_line_are_told_apart(tty: str, line: Line) -> None:
    assert line_of(tty) is line


def test_a_line_that_the_controller_shut_shows_nothing_but_that() -> None:
    closed = msgspec.structs.replace(STATUS.device, screen=False, serial_line=False)
    seen = Readings(msgspec.structs.replace(STATUS, device=closed))
    assert "debug.enable.vga" in shut(seen, Line.SCREEN)
    assert "debug.enable.console" in shut(seen, Line.SERIAL)
    assert shut(seen, Line.OTHER) == ""
    assert all(shut(Readings(STATUS), line) == "" for line in Line)
    assert all(shut(Readings(), line) == "" for line in Line)


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where something stands, inner places first."""
    found: list[tuple[str | int, ...]] = []
    steps: Any = value.items() if hasattr(value, "items") else enumerate(value)
    for key, inner in steps:
        if type(inner) in {dict, list}:
            found += leaves(inner, (*path, key))
        found.append((*path, key))
    return found


FILES = [json.loads(msgspec.json.encode(one)) for one in (STATUS, PORTS)]
PLACES = [(number, path) for number, told in enumerate(FILES) for path in leaves(told)]
HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(
        [
            "x" * 10_000,
            "[red]bold[/] [link=https://x.example]here[/link] [@click=app.bell]y[/]",
            "\x1b[2J\x1b]0;title\x07\x9b31m\r\n\x00\u202e",
            "9999-99-99T99:99:99",
            "0001-01-01T00:00:00",
            [],
            {},
            [["deep"]],
            {"at": {}},
        ]
    ),
)


@given(st.lists(st.tuples(st.sampled_from(PLACES), HOSTILE, st.booleans()), max_size=4))
def test_any_missing_or_hostile_field_is_shown_without_breaking(
    changes: list[tuple[tuple[int, tuple[str | int, ...]], Any, bool]],
) -> None:
    told = [json.loads(json.dumps(one)) for one in FILES]
    for (number, path), value, gone in changes:
        at: Any = told[number]
        try:
            for step in path[:-1]:
                at = at[step]
            if gone:
                del at[path[-1]]
            else:
                at[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # what stood there went with an earlier change
    with tempfile.TemporaryDirectory() as folder:
        for name, one in zip((STATUS_FILE, PORTS_FILE), told, strict=True):
            (Path(folder) / name).write_text(json.dumps(one))
        seen = read_all(Path(folder))
    assert heading(seen).isprintable()
    for page in pages(seen):
        assert page.lines
        assert len(page.lines) <= MOST + 1
        for line in page.lines:
            assert line.isprintable()
            assert len(line) <= LONGEST + LABEL


@pytest.mark.parametrize(
    ("drawing", "has"),
    [
        ((), True),  # it does not say
        (("(S) dummy device",), False),
        (("(S) dummy device", "(M) frame buffer device"), True),
        (("(S) VGA+",), True),
    ],
)
def test_nothing_is_drawn_for_a_machine_without_a_screen(
    tmp_path: Path, drawing: tuple[str, ...], *, has: bool
) -> None:
    for number, name in enumerate(drawing):
        folder = tmp_path / f"sys/class/vtconsole/vtcon{number}"
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
    assert has_screen(tmp_path) == has
