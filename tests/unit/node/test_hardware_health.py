"""Health of the hardware: recorded answers of smartctl, trees like /sys, lines of /proc."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from eaves.evapi.hardwarehealth import decode_z_hardware_health, encode_z_hardware_health
from eaves.node.host.processes import Processes, parse_process
from eaves.node.host.sensors import Sensors
from eaves.node.host.smart import DiskHealth, Disks, parse_smart, parse_stat
from eaves.node.runtime.health import (
    MOST_PROCESSES,
    disk_metrics,
    hardware_health,
    process_metrics,
    temperature_lines,
)

SDA = DiskHealth("/dev/sda", "seen by the kernel")
ATA = {
    "smartctl": {"exit_status": 0},
    "model_name": "WDC WD10EZEX",
    "serial_number": "WD-1",
    "wwn": {"naa": 5, "oui": 5358, "id": 10873342354},
    "ata_smart_attributes": {
        "table": [
            {
                "id": 5,
                "name": "Reallocated_Sector_Ct",
                "value": 200,
                "worst": 199,
                "thresh": 140,
                "when_failed": "",
                "flags": {"value": 51, "prefailure": True},
                "raw": {"value": 3, "string": "3"},
            },
            {
                "id": 194,
                "name": "Temperature_Celsius",
                "value": 114,
                "worst": 98,
                "thresh": 0,
                "when_failed": "past",
                "flags": {"value": 34, "prefailure": False},
                "raw": {"value": 29, "string": "29"},
            },
        ]
    },
}
NVME = {
    "model_name": "Samsung SSD 980",
    "serial_number": "S64",
    "nvme_smart_health_information_log": {
        "critical_warning": 0,
        "temperature": 41,
        "power_on_hours": 1234,
        "power_cycles": 56,
        "media_errors": 2,
        "temperature_sensors": [41, 45],
    },
}


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def test_an_ata_disk_is_told_with_its_attributes() -> None:
    seen = parse_smart(SDA, json.dumps(ATA), 4)
    assert (seen.model, seen.serial, seen.problem) == ("WDC WD10EZEX", "WD-1", "")
    assert seen.wwn == "0x50014ee2881a0992"
    first, second = seen.attributes
    assert (first.number, first.raw, first.value, first.worst, first.threshold) == (
        5,
        3,
        200,
        199,
        140,
    )
    assert (first.kind, second.kind, second.when_failed) == ("Pre-fail", "Old_age", "past")


def test_what_nvme_has_in_common_with_ata_has_the_numbers_of_ata() -> None:
    seen = parse_smart(SDA, json.dumps(NVME), 0)
    by_name = {a.name: (a.number, a.raw) for a in seen.attributes}
    assert by_name["temperature"] == (194, 41)
    assert by_name["power_on_hours"] == (9, 1234)
    assert by_name["power_cycles"] == (12, 56)
    assert by_name["media_errors"] == (0, 2)
    assert "temperature_sensors" not in by_name


def test_a_disk_that_tells_nothing_says_why() -> None:
    refused = {
        "smartctl": {
            "exit_status": 2,
            "messages": [{"string": "/dev/sda: Unable to detect device type"}],
        }
    }
    seen = parse_smart(SDA, json.dumps(refused), 2)
    assert (seen.model, seen.attributes) == ("seen by the kernel", ())
    assert "cannot open it: /dev/sda: Unable to detect device type" in seen.problem
    assert "tells no SMART attributes" in parse_smart(SDA, '{"smartctl": {}}', 0).problem
    assert "without an answer" in parse_smart(SDA, "Segmentation fault", 139).problem


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    (
                        "ata_smart_attributes",
                        "table",
                        "raw",
                        "value",
                        "wwn",
                        "naa",
                        "id",
                        "smartctl",
                        "messages",
                        "nvme_smart_health_information_log",
                    )
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    st.integers(0, 255),
)
@settings(max_examples=50, deadline=None)
def test_whatever_a_disk_says_is_a_message(answer: object, code: int) -> None:
    seen = parse_smart(SDA, json.dumps(answer), code)
    message = hardware_health("device", datetime(2026, 1, 1, tzinfo=UTC), (), (seen,))
    assert decode_z_hardware_health(encode_z_hardware_health(message)) == message


def test_disks_and_their_counters_are_read_from_the_tree(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "sys/block/sda/size": "2097152",
            "sys/block/sda/stat": " 100 0 4096 10 200 0 8192 20 0 30 40 0 0 0 0 0 0",
            "sys/block/sda/device/model": "Some disk",
            "sys/block/sda/device/wwid": "naa.5000",
            "sys/block/loop0/size": "8",
            "sys/block/loop0/device/model": "no disk at all",
            "sys/block/vdb/size": "8",  # nothing stands behind it
        },
    )
    (disk,) = Disks(tmp_path).devices()
    assert (disk.name, disk.model, disk.wwn) == ("sda", "Some disk", "naa.5000")
    (metric,) = disk_metrics((disk,))
    assert (metric.disk, metric.mount_path, metric.total) == ("sda", "", 1024)
    assert (metric.read_count, metric.read_bytes) == (100, 2)
    assert (metric.write_count, metric.write_bytes) == (200, 4)
    assert Disks(tmp_path / "nothing").devices() == ()
    assert parse_stat("1 2 three") == (0, 0, 0, 0)


def test_memory_errors_are_told_by_controller_and_rank(tmp_path: Path) -> None:
    edac = "sys/devices/system/edac/mc"
    _write(
        tmp_path,
        {
            f"{edac}/mc0/mc_name": "Skylake Socket#0",
            f"{edac}/mc0/ce_count": "7",
            f"{edac}/mc0/ue_count": "1",
            f"{edac}/mc0/dimm0/dimm_label": "CPU_A1",
            f"{edac}/mc0/dimm0/dimm_ce_count": "7",
            f"{edac}/mc0/dimm0/dimm_ue_count": "1",
            f"{edac}/mc0/dimm10/dimm_ce_count": "0",
            f"{edac}/mc1/ce_count": "unreadable",
            f"{edac}/mc1/csrow0/ce_count": "2",
            f"{edac}/power/control": "auto",
        },
    )
    first, second = Sensors(tmp_path).memory_controllers()
    message = hardware_health("d", datetime(2026, 1, 1, tzinfo=UTC), (first, second), ())
    assert message.mr is not None
    told = message.mr.memory_controllers
    assert [(c.controller_name, c.ce_count, c.ue_count) for c in told] == [
        ("Skylake Socket#0", 7, 1),
        ("mc1", 0, 0),
    ]
    assert [(r.rank_name, r.ce_count) for r in told[0].ranks] == [("CPU_A1", 7), ("dimm10", 0)]
    assert [(r.rank_name, r.ce_count) for r in told[1].ranks] == [("csrow0", 2)]
    assert Sensors(tmp_path / "no ECC").memory_controllers() == ()


def test_temperatures_come_from_chips_and_zones(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "sys/class/hwmon/hwmon0/name": "coretemp",
            "sys/class/hwmon/hwmon0/temp1_input": "45000",
            "sys/class/hwmon/hwmon0/temp1_label": "Package id 0",
            "sys/class/hwmon/hwmon1/name": "iwlwifi_1",
            "sys/class/hwmon/hwmon1/temp1_input": "",  # its radio is off
            "sys/class/thermal/thermal_zone0/temp": "-5500",
            "sys/class/thermal/thermal_zone0/type": 'a"b',
        },
    )
    lines = list(temperature_lines(Sensors(tmp_path).temperatures()))
    assert lines[2:] == [
        'node_hwmon_temp_celsius{chip="coretemp",sensor="Package id 0"} 45',
        'node_hwmon_temp_celsius{chip="thermal_zone0",sensor="a_b"} -5.5',
    ]
    assert list(temperature_lines(())) == []


def _stat(pid: int, name: str, *, flags: int = 0x400000, resident: int = 10) -> str:
    return (
        f"{pid} ({name}) S 1 1 1 0 -1 {flags} 0 0 0 0 150 50 0 0 20 0 3 0 1000 8192 {resident} 0 0"
    )


def test_a_process_is_read_from_its_line_whatever_its_name() -> None:
    seen = parse_process(_stat(7, "a) S (b"), 100, 4096)
    assert seen is not None
    assert (seen.pid, seen.name, seen.user, seen.threads) == (7, "a) S (b", True, 3)
    assert (seen.user_s, seen.system_s, seen.started_s) == (1.5, 0.5, 10.0)
    assert (seen.virtual_bytes, seen.resident_bytes) == (8192, 40960)
    assert parse_process("7 (short) S 1 2", 100, 4096) is None
    assert parse_process("", 100, 4096) is None


def test_processes_are_told_the_greatest_first_and_those_of_the_kernel_are_not() -> None:
    lines = [
        _stat(2, "kthreadd", flags=0x200000),
        _stat(3, "small", resident=1),
        _stat(4, "great", resident=100),
        _stat(5, "watched", resident=2),
    ]
    seen = [p for p in (parse_process(line, 100, 4096) for line in lines) if p]
    started = datetime(2026, 1, 1, tzinfo=UTC)
    told = process_metrics(seen, started, 110.0, 4096 * 1000, frozenset({5}))
    assert [p.name for p in told] == ["watched", "great", "small"]
    assert told[1].memory_percent == 10.0
    assert told[1].cpu_percent == 2.0  # two seconds of a hundred
    assert told[1].create_time == started + timedelta(seconds=10)
    assert len(process_metrics(seen[1:2] * 500, started, 110.0, 1)) == MOST_PROCESSES


def test_this_machine_shows_this_process() -> None:
    mine = [p for p in Processes().seen() if p.pid == os.getpid()]
    assert mine
    assert mine[0].resident_bytes > 0
    assert mine[0].descriptors > 0
