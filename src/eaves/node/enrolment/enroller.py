"""Enrols by every profile of the configuration, and again before a certificate ends."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from cryptography.hazmat.primitives.serialization import Encoding

from eaves.errors import EavesError, Rejected
from eaves.evapi.config import CipherBlock, EncryptionBlock, SCEPProfile
from eaves.evapi.info import CertInfo
from eaves.node.enrolment.decide import Kept, Need, Server, Terms, expired, need, terms_of
from eaves.node.enrolment.kept import Store
from eaves.node.enrolment.messages import Signer
from eaves.node.enrolment.request import ProfileUnusable, new_key
from eaves.node.enrolment.scep import Ask, EnrolmentRefused, Flow, Issued, Pending, Request, enrol
from eaves.node.enrolment.status import LastTry, cert_info
from eaves.node.refs import PortCredentials

log = structlog.get_logger(__name__)

LOOK_S = 60.0

Exchange = Callable[[Server, Ask], Awaitable[bytes]]
"""What a server answers.  Raises EavesError."""


@dataclass(frozen=True, slots=True)
class Means:
    """`door`: why nothing can be kept, or nothing; `retry_s`: the pause after a failed try."""

    store: Store
    exchange: Exchange
    open_secret: Callable[[CipherBlock], EncryptionBlock]
    door: Callable[[], str]
    retry_s: Callable[[], float]
    now: Callable[[], datetime]
    changed: Callable[[], None]


class NoCertificate(Rejected):
    """A port has nothing to authenticate itself with; the text says why."""


class Enroller:
    def __init__(self, means: Means) -> None:
        self._means = means
        self._profiles: tuple[SCEPProfile, ...] = ()
        self._followed = False  # without a configuration in hand, nothing is forgotten
        self._told: dict[str, CertInfo] = {}
        self._last: dict[str, LastTry] = {}
        self._not_before: dict[str, datetime] = {}  # the next try
        self._look = asyncio.Event()

    def follow(self, profiles: tuple[SCEPProfile, ...]) -> None:
        """Those of a configuration; a profile that changed is tried at once."""
        before = {p.profile_name: p for p in self._profiles}
        for profile in profiles:
            if before.get(profile.profile_name) != profile:
                self._not_before.pop(profile.profile_name, None)
        for name in before.keys() - {p.profile_name for p in profiles}:
            self._last.pop(name, None)
            self._told.pop(name, None)
        self._profiles, self._followed = profiles, True
        self._look.set()

    def info(self) -> tuple[CertInfo, ...]:
        return tuple(
            self._told.get(p.profile_name, CertInfo(cert_enrollment_profile_name=p.profile_name))
            for p in self._profiles
        )

    def credentials(self, name: str) -> PortCredentials:
        """For a port.  Raises EavesError while there is nothing to authenticate with."""
        profile = next((p for p in self._profiles if p.profile_name == name), None)
        if profile is None:
            raise NoCertificate(f"no enrolment profile {name!r} is in the configuration; add it")
        door = self._means.door()
        if door:
            raise NoCertificate(f"the key of profile {name!r} cannot be read: {door}")
        chain = self._means.store.certificates(name)  # asked often: the key is not loaded
        if not chain or expired(chain[0], self._means.now()):
            last = self._last.get(name, LastTry())
            why = last.unusable or last.error or ("the server was asked" if last.waits else "")
            raise NoCertificate(
                f"no certificate is enrolled by profile {name!r} yet; {why or 'it is asked for'}"
            )
        trusted = b"\n".join(profile.ca_cert_pem)
        key = self._means.store.key_file(name)
        return PortCredentials(b"".join(c.public_bytes(Encoding.PEM) for c in chain), trusted, key)

    async def run_forever(self) -> None:
        while True:
            await self.round()
            try:
                async with asyncio.timeout(min(LOOK_S, self._means.retry_s())):
                    await self._look.wait()
            except TimeoutError:
                continue

    async def round(self) -> None:
        """One look at each profile; asks where there is something to ask for."""
        self._look.clear()
        profiles = self._profiles
        if self._followed and not self._means.door():
            self._means.store.keep_only(p.profile_name for p in profiles)
        for profile in profiles:
            kept = await self._one(profile)
            name = profile.profile_name
            last, now = self._last.get(name, LastTry()), self._means.now()
            told = cert_info(profile, last, kept, now)
            if told != self._told.get(name):
                self._told[name] = told
                self._means.changed()

    async def _one(self, profile: SCEPProfile) -> Kept | None:
        name, door = profile.profile_name, self._means.door()
        if door:
            self._last[name] = LastTry(error=door)
            return None
        kept = self._means.store.load(name)
        try:
            terms = terms_of(profile)
            wanted = need(terms, kept, self._means.now())
            if wanted is Need.NOTHING:
                self._last.pop(name, None)
            elif self._means.now() >= self._not_before.get(name, self._means.now()):
                self._not_before[name] = self._means.now() + timedelta(
                    seconds=self._means.retry_s()
                )
                kept = await self._enrol(profile, terms, kept, renews=wanted is Need.RENEW)
        except ProfileUnusable as error:
            self._last[name] = LastTry(unusable=str(error))
        except (EavesError, OSError) as error:
            self._last[name] = LastTry(error=str(error))
            if isinstance(error, EnrolmentRefused):
                self._means.store.give_up(name)  # the next try begins anew
            log.warning("not_enrolled", profile=name, error=str(error))
        return kept

    async def _enrol(
        self, profile: SCEPProfile, terms: Terms, kept: Kept | None, *, renews: bool
    ) -> Kept | None:
        name, store = profile.profile_name, self._means.store
        waiting = store.waiting(name, terms.asked)
        key = await asyncio.to_thread(new_key, terms.subject) if waiting is None else waiting
        request = Request(
            terms.subject,
            key,
            self._challenge(profile),
            terms.trusted,
            kept.holder if kept is not None and renews else None,
            waits=waiting is not None,
        )
        outcome = await self._converse(
            terms.server, enrol(request, self._means.now(), secrets.token_bytes)
        )
        if isinstance(outcome, Pending):
            store.wait(name, terms.asked, key)
            self._last[name] = LastTry(waits=True)
            return kept
        new = Kept(Signer(outcome.certificate, key), outcome.authorities, terms.asked)
        store.save(name, new)
        self._last.pop(name, None)
        log.info("enrolled", profile=name, until=str(outcome.certificate.not_valid_after_utc))
        return new

    def _challenge(self, profile: SCEPProfile) -> str:
        block = profile.scep_challenge_password
        return self._means.open_secret(block).scep_challenge_password if block is not None else ""

    async def _converse(self, server: Server, flow: Flow) -> Issued | Pending:
        ask = next(flow)
        while True:
            answer = await self._means.exchange(server, ask)
            try:
                ask = flow.send(answer)
            except StopIteration as end:
                outcome: Issued | Pending = end.value
                return outcome
