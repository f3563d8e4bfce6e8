"""Memory that runs short is written down, and the node's own is watched, as properties say."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eaves.evapi.config import ConfigItem
from eaves.evapi.config_items import apply_items
from eaves.node.host.pressure import memory_pressure
from eaves.node.runtime.memory_watch import MOST_REPORTS, Look, MemoryWatch, Sample, leaks

FINE = Look(pressure=0.5, available_mib=900, total_mib=1000, own_mib=80.0)
SHORT = Look(pressure=42.0, available_mib=900, total_mib=1000, own_mib=80.0)


def watch(folder: Path, **properties: str) -> MemoryWatch:
    items = [ConfigItem(key=k.replace("__", "."), value=v) for k, v in properties.items()]
    values = apply_items([ConfigItem(key=i.key.replace("_", "-"), value=i.value) for i in items])[0]
    return MemoryWatch(folder, lambda: values, lambda: datetime(2026, 1, 1, tzinfo=UTC))


def reports(folder: Path) -> list[Path]:
    return sorted(folder.glob("short-*.json"))


def test_who_has_the_memory_is_written_down_when_it_is_short(tmp_path: Path) -> None:
    watch(tmp_path).take(SHORT, 0.0)
    assert not reports(tmp_path), "only where the property says so"
    watched = watch(tmp_path, memory_monitor__enabled="true")
    watched.take(FINE, 0.0)
    assert not reports(tmp_path)
    watched.take(SHORT, 10.0)
    (report,) = reports(tmp_path)
    told = json.loads(report.read_text())
    assert told["pressure"] == 42.0
    assert 0 < len(told["largest"]) <= 10
    sizes = [one["resident_mib"] for one in told["largest"]]
    assert sizes == sorted(sizes, reverse=True)
    report.unlink()
    watched.take(SHORT, 20.0)
    assert not reports(tmp_path), "not again so soon"


def test_so_many_reports_are_kept(tmp_path: Path) -> None:
    for number in range(MOST_REPORTS + 5):
        (tmp_path / f"short-2025{number:04d}.json").touch()
    watch(tmp_path, memory_monitor__enabled="true").take(SHORT, 0.0)
    assert len(reports(tmp_path)) == MOST_REPORTS
    assert reports(tmp_path)[-1].name == "short-20260101T000000.json"


def test_the_nodes_own_memory_is_kept_unless_a_property_says_no(tmp_path: Path) -> None:
    silent = watch(tmp_path, internal_memory_monitor__store__enabled="false")
    silent.take(FINE, 0.0)
    assert not (tmp_path / "own.csv").exists()
    kept = watch(tmp_path)
    for at in (0.0, 30.0, 60.0):  # one sample a minute
        kept.take(FINE, at)
    assert (tmp_path / "own.csv").read_text() == "2026-01-01T00:00:00+00:00,80.0\n" * 2


@pytest.mark.parametrize("analysed", [True, False])
def test_growth_without_end_is_told_once_unless_a_property_says_no(
    tmp_path: Path, *, analysed: bool
) -> None:
    told = {} if analysed else {"internal_memory_monitor__analyze__enabled": "false"}
    watched = watch(tmp_path, internal_memory_monitor__store__enabled="false", **told)
    for minute in range(200):
        own = Look(0.0, 900, 1000, 80.0 + minute / 2)
        watched.take(own, 60.0 * minute)
    assert watched.warnings == ([30.0] if analysed else [])


def test_a_node_that_has_warmed_up_does_not_leak() -> None:
    warm = [Sample(60.0 * n, 60.0 + min(n, 20)) for n in range(300)]
    assert not leaks(warm)
    assert not leaks([Sample(60.0 * n, 60.0 + n) for n in range(60)]), "too early to say"


def test_the_kernel_is_asked_for_the_pressure(tmp_path: Path) -> None:
    assert memory_pressure(tmp_path) is None
    (tmp_path / "proc/pressure").mkdir(parents=True)
    told = "some avg10=12.50 avg60=1.00 avg300=0.00 total=5\nfull avg10=0.00 avg60=0.00\n"
    (tmp_path / "proc/pressure/memory").write_text(told)
    assert memory_pressure(tmp_path) == 12.5
