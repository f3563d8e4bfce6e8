"""Proving to the controller what this node booted: at each start, on 403, under a new UUID.

The integrity token that a proof earns is in memory only, so a node that starts proves itself anew.
Source: EVE API v2, section 6.3; node reference, section 13.2.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import structlog

from eaves.errors import EavesError
from eaves.evapi.attest import AttestVolumeKey, ZAttestQuote
from eaves.evapi.flows.attest import Attested, Attester, NotKnown, Quoter
from eaves.evapi.info import AttestationState
from eaves.node.comms.link import Link

log = structlog.get_logger(__name__)

UNKNOWN_PAUSE_S = 10.0


@dataclass(slots=True)
class Proof:
    """How far it got; read by status and reports."""

    state: AttestationState = AttestationState.ATTESTATION_STATE_UNSPECIFIED
    error: str = ""  # why it is not accepted, in the words of whoever refused
    at: datetime | None = None  # when the controller accepted it last


class Escrow(Protocol):
    """What the controller keeps for the node's vault, and gives back after a proof."""

    async def returned(self, keys: Iterable[AttestVolumeKey], /) -> None: ...
    async def to_escrow(self) -> tuple[AttestVolumeKey, ...]: ...
    async def stored(self) -> None: ...


class Attesting:
    """`unknown` is called when the controller does not know the device, `attested` when a proof
    was accepted and polls will be answered.
    """

    def __init__(
        self,
        link: Link,
        quoter: Quoter,
        unknown: Callable[[], Awaitable[None]],
        attested: Callable[[], None],
        escrow: Escrow,
    ) -> None:
        self.proof = Proof()
        self._link = link
        self._quoter = quoter
        self._unknown = unknown
        self._attested = attested
        self._escrow = escrow
        self._now = asyncio.Event()

    def again(self) -> None:
        """Start from the certificates; one that is under way goes on."""
        self._now.set()

    async def run_forever(self) -> None:
        """A 403 to the next poll starts it again."""
        while True:
            self._now.clear()
            try:
                await self._attest()
            except EavesError as error:  # of the TPM: the controller's answers are waited for
                self._enter(AttestationState.ATTESTATION_STATE_RESTART_WAIT, str(error))
                raise
            await self._now.wait()

    async def _attest(self) -> None:
        device_id = self._link.device_id
        if device_id is None:
            raise RuntimeError("attestation before onboarding")
        identity = self._link.identity
        attester = Attester(identity.sender, device_id, identity.certs, self._quote)
        self._enter(AttestationState.ATTESTATION_STATE_NONCE_WAIT, self.proof.error)
        uploaded = await self._link.upload_certs(attester, self._waits)
        if isinstance(uploaded, NotKnown):
            self._enter(AttestationState.ATTESTATION_STATE_RESTART_WAIT, uploaded.unknown.reason)
            await self._unknown()
            await asyncio.sleep(UNKNOWN_PAUSE_S)
            self._now.set()
            return
        attested = await self._link.attest(attester, self._waits)
        self.proof.at = self._link.now()
        log.info("attested")
        self._attested()
        await self._escrow.returned(attested.keys)
        if await self._keep(attester, attested):
            self._enter(AttestationState.ATTESTATION_STATE_COMPLETE)
        else:
            self._now.set()

    async def _keep(self, attester: Attester, attested: Attested) -> bool:
        """Send what the vault has to be kept; False: the token is not taken any more."""
        keys = await self._escrow.to_escrow()
        if not keys:
            return True
        self._enter(AttestationState.ATTESTATION_STATE_ATTEST_ESCROW_WAIT)
        if not await self._link.escrow(replace(attester, escrow=keys), attested, self._waits):
            return False
        await self._escrow.stored()
        return True

    def _quote(self, nonce: bytes) -> ZAttestQuote:
        self.proof.state = AttestationState.ATTESTATION_STATE_TPM_QUOTE_WAIT
        quote = self._quoter(nonce)
        self.proof.state = AttestationState.ATTESTATION_STATE_ATTEST_WAIT
        return quote

    def _waits(self, because: str) -> None:
        self._enter(AttestationState.ATTESTATION_STATE_RESTART_WAIT, because)

    def _enter(self, state: AttestationState, error: str = "") -> None:
        self.proof.state, self.proof.error = state, error
