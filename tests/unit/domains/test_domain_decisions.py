"""The emulator's command line, the seed, ends and app states, as values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from eaves.errors import Rejected
from eaves.evapi.config import AppInstanceConfig, NetworkAdapter, VmBootMode, VmConfig, VmMode
from eaves.evapi.config import VolumeRef as WireVolumeRef
from eaves.evapi.info import Severity, ZSwState
from eaves.ids import AppInstanceId, VolumeId
from eaves.node import refs
from eaves.node.domains.app_state import AppParts, app_state
from eaves.node.domains.intent import intent
from eaves.node.domains.items import Disk, Domain, Firmware, Nic
from eaves.node.domains.observe import ended_fault
from eaves.node.domains.qemu import DiskFile, Place, memory_limit_bytes, qemu_argv
from eaves.node.domains.seed import seed_files
from eaves.node.host.accel import Accel
from eaves.node.host.applogs import LogFormat, LogSource, read_lines, release
from eaves.node.host.workloads import Ended, Run
from eaves.node.refs import AppInForce
from eaves.reconcile.item import Fault, ItemRef, Progress
from eaves.reconcile.report import ItemState, Report, Status

APP = AppInstanceId("5f0f4f6e-5d0b-4b92-a3b9-0f6d0ad2b6f1")
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TCG = Accel(kvm=False, reason="test")


def domain() -> Domain:
    return Domain(
        app=APP,
        number=3,
        incarnation=1,
        memory_kib=262144,
        vcpus=2,
        firmware=Firmware.BIOS,
        disks=(Disk(VolumeId("disk-0"), 0), Disk(VolumeId("disk-1"), 0)),
        nics=(Nic(0, "nbu0x3", "02:16:3e:00:00:01"),),
        user_data="#cloud-config\n",
        seed_version="7",
    )


def place(accel: Accel = TCG) -> Place:
    disks = (
        DiskFile(Path("/v/a,b.qcow2"), "qcow2", read_only=False, cdrom=False),
        DiskFile(Path("/v/c.raw"), "raw", read_only=True, cdrom=False),
    )
    return Place(Path("/r"), Path("/s/console.log"), accel, disks, Path("/r/cidata.iso"), None)


def test_the_command_line_is_as_known() -> None:
    devices = [
        f"{option} {line}"
        for option, line in pairwise(qemu_argv(domain(), place()))
        if option in {"-device", "-blockdev", "-netdev", "-accel", "-cpu", "-m", "-smp"}
    ]
    assert devices == GOLDEN


GOLDEN = [
    "-accel tcg,thread=multi,tb-size=128",
    "-cpu max",
    "-m size=262144k",
    "-smp 2,sockets=1,cores=2,threads=1",
    "-device pcie-root-port,id=port0,chassis=1,addr=0x2.0x0,multifunction=on",
    "-device virtio-rng-pci,rng=rng0,bus=port0",
    "-device pcie-root-port,id=port1,chassis=2,addr=0x2.0x1",
    "-device virtio-scsi-pci,id=scsi,bus=port1",
    "-device pcie-root-port,id=port2,chassis=3,addr=0x2.0x2",
    (
        "-blockdev driver=file,node-name=disk0-file,filename=/v/a,,b.qcow2,read-only=off,"
        "cache.direct=off,cache.no-flush=off"
    ),
    (
        "-blockdev driver=qcow2,node-name=disk0,file=disk0-file,read-only=off,cache.direct=off,"
        "cache.no-flush=off"
    ),
    "-device virtio-blk-pci,drive=disk0,bootindex=0,bus=port2,serial=disk0",
    "-device pcie-root-port,id=port3,chassis=4,addr=0x2.0x3",
    (
        "-blockdev driver=file,node-name=disk1-file,filename=/v/c.raw,read-only=on,"
        "cache.direct=off,cache.no-flush=off"
    ),
    (
        "-blockdev driver=raw,node-name=disk1,file=disk1-file,read-only=on,cache.direct=off,"
        "cache.no-flush=off"
    ),
    "-device virtio-blk-pci,drive=disk1,bootindex=1,bus=port3,serial=disk1",
    (
        "-blockdev driver=file,node-name=seed-file,filename=/r/cidata.iso,read-only=on,"
        "cache.direct=off,cache.no-flush=off"
    ),
    (
        "-blockdev driver=raw,node-name=seed,file=seed-file,read-only=on,cache.direct=off,"
        "cache.no-flush=off"
    ),
    "-device scsi-cd,drive=seed,bus=scsi.0",
    "-device pcie-root-port,id=port4,chassis=5,addr=0x2.0x4",
    "-netdev tap,id=net0,ifname=nbu0x3,script=no,downscript=no",
    "-device virtio-net-pci,netdev=net0,mac=02:16:3e:00:00:01,bus=port4,romfile=",
]


def test_kvm_gives_the_hosts_processor() -> None:
    argv = qemu_argv(domain(), place(Accel(kvm=True, reason="test")))
    assert argv[argv.index("-cpu") + 1] == "host"
    assert argv[argv.index("-accel") + 1] == "kvm"


def test_missing_firmware_and_too_long_paths_are_refused() -> None:
    with pytest.raises(Rejected, match="install the package ovmf"):
        qemu_argv(replace(domain(), firmware=Firmware.UEFI), place())
    with pytest.raises(Rejected, match="shorter name"):
        qemu_argv(domain(), replace(place(), folder=Path("/r") / ("x" * 110)))


def test_the_limit_leaves_room_for_the_emulator() -> None:
    mib = 1024 * 1024
    assert memory_limit_bytes(domain()) == 256 * mib + 376 * mib + 256 * 1024 // 40 * 1024


def test_the_seed_names_the_guest_unless_the_user_data_does() -> None:
    assert seed_files(domain())["meta-data"].decode() == (
        f"instance-id: {APP}/7\nlocal-hostname: {APP}\n"
    )
    named = replace(domain(), user_data="#cloud-config\nhostname: mine\n")
    assert b"local-hostname" not in seed_files(named)["meta-data"]


@pytest.mark.parametrize(
    ("resources", "firmware"),
    [
        (VmConfig(virtualization_mode=VmMode.HVM), Firmware.BIOS),
        (VmConfig(virtualization_mode=VmMode.FML), Firmware.UEFI),
        (VmConfig(boot_mode=VmBootMode.VM_BOOT_MODE_UEFI), Firmware.UEFI),
        (
            VmConfig(virtualization_mode=VmMode.FML, boot_mode=VmBootMode.VM_BOOT_MODE_LEGACY),
            Firmware.BIOS,
        ),
    ],
)
def test_boot_mode_wins_over_the_mode(resources: VmConfig, firmware: Firmware) -> None:
    config = AppInstanceConfig(
        fixedresources=resources,
        interfaces=(NetworkAdapter(),),
        volume_ref_list=(WireVolumeRef(uuid="d", generation_count=2),),
    )
    app = AppInForce(config=config, app=APP, number=3, activate=True, incarnation=0)
    (made,) = intent([app], frozenset(), {}, {refs.vif(APP, 0): "02:00:00:00:00:01"})
    assert made.firmware is firmware
    assert made.nics == (Nic(0, "nbu0x3", "02:00:00:00:00:01"),)
    assert made.needs() == {refs.volume(VolumeId("d"), 2), refs.vif(APP, 0)}
    assert intent([app], frozenset({APP}), {}, {}) == ()


@pytest.mark.parametrize(
    ("ended", "text"),
    [
        (Ended(0, NOON), "guest powered off at 2026-03-01 12:00:00 UTC; restarts at 12:10:00 UTC"),
        (Ended(137, NOON), "QEMU ended with exit code 137 (SIGKILL) at 2026-03-01 12:00:00 UTC"),
        (None, "QEMU ended with an unknown code"),
    ],
)
def test_an_end_is_told_with_its_cause(ended: Ended | None, text: str) -> None:
    fault = ended_fault(Run(1, 1, NOON), ended, timedelta(minutes=10))
    assert fault.text.startswith(text)
    assert fault.retry_at == NOON + timedelta(minutes=10)


VOLUME, TREE = refs.volume(VolumeId("v"), 0), ItemRef("content-tree", "t#0")
VIF, DOMAIN = refs.vif(APP, 0), refs.domain(APP)
PARTS = AppParts((VOLUME,), (VIF,), DOMAIN)
P, W, F = ItemState.PRESENT, ItemState.WAITING, ItemState.FAILED


def report(**states: Status) -> Report:
    found = {TREE: Status(TREE, P), VOLUME: Status(VOLUME, P), VIF: Status(VIF, P)}
    by_name = {"tree": TREE, "volume": VOLUME, "vif": VIF, "domain": DOMAIN}
    for name, status in states.items():
        found[by_name[name]] = status
    return Report(found)


def waits(ref: ItemRef, *needs: ItemRef) -> Status:
    return Status(ref, W, waits_for=frozenset(needs))


def working(ref: ItemRef, phase: str) -> Status:
    return Status(ref, ItemState.WORKING, Progress(1, 2, phase))


@pytest.mark.parametrize(
    ("states", "activate", "ran", "expected"),
    [
        (
            {
                "tree": working(TREE, "DOWNLOAD_STARTED"),
                "volume": waits(VOLUME, TREE),
                "domain": waits(DOMAIN, VOLUME),
            },
            True,
            False,
            ZSwState.DOWNLOAD_STARTED,
        ),
        (
            {"tree": working(TREE, "VERIFYING"), "volume": waits(VOLUME, TREE)},
            True,
            False,
            ZSwState.VERIFYING,
        ),
        ({"volume": working(VOLUME, "")}, True, False, ZSwState.CREATING_VOLUME),
        ({}, False, False, ZSwState.INSTALLED),
        ({}, False, True, ZSwState.HALTED),
        (
            {"vif": waits(VIF), "domain": waits(DOMAIN, VIF)},
            True,
            False,
            ZSwState.AWAITNETWORKINSTANCE,
        ),
        ({"domain": working(DOMAIN, "BOOTING")}, True, False, ZSwState.BOOTING),
        ({"domain": Status(DOMAIN, P)}, True, True, ZSwState.RUNNING),
        ({"domain": working(DOMAIN, "HALTING")}, True, True, ZSwState.HALTING),
        ({"domain": Status(DOMAIN, ItemState.LEAVING)}, False, True, ZSwState.HALTING),
    ],
)
def test_the_state_is_that_of_the_part_that_lags_most(
    states: dict[str, Status],
    activate: bool,  # noqa: FBT001 - a table row
    ran: bool,  # noqa: FBT001 - a table row
    expected: ZSwState,
) -> None:
    assert app_state(report(**states), PARTS, activate=activate, ran_before=ran).state == expected


def test_a_dead_workload_is_halted_with_an_error_that_tells_the_next_try() -> None:
    fault = Fault("guest powered off", NOON, retry_at=NOON + timedelta(minutes=10))
    told = app_state(
        report(domain=Status(DOMAIN, F, fault=fault)),
        PARTS,
        activate=True,
        ran_before=True,
        warnings=("isolation: ...",),
    )
    assert told.state == ZSwState.HALTED
    error, warning = told.errors
    assert error.description == "guest powered off"
    assert error.severity == Severity.SEVERITY_ERROR
    assert error.retry_condition == "tried again at 2026-03-01 12:10:00 UTC"
    assert error.entities[0].entity_id == APP
    assert warning.severity == Severity.SEVERITY_WARNING


def test_one_root_cause_is_told_once() -> None:
    fault = Fault("no route", NOON, attempts=2)
    states = {
        "tree": Status(TREE, F, fault=fault),
        "volume": waits(VOLUME, TREE),
        "domain": waits(DOMAIN, VOLUME),
    }
    told = app_state(report(**states), PARTS, activate=True, ran_before=False)
    assert [error.description for error in told.errors] == ["no route"]
    assert told.errors[0].severity == Severity.SEVERITY_NOTICE


def test_lines_come_once_and_half_lines_wait(tmp_path: Path) -> None:
    source = LogSource(APP, tmp_path / "console.log", LogFormat.RAW)
    assert read_lines(source, "").empty
    source.path.write_bytes(b"one\r\ntwo\nthr")
    first = read_lines(source, "")
    assert [line.text for line in first.lines] == ["one", "two"]
    with source.path.open("ab") as file:
        file.write(b"ee\n")
    second = read_lines(source, first.position)
    assert [line.text for line in second.lines] == ["three"]
    assert read_lines(source, second.position).empty
    source.path.write_bytes(b"")  # a power cut took what was not synced
    assert read_lines(source, second.position).empty


def test_released_bytes_take_no_disk_and_positions_stay(tmp_path: Path) -> None:
    source = LogSource(APP, tmp_path / "stdout.log", LogFormat.K8S_FILE)
    line = b"2026-03-01T12:00:00.123456789+00:00 stdout F " + b"x" * 100 + b"\n"
    source.path.write_bytes(line * 5000)
    batch = read_lines(source, "", most_bytes=10_000_000)
    assert len(batch.lines) == 5000
    assert batch.lines[0].at == datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert batch.lines[0].stream == "stdout"
    before = source.path.stat().st_blocks
    release(source, batch.position)
    assert source.path.stat().st_blocks < before / 10
    with source.path.open("ab") as file:
        file.write(line)
    assert len(read_lines(source, batch.position).lines) == 1
