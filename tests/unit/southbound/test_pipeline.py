"""Group commit in a writer thread: acknowledged is committed, and a broken report fails alone."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from eaves.controller.store.sync import execute, execute_rows, open_file, writing
from eaves.controller.telemetry.embedded import EmbeddedCommitter
from eaves.controller.telemetry.pipeline import (
    AT_HAND,
    BATCH_BYTES,
    Busy,
    Gathering,
    Pipeline,
    Stopped,
    Unavailable,
)
from eaves.controller.telemetry.reports import (
    AnyReport,
    HealthReport,
    InfoReport,
    decode_batch,
    encode_batch,
)
from eaves.evapi.info_said import Said


class Numbers:
    """Stores numbers; a number told twice breaks the transaction, a negative one the fold."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.forgotten = 0

    def fold(self, connection: Connection, batch: Sequence[int], /) -> Sequence[int]:
        if any(number < 0 for number in batch):
            raise ValueError("negative")
        execute_rows(connection, "INSERT INTO t", [(number,) for number in batch])
        self.batches.append(len(batch))
        return [number * 10 for number in batch]

    def forget(self) -> None:
        self.forgotten += 1


@asynccontextmanager
async def pipeline(
    path: Path,
    fold: Numbers,
    *,
    queue: int = 1000,
    queue_bytes: int = 100_000,
    batch: int = 100,
    batch_bytes: int = BATCH_BYTES,
    gathering: Gathering = AT_HAND,
) -> AsyncGenerator[Pipeline[int, int]]:
    engine = open_file(path)
    with writing(engine) as connection:
        execute(connection, "CREATE TABLE IF NOT EXISTS t (n integer primary key)")
    committer = EmbeddedCommitter[int, int](engine, fold, name="numbers")
    made = Pipeline(
        committer,
        queue=queue,
        queue_bytes=queue_bytes,
        batch=batch,
        batch_bytes=batch_bytes,
        gathering=gathering,
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(made.run_forever())
        try:
            yield made
        finally:
            made.stop()
            await running
            committer.close()


def stored(path: Path) -> set[int]:
    engine = open_file(path)
    try:
        with writing(engine) as connection:
            return {int(str(row[0])) for row in execute(connection, "SELECT n FROM t")}
    finally:
        engine.dispose()


async def test_what_was_accepted_is_stored_and_batches_share_commits(tmp_path: Path) -> None:
    fold = Numbers()
    async with pipeline(tmp_path / "t.db", fold) as made:
        results = await asyncio.gather(*(made.accept(n) for n in range(250)))
        assert results == [n * 10 for n in range(250)]
        await made.drained()
    assert stored(tmp_path / "t.db") == set(range(250))
    assert len(fold.batches) <= 4


async def test_reports_that_come_soon_after_each_other_share_a_commit(tmp_path: Path) -> None:
    fold, patient = Numbers(), Gathering(few=16, seconds=60.0, quiet_s=60.0)
    async with pipeline(tmp_path / "t.db", fold, gathering=patient) as made:
        await asyncio.gather(made.accept(1), made.accept(2))
        asking: list[asyncio.Task[int]] = []
        for number in range(3, 3 + patient.few):
            asking.append(asyncio.create_task(made.accept(number)))
            await asyncio.sleep(0)
        async with asyncio.timeout(30.0):  # so many do not wait for more
            await asyncio.gather(*asking)
    assert fold.batches == [2, patient.few]


async def test_nobody_waits_for_reports_that_do_not_come(tmp_path: Path) -> None:
    fold, patient = Numbers(), Gathering(few=16, seconds=60.0, quiet_s=0.01)
    async with pipeline(tmp_path / "t.db", fold, gathering=patient) as made, asyncio.timeout(30.0):
        await asyncio.gather(made.accept(1), made.accept(2))
        await asyncio.gather(made.accept(3), made.accept(4))
    assert fold.batches == [2, 2]


@pytest.mark.parametrize(
    "bounds", [{"queue": 4}, {"batch": 4}, {"queue_bytes": 40}, {"batch_bytes": 40}]
)
async def test_what_fills_a_commit_or_the_queue_waits_for_nothing(
    bounds: Mapping[str, int], tmp_path: Path
) -> None:
    fold, patient = Numbers(), Gathering(few=16, seconds=60.0, quiet_s=60.0)
    async with pipeline(tmp_path / "t.db", fold, gathering=patient, **bounds) as made:
        await asyncio.gather(made.accept(1), made.accept(2))
        async with asyncio.timeout(30.0):
            await asyncio.gather(*(made.accept(number, 10) for number in range(3, 7)))
    assert fold.batches == [2, 4]


async def test_a_report_that_breaks_its_batch_fails_alone(tmp_path: Path) -> None:
    fold = Numbers()
    async with pipeline(tmp_path / "t.db", fold) as made:
        results = await asyncio.gather(
            *(made.accept(n) for n in (1, -1, 2, 2, 3)), return_exceptions=True
        )
    assert [type(result).__name__ for result in results] == [
        "int",
        "ValueError",
        "int",
        "IntegrityError",
        "int",
    ]
    assert stored(tmp_path / "t.db") == {1, 2, 3}
    assert fold.forgotten == 3


async def test_a_full_queue_and_a_stopped_pipeline_are_answers(tmp_path: Path) -> None:
    async with pipeline(tmp_path / "t.db", Numbers(), queue=2, queue_bytes=100) as made:
        first = asyncio.gather(*(made.accept(n, size) for n, size in ((1, 60), (2, 30))))
        await asyncio.sleep(0)
        assert made.fullness > 0.8
        with pytest.raises(Busy):
            await made.accept(3, 1)
        assert await first == [10, 20]
        made.stop()
        with pytest.raises(Stopped):
            await made.accept(4)


async def test_when_nothing_can_be_committed_the_whole_batch_is_told_at_once(
    tmp_path: Path,
) -> None:
    fold = Numbers()
    async with pipeline(tmp_path / "t.db", fold) as made:
        assert await made.accept(1) == 10
        engine = open_file(tmp_path / "t.db")
        with writing(engine) as connection:
            execute(connection, "DROP TABLE t")
        results = await asyncio.gather(*(made.accept(n) for n in range(5)), return_exceptions=True)
        assert {type(result) for result in results} == {Unavailable}
        with writing(engine) as connection:
            execute(connection, "CREATE TABLE t (n integer primary key)")
        engine.dispose()
        assert await made.accept(7) == 70


def test_reports_survive_a_stream() -> None:
    said = Said(kind=1, object_id="", name="edge", state="ONLINE", errors=("hot",), boots=3)
    batch: list[AnyReport] = [
        InfoReport(
            enterprise_id="e",
            device_id="d",
            received_at=2,
            digest=b"x" * 16,
            kind=1,
            object_id="",
            at=None,
            state=2,
            message=b"\0\xff",
            said=said,
        ),
        HealthReport(enterprise_id="e", device_id="d", received_at=3, digest=b"", message=b"m"),
    ]
    assert decode_batch(encode_batch(batch)) == batch
