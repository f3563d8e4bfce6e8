"""Attestation as a device does it: certificates, nonce, quote, token, escrow.  Section 6.3.

    upload --accepted--> nonce --> quote --SUCCESS--> escrow (with a TPM) --> done
                          ^          | NONCE_MISMATCH, NO_CERT_FOUND, QUOTE_FAILED: after 15 s
                          +----------+ anything else: the same quote again after 15 s

Only the upload leaves the loop without success, when the controller does not know the device.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from eaves.errors import EavesError
from eaves.evapi.attest import (
    AttestStorageKeys,
    AttestStorageKeysResponseCode,
    AttestVersionInfo,
    AttestVersionType,
    AttestVolumeKey,
    ZAttestQuote,
    ZAttestReq,
    ZAttestReqType,
    ZAttestResponse,
    ZAttestResponseCode,
    decode_z_attest_response,
    encode_z_attest_req,
)
from eaves.evapi.certs import ZCert
from eaves.evapi.envelope import Sender, seal
from eaves.evapi.flows.poll import DeviceUnknown
from eaves.evapi.flows.steps import Clock, Flow, Send, Wait
from eaves.evapi.flows.trust import Failed, Opened, Trust, ask
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.ids import DeviceId

UPLOAD_RETRY_S = 10.0
RETRY_S = 15.0

Quoter = Callable[[bytes], ZAttestQuote]
"""From a nonce to a quote; it may ask a TPM."""


def stated_versions(
    eve_version: str, firmware: str = "", origin: str = ""
) -> tuple[AttestVersionInfo, ...]:
    """What a quote says of versions; what is empty is left out."""
    given = (
        (AttestVersionType.ATTEST_VERSION_TYPE_EVE, eve_version),
        (AttestVersionType.ATTEST_VERSION_TYPE_FIRMWARE, firmware),
        (AttestVersionType.ATTEST_VERSION_TYPE_EVE_ORIGIN, origin),
    )
    return tuple(AttestVersionInfo(version_type=t, version=v) for t, v in given if v)


def versions_only(eve_version: str, firmware: str = "", origin: str = "") -> Quoter:
    """The quote of a device without TPM: what runs, attested by nothing but the device key."""
    versions = stated_versions(eve_version, firmware, origin)
    return lambda _nonce: ZAttestQuote(versions=versions)


@dataclass(frozen=True, slots=True)
class Attester:
    device: Sender
    device_id: DeviceId
    certs: tuple[ZCert, ...]  # ECDH, attestation and, with a TPM, endorsement
    quoter: Quoter
    escrow: tuple[AttestVolumeKey, ...] = field(default=(), repr=False)  # empty without a TPM
    encode: Callable[[ZAttestReq], bytes] = encode_z_attest_req


@dataclass(frozen=True, slots=True)
class Attested:
    integrity_token: bytes = field(repr=False)
    keys: tuple[AttestVolumeKey, ...] = field(repr=False)  # escrowed earlier, to be returned as is
    trust: Trust


@dataclass(frozen=True, slots=True)
class NotKnown:
    """The upload was told 400 or 404: look the UUID up again, then attest anew."""

    unknown: DeviceUnknown
    trust: Trust


def attest(attester: Attester, trust: Trust, now: Clock) -> Flow[Attested | NotKnown]:
    """Runs until the controller is satisfied, or does not know the device."""
    uploaded = yield from upload_certs(attester, trust, now)
    if isinstance(uploaded, NotKnown):
        return uploaded
    return (yield from prove(attester, uploaded, now))


def upload_certs(attester: Attester, trust: Trust, now: Clock) -> Flow[Trust | NotKnown]:
    """Send the edge node certificates until they are accepted."""
    request = ZAttestReq(req_type=ZAttestReqType.ATTEST_REQ_CERT, certs=attester.certs)
    while True:
        got = yield from _exchange(attester, request, trust, now)
        trust = got.trust
        if got.response is not None:
            return trust
        if got.status in (400, 404):
            return NotKnown(DeviceUnknown(got.reason), trust)
        yield Wait(UPLOAD_RETRY_S, f"edge node certificates not accepted: {got.reason}")


def prove(attester: Attester, trust: Trust, now: Clock) -> Flow[Attested]:
    """Nonce, quote, escrow, from the start again whenever the controller says so."""
    while True:
        nonce, trust = yield from _nonce(attester, trust, now)
        quoted = yield from _quote(attester, attester.quoter(nonce), trust, now)
        if isinstance(quoted, Trust):
            trust = quoted
            continue
        if not attester.escrow:
            return quoted
        stored = yield from store_keys(attester, quoted, now)
        if isinstance(stored, Attested):
            return stored
        trust = stored


@dataclass(frozen=True, slots=True)
class _Got:
    trust: Trust
    response: ZAttestResponse | None = None
    reason: str = ""
    status: int | None = None


def _exchange(attester: Attester, request: ZAttestReq, trust: Trust, now: Clock) -> Flow[_Got]:
    """One request and its answer, of the type that belongs to it."""
    endpoint = Endpoint.ATTEST
    send = Send(
        endpoint,
        "POST",
        endpoint_path(endpoint, attester.device_id),
        seal(attester.encode(request), attester.device),
        stop_on_refusal=request.req_type != ZAttestReqType.ATTEST_REQ_CERT,
    )
    asked = yield from ask(send, trust, now)
    match asked.outcome:
        case Opened(payload=payload, status=status):
            try:
                response = decode_z_attest_response(payload)
            except EavesError as error:
                return _Got(asked.trust, None, f"attest: {error}", status)
            if int(response.resp_type) != int(request.req_type):
                why = f"attest: answer of type {int(response.resp_type)}"
                return _Got(asked.trust, None, f"{why} to type {int(request.req_type)}", status)
            return _Got(asked.trust, response, status=status)
        case Failed(reason=reason, status=status):
            return _Got(asked.trust, None, reason, status)
        case empty:
            why = f"attest: status {empty.status} without a body"
            return _Got(asked.trust, None, why, empty.status)


def _nonce(attester: Attester, trust: Trust, now: Clock) -> Flow[tuple[bytes, Trust]]:
    request = ZAttestReq(req_type=ZAttestReqType.ATTEST_REQ_NONCE)
    while True:
        got = yield from _exchange(attester, request, trust, now)
        trust = got.trust
        if got.response is not None and got.response.nonce is not None:
            return got.response.nonce.nonce, trust
        yield Wait(RETRY_S, f"no nonce: {got.reason or 'attest: the answer holds none'}")


_FROM_THE_START: dict[int, str] = {
    ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_NONCE_MISMATCH: "the nonce is not outstanding",
    ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_NO_CERT_FOUND: "it has no attestation certificate",
    ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_QUOTE_FAILED: "the quote failed its policy;"
    " `eaves attestation show DEVICE` at the controller tells what differs",
}


def _quote(
    attester: Attester, quote: ZAttestQuote, trust: Trust, now: Clock
) -> Flow[Attested | Trust]:
    """Send the same quote until it is judged; Trust means: from the nonce again."""
    request = ZAttestReq(req_type=ZAttestReqType.ATTEST_REQ_QUOTE, quote=quote)
    while True:
        got = yield from _exchange(attester, request, trust, now)
        trust = got.trust
        judged = None if got.response is None else got.response.quote_resp
        if judged is None:
            yield Wait(RETRY_S, f"quote not judged: {got.reason or 'the answer holds no verdict'}")
            continue
        if judged.response == ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_SUCCESS:
            return Attested(judged.integrity_token, judged.keys, trust)
        why = _FROM_THE_START.get(int(judged.response))
        if why is not None:
            yield Wait(RETRY_S, f"attestation refused, the controller says: {why}")
            return trust
        yield Wait(RETRY_S, f"quote answered with code {int(judged.response)}; sent again")


def store_keys(attester: Attester, attested: Attested, now: Clock) -> Flow[Attested | Trust]:
    """Escrow the attester's keys under the fresh token; Trust means: from the nonce again."""
    keys = AttestStorageKeys(integrity_token=attested.integrity_token, keys=attester.escrow)
    request = ZAttestReq(req_type=ZAttestReqType.Z_ATTEST_REQ_TYPE_STORE_KEYS, storage_keys=keys)
    trust = attested.trust
    while True:
        got = yield from _exchange(attester, request, trust, now)
        trust = got.trust
        stored = None if got.response is None else got.response.storage_keys_resp
        match _escrow_verdict(None if stored is None else int(stored.response)):
            case "stored":
                return Attested(attested.integrity_token, attested.keys, trust)
            case "token":
                yield Wait(RETRY_S, "the controller does not accept the integrity token any more")
                return trust
            case "again":
                yield Wait(RETRY_S, f"keys not escrowed: {got.reason or 'no verdict'}")


def _escrow_verdict(code: int | None) -> Literal["stored", "token", "again"]:
    match code:
        case AttestStorageKeysResponseCode.ATTEST_STORAGE_KEYS_RESPONSE_CODE_SUCCESS:
            return "stored"
        case AttestStorageKeysResponseCode.ATTEST_STORAGE_KEYS_RESPONSE_CODE_ITOKEN_MISMATCH:
            return "token"
        case _:
            return "again"
