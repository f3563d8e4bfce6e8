"""Ids that are made together stand together."""

import os
import uuid
from datetime import UTC, datetime, timedelta

from eaves.ids import OrderedUuids

NOW = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)


def test_each_is_behind_the_one_before_and_is_a_uuid_of_its_time() -> None:
    make = OrderedUuids(NOW, os.urandom)
    made = [make() for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    for text in made:
        read = uuid.UUID(text)
        assert (str(read), read.version, read.variant) == (text, 7, uuid.RFC_4122)
        assert read.int >> 80 == int(NOW.timestamp() * 1000)
    later = OrderedUuids(NOW + timedelta(milliseconds=1), os.urandom)
    assert made[-1] < later()


def test_two_of_one_moment_make_others() -> None:
    one, other = OrderedUuids(NOW, os.urandom), OrderedUuids(NOW, os.urandom)
    assert {one() for _ in range(100)}.isdisjoint(other() for _ in range(100))


def test_there_are_as_many_as_anybody_asks_for() -> None:
    make = OrderedUuids(NOW, lambda size: b"\xff" * size)
    made = [make() for _ in range(0x8000)]
    assert made == sorted(set(made))
    for _ in range(0x1_0000):
        assert uuid.UUID(make()).version == 7  # they begin again
