"""Logs of measured boots: read, replayed, told in the words of people, refused when broken."""

import gzip
import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.evapi import event_log_form as form
from eaves.evapi.errors import EventLogError
from eaves.evapi.event_log import (
    MOST_BYTES,
    inflated,
    inflates_beyond,
    parse_event_log,
    read_event_log,
)
from eaves.evapi.event_log_form import Step
from eaves.fleet import measured
from eaves.fleet.measured import SoftTpm


def log_of(*steps: Step) -> bytes:
    events = (form.event(s.pcr, s.kind, s.data, s.measured) for s in steps)
    return form.header() + b"".join(events)


def test_replaying_a_log_gives_what_the_tpm_holds() -> None:
    tpm = SoftTpm()
    tpm.boot()
    events = parse_event_log(tpm.log)
    assert len(events) == len(measured.steps())
    assert [e.number for e in events] == list(range(1, len(events) + 1))
    assert dict(read_event_log(tpm.log).replayed()) == {
        n: v for n, v in tpm.pcrs.items() if n in (*range(10), 13)
    }


def test_the_locality_of_the_start_counts_and_what_is_only_noted_does_not() -> None:
    noted = Step(0, form.NO_ACTION, b"StartupLocality\0\x03")
    first = Step(0, form.POST_CODE, b"firmware")
    values = read_event_log(log_of(noted, first)).replayed()
    start = bytes(31) + b"\x03"
    assert values == {0: hashlib.sha256(start + first.measured).digest()}


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (
            Step(1, form.EFI_BOOT, form.variable("BootOrder", b"\0\0\1\0")),
            "EV_EFI_VARIABLE_BOOT BootOrder = 00000100",
        ),
        (
            Step(7, form.EFI_BOOT, form.variable("db", bytes(900))),
            "EV_EFI_VARIABLE_BOOT db = 900 bytes",
        ),
        (
            Step(4, form.EFI_APPLICATION, form.program("\\EFI\\BOOT\\BOOTX64.EFI")),
            "EV_EFI_BOOT_SERVICES_APPLICATION /EFI/BOOT/BOOTX64.EFI",
        ),
        (Step(8, form.IPL, b"grub_cmd: linux /kernel\0"), "EV_IPL grub_cmd: linux /kernel"),
        (Step(11, form.IPL, ".cmdline\0".encode("utf-16-le")), "EV_IPL .cmdline"),
        (Step(4, form.IPL, b"a\nb\x1b[31m"), "EV_IPL a b [31m"),
        (Step(4, form.SEPARATOR, bytes(4)), "EV_SEPARATOR 00000000"),
        (Step(4, 0x99, bytes((255, 254, 0))), "event type 0x99 3 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_event_says_what_was_measured(step: Step, text: str) -> None:
    (event,) = parse_event_log(log_of(step))
    assert event.text() == text


def test_a_table_that_firmware_filled_up_ends_where_it_is_filled() -> None:
    log = log_of(Step(0, form.POST_CODE, b"a")) + b"\xff" * 64
    assert len(parse_event_log(log)) == 1


def _replaced(log: bytes, at: int, number: int) -> bytes:
    return log[:at] + struct.pack("<I", number) + log[at + 4 :]


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (b"", "ends within"),
        (bytes(64), "header"),
        (form.header()[:-4], "header"),
        (log_of(Step(0, 1, b"abc"))[:-1], "ends after the log"),
        (log_of(Step(0, 1, b"abc"))[:-20], "ends within"),
        (log_of(Step(24, 1, b"abc")), "PCR 24"),
        (_replaced(log_of(Step(0, 1, b"a")), len(form.header()) + 8, 9), "9 digests"),
    ],
)
def test_a_broken_log_is_refused(log: bytes, why: str) -> None:
    with pytest.raises(EventLogError, match=why):
        parse_event_log(log)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(rest: bytes) -> None:
    for log in (rest, form.header() + rest):
        try:
            for event in parse_event_log(log):
                assert event.text()
        except EventLogError:
            pass


def test_a_long_log_is_known_before_it_is_read() -> None:
    """Whatever follows its end, and whatever it says of its own length."""
    packed = gzip.compress(bytes(1000))
    assert inflates_beyond(packed, 999)
    assert inflates_beyond(packed + gzip.compress(b"short"), 999)
    assert not inflates_beyond(packed, 1000)
    assert not inflates_beyond(b"no gzip", 0)
    assert not inflates_beyond(b"", 0)


def test_only_so_much_is_inflated() -> None:
    assert inflated(gzip.compress(b"log")) == b"log"
    for packed in (gzip.compress(bytes(MOST_BYTES + 1)), b"no gzip", gzip.compress(b"log")[:-9]):
        with pytest.raises(EventLogError):
            inflated(packed)
