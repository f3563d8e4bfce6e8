"""Messages of D-Bus: what is sent is read by others, and what is read may be anything."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bus import Call, Refused, read_dictionary, serving, told

from eaves.node.host.dbus import (
    BusRefused,
    BusUnreachable,
    Method,
    Value,
    call,
    dictionary,
    left,
    message,
    read_answer,
    socket_path,
    texts,
)

CONNECT = Method("test.Manager", "/test/Manager/0", "test.Manager.Modem", "Connect")
SETTINGS: dict[str, Value] = {
    "apn": "internet",
    "ip-type": 3,
    "allow-roaming": False,
    "user": "é, = 'me'",
    "password": "",
}

# As systemd's busctl writes those settings, and as dbus-daemon refuses what it does not know.
WRITTEN = bytes.fromhex(
    "8d000000000000000300000061706e000173000008000000696e7465726e6574000000000000000007000000"
    "69702d74797065000175000003000000000000000d000000616c6c6f772d726f616d696e6700016200000000"
    "00000000000000000400000075736572000173000a000000c3a92c203d20276d652700000000000008000000"
    "70617373776f7264000173000000000000"
)
REFUSAL = bytes.fromhex(
    "6c0301013d000000030000007500000006017300040000003a312e3000000000040173002b0000006f72672e"
    "667265656465736b746f702e444275732e4572726f722e556e6b6e6f776e496e746572666163650000000000"
    "0501750002000000080167000173000007017300140000006f72672e667265656465736b746f702e44427573"
    "00000000380000006f72672e667265656465736b746f702e4442757320646f6573206e6f7420756e64657273"
    "74616e64206d65737361676520436f6e6e65637400"
)


def test_others_write_and_answer_the_same() -> None:
    assert dictionary(SETTINGS) == WRITTEN
    answer = read_answer(REFUSAL[:16], REFUSAL[16:])
    assert (answer.kind, answer.reply_to) == (3, 2)
    assert answer.error == "org.freedesktop.DBus.Error.UnknownInterface"
    assert answer.said == "org.freedesktop.DBus does not understand message Connect"


def test_a_list_of_texts_is_written_as_others_do() -> None:
    """As busctl writes `as 2 ntp.example a`."""
    assert texts(("ntp.example", "a")) == bytes.fromhex(
        "160000000b0000006e74702e6578616d706c6500010000006100"
    )
    assert texts(()) == bytes(4)


async def test_a_call_arrives_as_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Call] = []
    with serving(tmp_path / "bus", heard.append) as address:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:abstract=x;{address},guid=00")
        await call(CONNECT, SETTINGS, 10.0)
        await call(CONNECT, {}, 10.0)
    of = (CONNECT.destination, CONNECT.path, "test.Manager.Modem.Connect")
    assert heard == [Call(*of, SETTINGS), Call(*of, {})]


async def test_a_refusal_says_why_and_not_what_was_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Call) -> None:
        raise Refused("no SIM")

    with serving(tmp_path / "bus", refuse) as address:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        with pytest.raises(BusRefused, match=r"^no SIM \(org.freedesktop.DBus.Error.Failed\)$"):
            await call(CONNECT, SETTINGS, 10.0)


async def test_a_bus_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    with pytest.raises(BusUnreachable, match="is dbus running"):
        await call(CONNECT, SETTINGS, 10.0)
    with pytest.raises(BusUnreachable, match="names no socket"):
        socket_path("tcp:host=localhost")


@given(st.dictionaries(st.text(max_size=9), st.text() | st.booleans() | st.integers(0, 2**32 - 1)))
def test_every_dictionary_is_read_as_it_was_written(arguments: dict[str, Value]) -> None:
    assert read_dictionary(dictionary(arguments)) == arguments


@given(st.binary(max_size=80), st.integers(0, 79), st.binary(max_size=3))
def test_whatever_comes_is_an_answer_or_told_as_unreadable(
    noise: bytes, at: int, patch: bytes
) -> None:
    good = told(3, 2, "test.Error", "why")
    for data in (noise.ljust(16), good[:at] + patch + good[at + len(patch) :]):
        try:
            assert left(data[:16]) >= 0
            read_answer(data[:16], data[16:])
        except BusUnreachable:
            continue


def test_an_error_is_read_whole() -> None:
    good = told(3, 2, "test.Error", "why")
    answer = read_answer(good[:16], good[16:])
    assert (answer.kind, answer.reply_to, answer.error, answer.said) == (3, 2, "test.Error", "why")
    assert left(good[:16]) == len(good) - 16
    with pytest.raises(BusUnreachable, match="too long"):
        left(b"l\2\0\1" + b"\xff" * 12)


def test_a_call_has_no_arguments_that_nobody_gave() -> None:
    assert message(CONNECT, 1)[4:8] == bytes(4)
