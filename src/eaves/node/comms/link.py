"""One node's conversation with its controller: flows driven over a transport."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar

import structlog

from eaves.evapi.flows.attest import (
    Attested,
    Attester,
    NotKnown,
    prove,
    store_keys,
    upload_certs,
)
from eaves.evapi.flows.onboard import Applicant, Onboarded, UuidLookup, look_up_uuid, onboard
from eaves.evapi.flows.poll import (
    AttestFirst,
    NothingNew,
    NotServed,
    Polled,
    PollNow,
    await_change,
    poll,
)
from eaves.evapi.flows.report import Fate, report
from eaves.evapi.flows.scep_proxy import Passed, pass_on
from eaves.evapi.flows.steps import Flow, Reply, Send, Step, Wait
from eaves.evapi.flows.trust import Failed, Trust, fetch_trust
from eaves.evapi.paths import Endpoint
from eaves.evapi.scep_proxy import SCEPProxyRequest
from eaves.ids import AppInstanceId, DeviceId
from eaves.node.comms.identity import Identity
from eaves.node.comms.transport import Transport

log = structlog.get_logger(__name__)
T = TypeVar("T")

WAIT_SLICE_S = 5.0
CLOCK_SET_S = 60.0


@dataclass(slots=True)
class Standing:
    """How we stand with the controller; shown by `eaves node status`."""

    phase: str = "starting"
    waiting_for: str = ""  # why, when something does not get on
    token: bytes = field(default=b"", repr=False)


class Link:
    """Knows trust and UUID; every call is one flow."""

    def __init__(
        self,
        transport: Transport,
        identity: Identity,
        roots_pem: bytes,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.transport = transport
        self.identity = identity
        self.standing = Standing()
        self.trust: Trust | None = None
        self.device_id: DeviceId | None = None
        self.roots_pem = roots_pem
        self.now = now
        self._earliest = datetime.min.replace(tzinfo=UTC)
        self._sleep = sleep
        self._jitter = jitter
        self.chance = jitter  # uniform in [0, 1)

    def not_before(self, moment: datetime) -> None:
        """The controller dated something so: it is not earlier now, whatever the clock says."""
        self._earliest = max(moment, self._earliest)

    def certain_now(self) -> datetime:
        """The time at which certificates are judged.

        A clock that somebody set back must not make one good again that has expired: who has its
        key could be taken for the controller.
        """
        told = self.now()
        if told < self._earliest:
            log.warning("clock_behind", now=str(told), controller_dated=str(self._earliest))
        return max(told, self._earliest)

    def jitter(self, interval_s: float) -> float:
        """A periodic timer of the API: uniform in 30 to 100 % of the interval."""
        return interval_s * (0.3 + 0.7 * self._jitter())

    async def onboard(self, applicant: Applicant) -> Onboarded:
        self.standing.phase = "onboarding"
        done = await self._drive(
            onboard(applicant, self.roots_pem, self.certain_now, self._jitter, self.trust)
        )
        self.trust, self.device_id = done.trust, done.device_id
        return done

    async def look_up_uuid(self) -> UuidLookup:
        found = await self._drive(
            look_up_uuid(self.identity.sender, self._trusted(), self.certain_now)
        )
        self.trust = found.trust
        return found

    async def refresh_certs(self) -> Trust | Failed:
        fetched = await self._drive(fetch_trust(self.roots_pem, self.certain_now))
        if isinstance(fetched, Trust):
            self.trust = self._trusted().renewed(fetched.current, fetched.listed)
        return fetched

    async def upload_certs(
        self, attester: Attester, waits: Callable[[str], None]
    ) -> Trust | NotKnown:
        """`waits` is told why, each time the controller makes us wait."""
        done = await self._drive(upload_certs(attester, self._trusted(), self.certain_now), waits)
        self.trust = done if isinstance(done, Trust) else done.trust
        return done

    async def attest(self, attester: Attester, waits: Callable[[str], None]) -> Attested:
        """As above; the token is kept for the polls."""
        done = await self._drive(prove(attester, self._trusted(), self.certain_now), waits)
        self.trust, self.standing.token = done.trust, done.integrity_token
        return done

    async def escrow(
        self, attester: Attester, attested: Attested, waits: Callable[[str], None]
    ) -> bool:
        """Have the attester's keys kept; False: it has to attest again first."""
        done = await self._drive(store_keys(attester, attested, self.now), waits)
        self.trust = done if isinstance(done, Trust) else done.trust
        return isinstance(done, Attested)

    async def poll(self, config_hash: str) -> Polled:
        done = await self._drive(
            poll(
                self.identity.sender,
                self._known(),
                self._trusted(),
                self.certain_now,
                config_hash=config_hash,
                integrity_token=self.standing.token,
            )
        )
        self.trust = done.trust
        return done

    async def await_change(
        self, config_hash: str
    ) -> PollNow | AttestFirst | NothingNew | NotServed:
        return await self._drive(
            await_change(self.identity.sender, self._known(), config_hash, self.standing.token)
        )

    async def report(
        self, endpoint: Endpoint, payload: bytes, app: AppInstanceId | None = None
    ) -> Fate:
        return await self._drive(
            report(self.identity.sender, self._known(), endpoint, payload, app)
        )

    async def pass_on(self, request: SCEPProxyRequest) -> Passed:
        """To a SCEP server that only the controller reaches."""
        before = self.trust
        if before is None or self.device_id is None:
            return Passed(problem="the controller does not know this device yet")
        done = await self._drive(
            pass_on(self.identity.sender, self.device_id, before, self.certain_now, request)
        )
        if self.trust is before:  # a poll beside this may have renewed it
            self.trust = done.trust
        return done.passed

    def _trusted(self) -> Trust:
        if self.trust is None:
            raise RuntimeError("a flow was started before onboarding")
        return self.trust

    def _known(self) -> DeviceId:
        if self.device_id is None:
            raise RuntimeError("a flow was started before onboarding")
        return self.device_id

    async def _wait(self, seconds: float) -> None:
        """Up to `seconds`: a clock that is set meanwhile may have been what was wrong."""
        before = self.now().timestamp() - time.monotonic()
        while seconds > 0:
            await self._sleep(min(seconds, WAIT_SLICE_S))
            seconds -= WAIT_SLICE_S
            if abs(self.now().timestamp() - time.monotonic() - before) > CLOCK_SET_S:
                log.info("clock_was_set", now=str(self.now()))
                return

    async def _drive(self, flow: Flow[T], waits: Callable[[str], None] = lambda _: None) -> T:
        reply: Reply | None = None
        try:
            while True:
                match await self._advance(flow, reply):
                    case Send() as step:
                        reply = await self.transport.perform(step)
                    case Wait(seconds, because):
                        self.standing.waiting_for = because
                        log.info("waiting_for_controller", seconds=round(seconds, 1), why=because)
                        waits(because)
                        reply = None
                        await self._wait(seconds)
                    case Ended(result):
                        self.standing.waiting_for = ""
                        return result
        finally:
            flow.close()

    async def _advance(self, flow: Flow[T], reply: Reply | None) -> "Step | Ended[T]":
        """The next step.  A TPM signs for a tenth of a second: that must not stop the loop."""
        if not self.identity.in_tpm:
            return advance(flow, reply)
        step = asyncio.get_running_loop().run_in_executor(None, advance, flow, reply)
        try:
            return await asyncio.shield(step)
        except asyncio.CancelledError:
            await asyncio.wait((step,))  # a flow that runs cannot be closed
            raise


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    result: T


def advance(flow: Flow[T], reply: Reply | None) -> Step | Ended[T]:
    try:
        return flow.send(reply)
    except StopIteration as done:
        return Ended(done.value)
