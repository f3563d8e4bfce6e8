"""The share of a vault's key at a real controller: kept, given back after a proof, and never else.

Node code, TPM in software, encrypted disk and controller are real; boots are played by the boot
simulator.
"""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from support.encrypted_disk import encrypted_disk
from support.measured_node import MadeToWait, MeasuredNode, drive, measured_node, now
from support.rest_objects import build_world
from support.whole_controller import whole_controller

from eaves.cli.demo.boots import CHANGES, Chain, Machine
from eaves.evapi.attest import AttestVolumeKey
from eaves.evapi.flows.attest import Attested, Attester, store_keys
from eaves.evapi.pem import certificate_key, load_certificate
from eaves.node.runtime.safekeeping import Safekeeping
from eaves.node.vault.escrow import escrowed
from eaves.node.vault.keeper import Vault

pytestmark = [
    pytest.mark.system,
    pytest.mark.host,
    pytest.mark.asyncio(loop_scope="module"),
]

SERIAL = "serial-of-edge-1"
SECRET = b"what the pump does at night"


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> None:
    """The machine of the module is switched off and on by tests; the check of the session holds."""


@dataclass
class Kept:
    """A node with a vault; `start` is what a start of the node does with it."""

    node: MeasuredNode
    image: Path
    disk: Path
    vault: Vault
    safekeeping: Safekeeping

    @property
    def file(self) -> Path:
        return self.disk / "vault" / "secret"

    def power_cycle(self, chain: Chain) -> None:
        """The kernel forgets the keys, the machine boots `chain`, the node starts."""
        subprocess.run(["umount", str(self.disk)], check=True, timeout=60)
        mount = ["mount", "-o", "loop", str(self.image), str(self.disk)]
        subprocess.run(mount, check=True, timeout=60)
        self.node.boot(chain)
        self.start()

    def start(self) -> None:
        self.vault = Vault(self.disk / "vault", self.node.tpm, "no TPM", os.urandom)
        self.vault.start()
        self.safekeeping = safekeeping_of(self.node, self.vault)

    async def attest(self) -> Attested:
        """As the node does: prove, take what came back, have the present share kept."""
        proven = await self.node.attest()
        await self.safekeeping.returned(proven.keys)
        keys = await self.safekeeping.to_escrow()
        if keys:
            await self.escrow(replace(self.attester(), escrow=keys), proven)
            await self.safekeeping.stored()
        return proven

    def attester(self) -> Attester:
        node = self.node
        return Attester(node.identity.sender, node.device_id, node.identity.certs, node.quoter())

    async def escrow(self, attester: Attester, proven: Attested) -> None:
        """Raises MadeToWait when the controller does not keep it."""
        await drive(store_keys(attester, proven, now), self.node.transport)


def safekeeping_of(node: MeasuredNode, vault: Vault) -> Safekeeping:
    key = certificate_key(load_certificate(node.identity.device_cert_pem))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return Safekeeping(
        vault,
        node.identity.ecdh,
        key,
        opened=lambda: None,
        due=lambda: None,
        changed=lambda: None,
    )


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def kept(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kept]:
    """Of a project that enforces attestation, let in with its first boot, its share in escrow."""
    folder = tmp_path_factory.mktemp("vault")
    async with whole_controller(folder / "controller") as whole:
        world = await build_world(whole.caller)
        path = f"/v1/projects/id/{world.project}"
        body = await whole.caller.get(path)
        enforce = {"attestationPolicy": {"type": "ATTEST_POLICY_TYPE_ENFORCE"}}
        body["attestationPolicy"] = body["attestationPolicy"] | enforce
        await whole.caller.put(path, body)
        with encrypted_disk(folder) as disk, Machine(folder / "machine") as machine:
            async with measured_node(
                whole, machine, disk / "identity", world.device, SERIAL
            ) as node:
                vault = Vault(disk / "vault", node.tpm, "no TPM", os.urandom)
                vault.start()
                made = Kept(node, folder / "disk.img", disk, vault, safekeeping_of(node, vault))
                made.file.write_bytes(SECRET)
                await node.refused()
                await node.order("attestation/accept")
                await made.attest()
                yield made


async def test_a_device_that_failed_gets_no_share_and_one_that_is_accepted_does(
    kept: Kept,
) -> None:
    changed = CHANGES["kernel"](Chain())
    kept.power_cycle(changed)
    assert "vault locked: PCRs 4 and 11 differ" in kept.vault.closed()
    before = kept.vault.closed()
    with pytest.raises(MadeToWait, match="attestation refused"):
        await kept.attest()
    assert kept.vault.closed() == before
    assert not kept.file.exists()
    # Its old token gives it nothing, and nothing that it sends is kept.
    stale = Attested(b"t" * 32, (), kept.node.trust)
    forged = await other_share(kept)
    with pytest.raises(MadeToWait, match="does not accept the integrity token"):
        await kept.escrow(replace(kept.attester(), escrow=forged), stale)

    await kept.node.order("attestation/accept")
    proven = await kept.attest()
    assert len(proven.keys) == 1
    assert kept.vault.closed() == ""
    assert kept.file.read_bytes() == SECRET
    assert not kept.vault.standing().escrow_due
    kept.power_cycle(changed)
    assert kept.vault.closed() == ""  # sealed to what was accepted


async def other_share(kept: Kept) -> tuple[AttestVolumeKey, ...]:
    """Made with the right keys of the device, for another vault."""
    node = kept.node
    key = certificate_key(load_certificate(node.identity.device_cert_pem))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return (await asyncio.to_thread(escrowed, b"f" * 32, node.identity.ecdh, key),)


async def test_a_rotated_key_is_kept_by_the_controller_and_opens_after_a_change(
    kept: Kept,
) -> None:
    kept.power_cycle(Chain())
    await kept.attest()
    before = kept.vault.escrow_share()
    kept.vault.rotate()
    assert kept.vault.standing().escrow_due
    await kept.attest()
    assert not kept.vault.standing().escrow_due
    assert kept.vault.escrow_share() != before
    changed = CHANGES["boot loader"](Chain())
    kept.power_cycle(changed)
    assert "PCR 4 differs" in kept.vault.closed()
    with pytest.raises(MadeToWait, match="attestation refused"):
        await kept.attest()
    await kept.node.order("attestation/accept")
    await kept.attest()
    assert kept.vault.closed() == ""
    assert kept.file.read_bytes() == SECRET


async def test_no_share_or_key_is_in_the_database_or_on_the_disk(kept: Kept) -> None:
    share = kept.vault.escrow_share()
    assert share is not None
    folder = kept.node.whole.devices.settings.state_dir
    for path in folder.rglob("*"):
        if path.is_file():
            assert share not in path.read_bytes(), path
    clear = kept.image.read_bytes()
    for secret in (share, SECRET, share.hex().encode()):
        assert secret not in clear
