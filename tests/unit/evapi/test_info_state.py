"""What a fleet is counted by, read straight from what its devices said."""

import pytest

from eaves.evapi.errors import MalformedMessage
from eaves.evapi.info.state import Machine, machine, reported_state
from eaves.evapi.pb.info import info_pb2


def device(*slots: tuple[str, bool]) -> bytes:
    message = info_pb2.ZInfoMsg()
    message.dinfo.SetInParent()
    for version, activated in slots:
        message.dinfo.swList.add(shortVersion=version, activated=activated)
    return message.SerializeToString()


@pytest.mark.parametrize(
    ("slots", "version"),
    [
        ([("1.0", False), ("1.1", True)], "1.1"),
        ([("1.1", True), ("1.2", False)], "1.1"),
        ([("1.2", False)], ""),
        ([], ""),
    ],
    ids=["the other slot runs", "an update waits", "nothing is said to run", "no slot is told"],
)
def test_a_device_runs_the_version_of_its_active_slot(
    slots: list[tuple[str, bool]], version: str
) -> None:
    assert machine(device(*slots)).version == version


def test_a_device_has_what_it_says() -> None:
    message = info_pb2.ZInfoMsg()
    message.dinfo.ncpu, message.dinfo.memory, message.dinfo.storage = 4, 8192, 100_000
    assert machine(message.SerializeToString()) == Machine("", 4, 8192, 100_000)


def test_an_app_is_no_machine() -> None:
    message = info_pb2.ZInfoMsg()
    message.ainfo.AppID = "one"
    assert machine(message.SerializeToString()) == Machine()


@pytest.mark.parametrize("read", [machine, reported_state])
def test_bytes_that_are_no_message_are_refused(read: object) -> None:
    assert callable(read)
    with pytest.raises(MalformedMessage, match="3 bytes"):
        read(b"\xff\xff\xff")
