"""Attacks on a node with a TPM: its own code, a TPM in software, a real controller that enforces.

Changed boot chains are played by the boot simulator: what is booted is words, what is measured,
signed and judged is not.
"""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from support.measured_node import FIRMWARE, VERSION, MadeToWait, MeasuredNode, chance, measured_node
from support.rest_objects import build_world
from support.whole_controller import whole_controller

from eaves.cli.demo.boots import CHANGES, Chain, Machine
from eaves.evapi.attest import ZAttestQuote
from eaves.evapi.event_log_form import IPL, Step
from eaves.evapi.flows.attest import versions_only
from eaves.evapi.flows.poll import AttestFirst
from eaves.node.comms.hardware import IdentityElsewhere
from eaves.node.comms.identity import load_identity
from eaves.node.tpm.device import Tpm

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

SERIAL = "serial-of-edge-1"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MeasuredNode]:
    """Of a project that enforces attestation; its first boot is what its model may boot."""
    folder = tmp_path_factory.mktemp("measured")
    async with whole_controller(folder / "controller") as whole:
        world = await build_world(whole.caller)
        path = f"/v1/projects/id/{world.project}"
        body = await whole.caller.get(path)
        enforce = {"attestationPolicy": {"type": "ATTEST_POLICY_TYPE_ENFORCE"}}
        body["attestationPolicy"] = body["attestationPolicy"] | enforce
        await whole.caller.put(path, body)
        with Machine(folder / "machine") as machine:
            async with measured_node(whole, machine, folder / "disk", world.device, SERIAL) as made:
                await made.refused()
                await made.order("attestation/accept")
                yield made


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def golden(node: MeasuredNode) -> AsyncIterator[None]:
    """After each attack the honest boot is let in: nothing else is affected."""
    node.boot(Chain())
    await node.attest()
    assert not isinstance((await node.polled()).answer, AttestFirst)
    yield
    node.tpm.close()
    node.machine.power_off()


async def test_a_changed_kernel_command_line_is_refused_and_named(node: MeasuredNode) -> None:
    await refused_and_named(node, "command line", 12, "root=PARTLABEL=IMGA ro quiet init=/bin/sh")


async def test_a_changed_initrd_is_refused_and_named(node: MeasuredNode) -> None:
    await refused_and_named(node, "initrd", 9, "Linux initrd")


async def test_a_changed_boot_order_is_refused_and_named(node: MeasuredNode) -> None:
    """The order itself changes on honest machines; what another medium boots is what counts."""
    await refused_and_named(node, "boot order", 4, "systemd-bootx64.efi of usb")


async def test_a_rolled_back_os_version_is_refused_and_named(node: MeasuredNode) -> None:
    """Also where it claims to be the version that the model may boot."""
    await refused_and_named(node, "OS version", 11, "VERSION_ID=13.4.0 instead of")


@pytest.mark.parametrize(
    ("change", "pcr", "named"),
    [
        ("kernel", 11, ".linux of the kernel image"),
        ("boot loader", 4, "systemd-bootx64.efi of disk"),
        ("firmware", 0, "Acme UEFI 2.7 of somebody else"),
        ("secure boot", 7, "SecureBoot = 00"),
    ],
    ids=["kernel", "boot loader", "firmware", "secure boot"],
)
async def test_any_other_changed_boot_is_refused_and_named(
    node: MeasuredNode, change: str, pcr: int, named: str
) -> None:
    await refused_and_named(node, change, pcr, named)


async def refused_and_named(node: MeasuredNode, change: str, pcr: int, named: str) -> None:
    """By REST and in an event: the PCR, the entry of the event log, and what it says."""
    node.boot(CHANGES[change](Chain()))
    told = await node.refused()
    assert f"PCR {pcr}: entry " in told
    assert named in told
    assert isinstance((await node.polled()).answer, AttestFirst)
    assert any(
        one.startswith("EDGE_NODE_ATTESTATION_FAILED") and named in one
        for one in await node.events()
    )


async def test_what_is_measured_and_not_logged_is_seen(node: MeasuredNode) -> None:
    node.boot(Chain())
    node.machine.extend(Step(9, IPL, b"a module"), logged=False)
    assert "PCR 9: the event log does not lead to its value" in await node.refused()


async def test_a_log_that_hides_what_was_booted_is_seen(node: MeasuredNode) -> None:
    honest = node.machine.event_log.read_bytes()
    node.boot(CHANGES["command line"](Chain()))
    node.machine.event_log.write_bytes(honest)
    assert "PCR 12: the event log does not lead to its value" in await node.refused()


async def test_a_device_that_had_a_tpm_cannot_say_that_it_has_none(node: MeasuredNode) -> None:
    told = await node.refused(versions_only(VERSION, FIRMWARE))
    assert "says that it has no TPM, and it had one" in told
    node.token = b""
    assert isinstance((await node.polled()).answer, AttestFirst)


async def test_a_quote_of_another_device_is_no_quote_of_this_one(
    node: MeasuredNode, tmp_path: Path
) -> None:
    """The other one booted the very same, and its quote answers the right nonce."""
    with Machine(tmp_path / "machine") as other:
        other.boot(Chain())
        with Tpm(other.tcti) as tpm:
            load_identity(tmp_path / "disk", chance, tpm)
            assert "signature" in await node.refused(node.quoter(tpm, other.event_log))


async def test_a_quote_is_good_once(node: MeasuredNode) -> None:
    kept: list[ZAttestQuote] = []
    quote = node.quoter()

    def keep(nonce: bytes) -> ZAttestQuote:
        kept.append(quote(nonce))
        return kept[-1]

    await node.attest(keep)
    with pytest.raises(MadeToWait, match="the nonce is not outstanding"):
        await node.attest(lambda _nonce: kept[-1])


async def test_a_cloned_disk_on_another_tpm_is_nobody(node: MeasuredNode, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    shutil.copytree(node.disk, disk)
    with Machine(tmp_path / "machine") as other:
        other.boot(Chain())
        with Tpm(other.tcti) as tpm:
            with pytest.raises(IdentityElsewhere, match="holds no device key"):
                load_identity(disk, chance, tpm)
            load_identity(tmp_path / "own disk", chance, tpm)
            with pytest.raises(IdentityElsewhere, match="holds another device key"):
                load_identity(disk, chance, tpm)


async def test_a_disk_of_a_tpm_does_not_go_on_with_keys_on_disk(
    node: MeasuredNode, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    shutil.copytree(node.disk, disk)
    with pytest.raises(IdentityElsewhere, match="was started without a TPM"):
        load_identity(disk, chance, None)
    assert not (disk / "device.key.pem").exists()


async def test_no_key_of_a_device_with_a_tpm_is_on_its_disk(node: MeasuredNode) -> None:
    for path in node.disk.rglob("*"):
        assert b"PRIVATE KEY" not in path.read_bytes()
