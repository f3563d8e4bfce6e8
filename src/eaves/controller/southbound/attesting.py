"""Steps of attestations become durable: all that come while a commit is under way, by the next.

Quotes are examined before, a few at a time: what needs no memory of the device is most of the
work.  What is decided on them, and on nonces and keys in escrow, is decided under the lock of the
rows, one step after the other, as if each had come alone.
"""

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final

from eaves.controller.domain.attestation import (
    FAIL,
    Accepted,
    EscrowAsked,
    Nonce,
    QuoteAnswer,
    QuoteCase,
    Refused,
    accepts_escrow,
    judge_quote,
)
from eaves.controller.domain.audit import AuditEntry
from eaves.controller.domain.expected import Measurements, expected, read_measurements
from eaves.controller.domain.measured import Template, template_of
from eaves.controller.domain.quotes import Counters, Examined, examine
from eaves.controller.keys import KeyStore
from eaves.controller.southbound.database import Database
from eaves.controller.store import attesting
from eaves.controller.store.attestations import Quoted
from eaves.controller.store.attesting import AttestationKey, Kept, ModelVersion
from eaves.controller.store.events import Event, insert_audit, insert_events
from eaves.controller.store.image_trust import find_trusts
from eaves.controller.store.measurements import measurements_by_name, signer_of
from eaves.controller.store.objects import names_of
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import Db
from eaves.controller.telemetry.changes import Severity
from eaves.controller.telemetry.writer import Writer
from eaves.evapi.attest import AttestPolicyPcrList, ZAttestQuote, ZAttestResponseCode
from eaves.evapi.event_log import inflates_beyond
from eaves.ids import DeviceId

TOLD_EVERY: Final = timedelta(minutes=10)
SLICE_S: Final = 0.003  # of quotes, then others have a turn
LONG_LOG: Final = 128 * 1024  # bytes, inflated; devices send at most 126,976
NONCE_MISMATCH: Final = ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_NONCE_MISMATCH
GIVEN_BACK: Final = "escrow given back"
_SEALED: Final = 8  # a first byte below it is the version of a seal: no message begins so


@dataclass(frozen=True, slots=True)
class NonceAsked:
    device_id: DeviceId
    nonce: bytes  # to be given
    at: datetime


@dataclass(frozen=True, slots=True)
class QuoteSent:
    device_id: DeviceId
    quote: ZAttestQuote | None = field(repr=False)
    enforced: bool
    token: bytes = field(repr=False)  # to be given with a success
    at: datetime


@dataclass(frozen=True, slots=True)
class KeysSent:
    device_id: DeviceId
    token: bytes = field(repr=False)
    keys: bytes = field(repr=False)  # as they are to be given back
    at: datetime


Step = NonceAsked | QuoteSent | KeysSent


@dataclass(frozen=True, slots=True)
class Done:
    """What a step came to.  `stored`: keys were taken; `escrow`: those that go back, in clear."""

    judged: QuoteAnswer | None = None
    stored: bool = False
    escrow: bytes = field(default=b"", repr=False)
    pcrs: AttestPolicyPcrList | None = None  # that the project has the vault sealed to


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was read before the lock: by what a quote was examined, and to what it may be held."""

    key: AttestationKey
    examined: Examined | None
    templates: tuple[Template, ...]
    pcrs: AttestPolicyPcrList | None


class Seldom:
    """What is told of each device now and then, however often it happens."""

    def __init__(self, every: timedelta, remembered: int = 20_000) -> None:
        self._every, self._remembered = every, remembered
        self._told: OrderedDict[DeviceId, datetime] = OrderedDict()

    def is_news(self, device_id: DeviceId, now: datetime) -> bool:
        told = self._told.get(device_id)
        if told is not None and now - told < self._every:
            return False
        self._told[device_id] = now
        self._told.move_to_end(device_id)
        if len(self._told) > self._remembered:
            self._told.popitem(last=False)
        return True


class Attestations:
    """See the module text.  Lives on the loop that serves devices."""

    def __init__(self, database: Database, writer: Writer, keys: KeyStore) -> None:
        self._database, self._writer, self._keys = database, writer, keys
        self._templates: dict[ModelVersion, tuple[Template, ...]] = {}
        self._deployments = attesting.Deployments()
        self._replays = Seldom(TOLD_EVERY)

    async def commit(self, batch: Sequence[Step], /) -> Sequence[Done]:
        looked = await self._look([step for step in batch if isinstance(step, QuoteSent)])
        round_ = _Round(self._keys, looked, self._replays)
        return await self._writer.write(lambda db: round_.carry_out(db, batch))

    async def _look(self, sent: Sequence[QuoteSent]) -> Sequence[_Looked]:
        """In the order of the quotes."""
        if not sent:
            return ()
        async with self._database.read() as db:
            ids = {one.device_id for one in sent}
            keys = await attesting.find_attestation_keys(db, ids)
            boots = await attesting.to_boot(db, ids)
            templates = await self._templates_for(db, boots)
            pcrs = await _pcrs_of(db, boots, self._deployments)
        examined = await _examined(
            [(one.quote, keys.get(one.device_id, AttestationKey()).pem) for one in sent]
        )
        return [
            _Looked(
                keys.get(one.device_id, AttestationKey()),
                found,
                templates.get(one.device_id, ()),
                pcrs.get(one.device_id),
            )
            for one, found in zip(sent, examined, strict=True)
        ]

    async def _templates_for(
        self, db: Db, found: Mapping[DeviceId, attesting.ToBoot]
    ) -> Mapping[DeviceId, tuple[Template, ...]]:
        """Those of the model, and those that a signed image of the base OS adds to them."""
        unknown = {one.model for one in found.values()} - self._templates.keys()
        for version, stored in (await attesting.templates_in(db, unknown)).items():
            for older in [one for one in self._templates if one[0] == version[0]]:
                del self._templates[older]
            self._templates[version] = tuple(map(template_of, stored))
        of_images = await _of_images(db, [one for one in found.values() if one.images])
        return {
            one: self._templates.get(boots.model, ())
            + tuple(
                more
                for name in boots.images
                if (said := of_images.get((boots.enterprise_id, boots.node.project_id, name)))
                for more in expected(said, name, self._templates.get(boots.model, ()))
            )
            for one, boots in found.items()
        }


async def _examined(
    given: Sequence[tuple[ZAttestQuote | None, bytes]],
) -> Sequence[Examined | None]:
    """Quotes with the attestation key of their device, a few at a time.

    A thread would wait for the interpreter at every hash and every log, 5 ms each time while the
    loop is busy; only what holds up the loop for as long goes there.
    """
    found: list[Examined | None] = []
    until = perf_counter() + SLICE_S
    for quote, pem in given:
        if quote is None or not pem:
            found.append(None)
        elif inflates_beyond(quote.tpm_binary_event_log, LONG_LOG):
            found.append(await asyncio.to_thread(examine, quote, pem))
        else:
            found.append(examine(quote, pem))
        if perf_counter() > until:
            await asyncio.sleep(0)
            until = perf_counter() + SLICE_S
    return found


async def _pcrs_of(
    db: Db, boots: Mapping[DeviceId, attesting.ToBoot], known: attesting.Deployments
) -> Mapping[DeviceId, AttestPolicyPcrList]:
    """To what the vaults of devices are sealed: their own policy goes before all others."""
    own = {one: it.pcrs for one, it in boots.items() if it.pcrs is not None}
    others = {one: it for one, it in boots.items() if it.pcrs is None}
    return {**own, **await attesting.pcr_lists(db, others, known)}


_OfImage = tuple[str, str, str]
"""Enterprise, project, name of the image."""


async def _of_images(
    db: Db, devices: Sequence[attesting.ToBoot]
) -> Mapping[_OfImage, Measurements]:
    """What images measure, as far as a key that counts in the project has signed it."""
    found: dict[_OfImage, Measurements] = {}
    for enterprise_id in sorted({one.enterprise_id for one in devices}):
        own = [one for one in devices if one.enterprise_id == enterprise_id]
        names = {name for one in own for name in one.images}
        told = await measurements_by_name(db, enterprise_id, names)
        if not told:
            continue
        trusts = await find_trusts(db, enterprise_id, {one.node.project_id for one in own}, ())
        for one in own:
            for name in one.images:
                signed = told.get(name)
                key = (enterprise_id, one.node.project_id, name)
                if (
                    signed
                    and key not in found
                    and signer_of(signed, trusts[one.node.project_id].trusted)
                ):
                    found[key] = read_measurements(signed.document)
    return found


class _Round:
    """One transaction; it may be carried out again when another step of the commit fails."""

    def __init__(self, keys: KeyStore, looked: Sequence[_Looked], replays: "Seldom") -> None:
        self._keys, self._looked, self._replays = keys, looked, replays

    async def carry_out(self, db: Db, batch: Sequence[Step]) -> Sequence[Done]:
        ids = {step.device_id for step in batch}
        self._kept = await attesting.take_kept(db, ids)
        quoting = {step.device_id for step in batch if isinstance(step, QuoteSent)}
        self._latest: Mapping[DeviceId, AttestationKey] = {}
        if quoting:
            self._latest = await attesting.find_attestation_keys(db, quoting)
        self._changed: dict[DeviceId, dict[str, object]] = {}
        self._told: list[tuple[DeviceId, QuoteAnswer, datetime]] = []
        self._given_back: list[tuple[DeviceId, datetime]] = []
        looked = iter(self._looked)
        done = [
            self._quote(step, next(looked)) if isinstance(step, QuoteSent) else self._other(step)
            for step in batch
        ]
        await attesting.put_changes(db, self._changed, self._kept)
        await self._tell(db)
        return done

    def _change(self, device_id: DeviceId, **values: object) -> None:
        self._changed.setdefault(device_id, {}).update(values)

    def _other(self, step: NonceAsked | KeysSent) -> Done:
        kept = self._kept.get(step.device_id)
        if kept is None:
            return Done()  # deleted meanwhile
        if isinstance(step, NonceAsked):
            # a new nonce replaces the old one; the token stays valid until the next success
            self._kept[step.device_id] = replace(kept, nonce=step.nonce, nonce_at=step.at)
            self._change(step.device_id, nonce=step.nonce, nonce_at=step.at)
            return Done()
        if not accepts_escrow(EscrowAsked(step.token, kept.integrity_token)):
            return Done()
        before = self._opened(step.device_id, kept.escrow)
        if not before or not hmac.compare_digest(before, step.keys):
            sealed = self._keys.seal(escrow_purpose(step.device_id), step.keys)
            self._change(step.device_id, escrow=sealed, escrow_before=kept.escrow or None)
            self._kept[step.device_id] = replace(kept, escrow=sealed)
        return Done(stored=True)

    def _opened(self, device_id: DeviceId, stored: bytes) -> bytes:
        """Keys in escrow in clear.  Raises SecretUnreadable."""
        if not stored or stored[0] >= _SEALED:
            return stored  # from a release that did not seal them
        return self._keys.open(escrow_purpose(device_id), stored)

    def _quote(self, step: QuoteSent, looked: _Looked) -> Done:
        kept = self._kept.get(step.device_id) or Kept("")
        latest = self._latest.get(step.device_id, AttestationKey())
        same_key = kept.counted_by == latest.hash16 and bool(kept.counters)
        case = QuoteCase(
            examined=looked.examined,
            nonce=None if kept.nonce_at is None else Nonce(kept.nonce, kept.nonce_at),
            has_certificate=bool(looked.key.pem) and latest.pem == looked.key.pem,
            enforced=step.enforced,
            templates=looked.templates,
            had_tpm=kept.had_tpm or latest.endorsed,
            before=Counters(*kept.counters) if same_key else None,
            blocked=kept.blocked,
        )
        judged = judge_quote(case, step.at)
        if step.device_id not in self._kept:
            return Done(judged)
        if judged.code is NONCE_MISMATCH:
            return self._replayed(step, judged)
        now = replace(kept, nonce=b"", nonce_at=None, state=judged.state, detail=judged.detail)
        values: dict[str, object] = {"nonce": None, "nonce_at": None}
        values |= {"state": judged.state, "detail": judged.detail}
        if judged.proven is not None:
            quoted = quoted_of(judged, step, latest.hash16)
            values |= attesting.of_quote(quoted)
            now = replace(now, counters=quoted.counters, counted_by=quoted.key, had_tpm=True)
        escrow = b""
        if not isinstance(judged, Accepted) and judged.proven is not None:
            values |= {"integrity_token": b""}  # what runs now is not what it was given for
            now = replace(now, integrity_token=b"")
        if isinstance(judged, Accepted):
            values |= {"integrity_token": step.token, "token_at": step.at, "stale_told": False}
            now = replace(now, integrity_token=step.token)
            escrow = self._opened(step.device_id, kept.escrow) if judged.returns_keys else b""
            if escrow:
                self._given_back.append((step.device_id, step.at))
        if (kept.state, kept.detail) != (judged.state, judged.detail):
            self._told.append((step.device_id, judged, step.at))
        self._kept[step.device_id] = now
        self._change(step.device_id, **values)
        return Done(judged, escrow=escrow, pcrs=looked.pcrs)

    def _replayed(self, step: QuoteSent, judged: QuoteAnswer) -> Done:
        """Anybody between may send a quote again, and so does a device whose answer was lost: it
        says nothing of what runs, and is told of now and then.
        """
        self._change(step.device_id, nonce=None, nonce_at=None)
        self._kept[step.device_id] = replace(self._kept[step.device_id], nonce=b"", nonce_at=None)
        if self._replays.is_news(step.device_id, step.at):
            self._told.append((step.device_id, judged, step.at))
        return Done(judged)

    async def _tell(self, db: Db) -> None:
        about = {one for one, *_ in self._told} | {one for one, _ in self._given_back}
        if not about:
            return
        named = await names_of(db, Kind.DEVICE, sorted(about))

        def of(device_id: DeviceId) -> _Named:
            owner = self._kept[device_id].enterprise_id
            return _Named(device_id, owner, *named.get((owner, device_id), (device_id, "")))

        events = [_event(judged, at, of(device_id)) for device_id, judged, at in self._told]
        await insert_events(db, events)
        for device_id, at in self._given_back:
            await insert_audit(db, _entry(at, of(device_id)))


def _entry(at: datetime, device: "_Named") -> AuditEntry:
    return AuditEntry(
        at=at,
        enterprise_id=device.enterprise_id,
        verb=GIVEN_BACK,
        result="its keys went back to the device, which attested in this exchange",
        project_id=device.project_id,
        user_name="system",
        object_kind=Kind.DEVICE.value,
        object_id=device.device_id,
        object_name=device.name,
    )


@dataclass(frozen=True, slots=True)
class _Named:
    """A device as events and the audit log name it."""

    device_id: DeviceId
    enterprise_id: str
    name: str
    project_id: str


def _called(judged: QuoteAnswer) -> tuple[str, Severity]:
    """The last word of the event's type, and how bad it is."""
    match judged:
        case Accepted(state=state):
            let_in_all_the_same = state == FAIL
            return (
                ("FAILED", Severity.WARNING) if let_in_all_the_same else ("PASSED", Severity.NOTICE)
            )
        case Refused(code=code):
            replayed = code is NONCE_MISMATCH
            return ("REPLAYED", Severity.WARNING) if replayed else ("FAILED", Severity.ERROR)


def _event(judged: QuoteAnswer, at: datetime, device: _Named) -> Event:
    word, severity = _called(judged)
    return Event(
        at=at,
        event_type=f"EDGE_NODE_ATTESTATION_{word}",
        description=judged.detail,
        severity=severity,
        enterprise_id=device.enterprise_id,
        project_id=device.project_id,
        device_id=device.device_id,
        object_kind=Kind.DEVICE.value,
        object_id=device.device_id,
        object_name=device.name,
    )


def quoted_of(judged: QuoteAnswer, step: QuoteSent, key: bytes) -> Quoted:
    """What is kept of a genuine quote."""
    proven, quote = judged.proven, step.quote
    if proven is None or quote is None:
        raise RuntimeError("only a proven quote is kept")
    counters, measured = proven.counters, proven.measured
    return Quoted(
        at=step.at,
        eve_version=measured.eve_version,
        firmware_version=measured.firmware_version,
        pcrs=measured.pcrs,
        event_log=b"" if measured.log_fault else quote.tpm_binary_event_log,
        counters=(counters.resets, counters.restarts, counters.clock_ms, counters.firmware),
        key=key,
        template=judged.comparison.template,
        differences=tuple(one.text() for one in judged.comparison.differences),
        place=quote.place,
    )


def escrow_purpose(device_id: DeviceId) -> str:
    """For what keys in escrow are sealed: they open as those of this device only."""
    return f"keys in escrow of device {device_id}"
