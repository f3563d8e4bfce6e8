"""What the controller is told, and progress records that do not lie."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eaves.evapi.config import (
    ContentTree,
    DatastoreConfig,
    DsType,
    EdgeDevConfig,
    Format,
    Volume,
    VolumeContentOrigin,
    VolumeContentOriginType,
)
from eaves.evapi.info import Severity, ZSwState
from eaves.ids import ContentTreeId, VolumeId
from eaves.node import refs
from eaves.node.storage.facts import BlobFact, StorageFacts
from eaves.node.storage.intent import intent
from eaves.node.storage.partial import Partial
from eaves.node.storage.status import blob_infos, content_tree_infos, severity, volume_infos
from eaves.reconcile.item import Fault, ItemRef, Progress
from eaves.reconcile.report import ItemState, Report, Status

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TREE = "10000000-0000-0000-0000-000000000001"
VOLUME = "20000000-0000-0000-0000-000000000001"
CONFIG = EdgeDevConfig(
    datastores=(DatastoreConfig(id="d", d_type=DsType.DsHttps, fqdn="files.example"),),
    content_info=(
        ContentTree(uuid=TREE, ds_id="d", url="x", iformat=Format.RAW, sha256="ab" * 32),
    ),
    volumes=(
        Volume(
            uuid=VOLUME,
            origin=VolumeContentOrigin(
                type=VolumeContentOriginType.VCOT_DOWNLOAD, download_content_tree_id=TREE
            ),
        ),
    ),
)
T = refs.content_tree(ContentTreeId(TREE), 0)
V = refs.volume(VolumeId(VOLUME), 0)


def states(
    items: Mapping[ItemRef, Status], facts: StorageFacts | None = None
) -> tuple[tuple[ZSwState, int], tuple[ZSwState, int]]:
    wished = intent(CONFIG)
    (tree,) = content_tree_infos(CONFIG, wished, Report(items), facts or StorageFacts())
    (volume,) = volume_infos(CONFIG, wished, Report(items), facts or StorageFacts())
    return (tree.state, tree.progress_percentage), (volume.state, volume.progress_percentage)


def working(ref: ItemRef, phase: str, done: int = 0) -> Status:
    return Status(ref, ItemState.WORKING, Progress(done, 100, phase))


WAITING = Status(V, ItemState.WAITING, waits_for=frozenset({T}))


@pytest.mark.parametrize(
    ("tree", "volume", "told"),
    [
        (Status(T, ItemState.WAITING), WAITING, (("INITIAL", 0), ("INITIAL", 0))),
        (working(T, "RESOLVING_TAG"), WAITING, (("RESOLVING_TAG", 0), ("RESOLVING_TAG", 0))),
        (
            working(T, "DOWNLOAD_STARTED", 37),
            WAITING,
            (("DOWNLOAD_STARTED", 37), ("DOWNLOAD_STARTED", 37)),
        ),
        (working(T, "VERIFYING", 99), WAITING, (("VERIFYING", 100), ("VERIFYING", 100))),
        (
            Status(T, ItemState.PRESENT),
            working(V, "CREATING_VOLUME"),
            (("DELIVERED", 100), ("CREATING_VOLUME", 0)),
        ),
        (
            Status(T, ItemState.PRESENT),
            Status(V, ItemState.PRESENT),
            (("DELIVERED", 100), ("CREATED_VOLUME", 100)),
        ),
    ],
)
def test_a_volume_mirrors_its_tree_until_it_is_made(
    tree: Status, volume: Status, told: tuple[tuple[str, int], tuple[str, int]]
) -> None:
    wanted = tuple((ZSwState[word], percent) for word, percent in told)
    assert states({T: tree, V: volume}) == wanted


def test_an_error_stands_beside_the_state_that_was_reached() -> None:
    fault = Fault("no such host", NOW, retry_at=NOW + timedelta(minutes=10))
    report = Report({T: Status(T, ItemState.FAILED, fault=fault), V: WAITING})
    facts = StorageFacts(reached={T: Progress(50, 100, "DOWNLOAD_STARTED")})
    (tree,) = content_tree_infos(CONFIG, intent(CONFIG), report, facts)
    (volume,) = volume_infos(CONFIG, intent(CONFIG), report, facts)
    assert (tree.state, tree.progress_percentage) == (ZSwState.DOWNLOAD_STARTED, 50)
    assert tree.err is not None
    assert tree.err == volume.volume_err
    assert tree.err.retry_condition == "tried again at 2026-01-01 00:10:00 UTC"
    starved = StorageFacts(starved=frozenset({T}))
    (tree,) = content_tree_infos(CONFIG, intent(CONFIG), report, starved)
    assert tree.err is not None
    assert tree.err.retry_condition == "when space is freed"


def test_a_refusal_is_an_error_of_its_object() -> None:
    config = EdgeDevConfig(content_info=CONFIG.content_info)
    (tree,) = content_tree_infos(config, intent(config), Report({}), StorageFacts())
    assert tree.err is not None
    assert tree.err.severity == Severity.SEVERITY_ERROR
    assert "datastore d is not in the configuration" in tree.err.description


@pytest.mark.parametrize(
    ("attempts", "lasted", "final", "wanted"),
    [
        (1, timedelta(), False, Severity.SEVERITY_NOTICE),
        (10, timedelta(minutes=59), False, Severity.SEVERITY_NOTICE),
        (11, timedelta(), False, Severity.SEVERITY_WARNING),
        (2, timedelta(minutes=61), False, Severity.SEVERITY_WARNING),
        (21, timedelta(), False, Severity.SEVERITY_ERROR),
        (2, timedelta(hours=11), False, Severity.SEVERITY_ERROR),
        (1, timedelta(), True, Severity.SEVERITY_ERROR),
    ],
)
def test_severity_grows_with_tries_and_time(
    attempts: int,
    lasted: timedelta,
    final: bool,  # noqa: FBT001 - a column of the table
    wanted: Severity,
) -> None:
    fault = Fault("x", NOW, attempts, final=final)
    assert severity(fault, NOW - lasted) == wanted


def test_each_blob_is_a_message_of_its_own() -> None:
    facts = StorageFacts(blobs=(BlobFact("a", 100, 100, True, 2), BlobFact("b", 25, 100, False, 1)))
    (whole, partial) = (message.blob[0] for message in blob_infos(facts))
    assert (whole.state, whole.progress_percentage) == (ZSwState.DELIVERED, 100)
    assert (partial.state, partial.progress_percentage) == (ZSwState.DOWNLOAD_STARTED, 25)


# Progress on disk.


def begun(path: Path, boot: str = "boot1") -> Partial:
    partial = Partial(path, boot)
    partial.begin("http://x/y", '"tag"', "", 100)
    partial.append(b"a" * 10)
    partial.sync()
    partial.append(b"b" * 10)
    partial.close()
    return partial


@pytest.mark.parametrize(("boot", "offset"), [("boot1", 20), ("boot2", 10)])
def test_after_a_power_cut_only_what_was_synced_counts(
    tmp_path: Path, boot: str, offset: int
) -> None:
    begun(tmp_path / "x.part")
    again = Partial(tmp_path / "x.part", boot).restore()
    again.close()
    assert again.offset == offset
    assert again.arrived.etag == '"tag"'
    assert again.digest == hashlib.sha256((b"a" * 10 + b"b" * 10)[:offset]).hexdigest()


@pytest.mark.parametrize("damage", ["record", "empty", "no-record", "prefix", "short"])
def test_a_progress_record_that_does_not_check_out_is_ignored(tmp_path: Path, damage: str) -> None:
    path, record = tmp_path / "x.part", tmp_path / "x.progress"
    begun(path)
    match damage:
        case "record":
            record.write_bytes(record.read_bytes().replace(b'"offset":10', b'"offset":12'))
        case "empty":
            record.write_bytes(b"")
        case "no-record":
            record.unlink()
        case "prefix":
            path.write_bytes(b"c" * 20)
        case _:
            path.write_bytes(b"a" * 5)
    again = Partial(path, "boot1").restore()
    again.close()
    assert again.offset == 0
    assert path.stat().st_size == 0
