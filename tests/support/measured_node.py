"""The side of a node that proves what it booted: its own code and a TPM, without its workloads."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.whole_controller import Whole

from eaves.cli.demo.boots import Chain, Machine
from eaves.evapi.device_certs import Chance
from eaves.evapi.envelope import onboarding_sender
from eaves.evapi.flows.attest import (
    Attested,
    Attester,
    NotKnown,
    Quoter,
    prove,
    stated_versions,
    upload_certs,
)
from eaves.evapi.flows.onboard import Applicant, onboard
from eaves.evapi.flows.poll import Polled, poll
from eaves.evapi.flows.steps import Flow, Reply, Send, Wait
from eaves.evapi.flows.trust import Trust
from eaves.evapi.keys import KeySigner
from eaves.ids import DeviceId
from eaves.node.comms.identity import Identity, load_identity
from eaves.node.comms.link import Ended, advance
from eaves.node.comms.transport import Limits, Transport
from eaves.node.tpm.device import Tpm
from eaves.node.tpm.quoter import TpmQuoter

T = TypeVar("T")
VERSION = "eaves-1.0"
FIRMWARE = "Acme-2.7-01/01/2026"


def now() -> datetime:
    return datetime.now(UTC)


def chance() -> Chance:
    return Chance(now(), os.urandom)


class MadeToWait(Exception):
    """The controller did not do what was asked; says why in the words of the flow."""


@dataclass
class MeasuredNode:
    """`disk` is its state folder, `machine` what it runs on."""

    whole: Whole
    machine: Machine
    disk: Path
    device_id: DeviceId
    transport: Transport
    tpm: Tpm
    identity: Identity
    trust: Trust
    token: bytes = b""

    def boot(self, chain: Chain) -> None:
        self.tpm.close()
        self.machine.boot(chain)
        self.token = b""

    def quoter(self, tpm: Tpm | None = None, log: Path | None = None) -> Quoter:
        versions = stated_versions(VERSION, FIRMWARE)
        return TpmQuoter(tpm or self.tpm, log or self.machine.event_log, versions)

    async def attest(self, quoter: Quoter | None = None) -> Attested:
        """Raises MadeToWait when it is refused."""
        attester = Attester(
            self.identity.sender, self.device_id, self.identity.certs, quoter or self.quoter()
        )
        uploaded = await drive(upload_certs(attester, self.trust, now), self.transport)
        assert not isinstance(uploaded, NotKnown)
        done = await drive(prove(attester, uploaded, now), self.transport)
        self.token = done.integrity_token
        return done

    async def refused(self, quoter: Quoter | None = None) -> str:
        """That it is; what the controller tells a person."""
        with pytest.raises(MadeToWait, match="attestation refused"):
            await self.attest(quoter)
        return await self.told()

    async def told(self) -> str:
        path = f"/v1/devices/id/{self.device_id}/attestation"
        found = (await self.whole.caller.get(path))["attestation"]
        return str(found["detail"])

    async def order(self, what: str) -> None:
        path = f"/v1/eaves/devices/id/{self.device_id}/{what}"
        answer = await self.whole.caller.http.put(path, json={})
        assert answer.status_code == 200, answer.text

    async def polled(self) -> Polled:
        return await drive(
            poll(self.identity.sender, self.device_id, self.trust, now, integrity_token=self.token),
            self.transport,
        )

    async def events(self) -> list[str]:
        found = await self.whole.caller.get("/v1/events", **{"next.pageSize": "100"})
        return [f"{one['eventType']}: {one['description']}" for one in found["list"]]


async def drive(flow: Flow[T], transport: Transport) -> T:
    """As a node drives it, but it does not wait."""
    reply: Reply | None = None
    try:
        while True:
            match await asyncio.to_thread(advance, flow, reply):
                case Send() as step:
                    reply = await transport.perform(step)
                case Wait(_, because):
                    raise MadeToWait(because)
                case Ended(result):
                    return result
    finally:
        flow.close()


@asynccontextmanager
async def measured_node(
    whole: Whole,
    machine: Machine,
    disk: Path,
    device_id: str,
    serial: str,
    chain: Callable[[], Chain] = Chain,
) -> AsyncGenerator[MeasuredNode]:
    """It boots for the first time and is onboarded."""
    machine.boot(chain())
    root = (whole.devices.settings.state_dir / "root-certificate.pem").read_bytes()
    transport = Transport(f"https://localhost:{whole.devices.port}", root, now, Limits())
    with Tpm(machine.tcti) as tpm:
        try:
            identity = await asyncio.to_thread(load_identity, disk, chance, tpm)
            certificate, key_pem = await whole.onboarding(device_id)
            key = load_pem_private_key(key_pem, None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            applicant = Applicant(
                identity.sender,
                identity.device_cert_pem,
                onboarding_sender(KeySigner(key), certificate),
                serial,
            )
            done = await drive(onboard(applicant, root, now, lambda: 0.5, None), transport)
            assert done.device_id == device_id
            yield MeasuredNode(
                whole, machine, disk, done.device_id, transport, tpm, identity, done.trust
            )
        finally:
            await transport.close()
