"""Which entries are kept, and in which order."""

from dataclasses import replace

import pytest
from support.ports import at, entry, kept

from eaves.errors import Rejected
from eaves.node.uplinks.entries import last_resort
from eaves.node.uplinks.ledger import EPOCH, MOST_KEPT, compress, decode, encode, enter
from eaves.node.uplinks.model import Entry, Kept, Source


def of(one: Entry, source: Source, seconds: float = 0) -> Entry:
    return replace(one, source=source, at=at(seconds))


A, B = entry("eth0", seconds=1), entry("eth1", seconds=2)
LAST = last_resort(("eth0", "eth1"), (), EPOCH)


def test_what_a_controller_sends_is_on_top_whatever_its_clock_says() -> None:
    boot = of(entry("eth2"), Source.BOOTSTRAP, 10**9)
    assert [k.entry for k in enter((Kept(boot),), A)] == [A, boot]


def test_ports_that_are_there_already_keep_their_marks() -> None:
    ledger = (kept(A, worked=5),)
    again = replace(A, at=at(100))
    assert enter(ledger, again) == (replace(ledger[0], entry=again),)


def test_ports_that_a_controller_goes_back_to_come_on_top_with_their_marks() -> None:
    ledger = (kept(B, failed=6), kept(A, worked=5))
    assert [k.entry.ports for k in enter(ledger, replace(A, at=at(100)))] == [A.ports, B.ports]
    assert enter(ledger, replace(A, at=at(100)))[0].marks.works


def test_the_last_resort_stays_last_and_is_there_once() -> None:
    ledger = enter(enter((Kept(A),), LAST), B)
    assert [k.entry for k in ledger] == [B, A, LAST]
    other = last_resort(("eth7",), (), EPOCH)
    assert [k.entry for k in enter(ledger, other)] == [B, A, other]


def test_a_dedicated_interface_is_no_last_resort() -> None:
    assert [p.label for p in last_resort(("eth0", "eth1"), ("eth1",), EPOCH).ports] == ["eth0"]


def test_what_may_still_be_needed_is_kept() -> None:
    c, d = entry("eth2", seconds=3), entry("eth3", seconds=4)
    ledger = (Kept(d), kept(c, failed=9), kept(B, worked=8), kept(A, worked=5))
    assert [k.entry for k in compress(ledger, d, fallback=False)] == [d, B]
    assert [k.entry for k in compress(ledger, A, fallback=False)] == [d, B, A]


def test_while_no_controller_entry_ever_worked_the_newest_of_each_source_is_kept() -> None:
    boot = of(entry("eth2"), Source.BOOTSTRAP)
    usb = of(entry("eth3"), Source.OVERRIDE)
    ledger = (kept(A, failed=1), kept(boot, worked=0.5), Kept(usb))
    assert compress(ledger, boot, fallback=False) == ledger
    proven = (kept(A, worked=1), kept(boot, worked=0.5), Kept(usb))
    assert [k.entry for k in compress(proven, A, fallback=False)] == [A]


@pytest.mark.parametrize(("better_works", "stays"), [(False, True), (True, False)])
def test_a_manual_entry_stays_until_a_better_one_works(*, better_works: bool, stays: bool) -> None:
    manual = of(entry("eth2"), Source.MANUAL)
    top = kept(B, worked=9) if better_works else kept(B, failed=9)
    found = compress((top, Kept(manual), kept(A, worked=5)), B, fallback=False)
    assert (manual in [k.entry for k in found]) is stays


@pytest.mark.parametrize("wanted", [True, False])
def test_the_last_resort_is_kept_while_it_is_wanted(*, wanted: bool) -> None:
    found = compress((kept(A, worked=1), Kept(LAST)), A, fallback=wanted)
    assert (LAST in [k.entry for k in found]) is wanted


def test_the_list_stays_small() -> None:
    many = [of(entry(f"eth{n}"), Source.OVERRIDE, n) for n in range(30)]
    ledger = tuple(kept(e, worked=n) for n, e in enumerate(many))
    assert len(compress(ledger, many[7], fallback=True)) <= MOST_KEPT


def test_the_list_survives_the_disk() -> None:
    ledger = (kept(B, failed=6, worked=3), kept(A, worked=5))
    pins = {"eth0/eth0": "/sys/devices/pci0000:00/0000:00:03.0"}
    read, in_force, again = decode(encode(ledger, A, pins))
    assert read == ledger
    assert in_force == A
    assert again == pins


def test_an_entry_that_cannot_be_read_is_passed_over() -> None:
    data = encode((Kept(B), Kept(A)), A, {})
    whole = decode(data)[0]
    broken = data.replace(b'"source":"zedagent"', b'"source":"of a later release"', 1)
    read, _, _ = decode(broken)
    assert read == whole[1:]


def test_what_is_not_ours_is_refused() -> None:
    with pytest.raises(Rejected, match="cannot be read"):
        decode(b"\x00\x01")
