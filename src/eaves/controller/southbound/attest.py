"""POST attest: certificates of a device, nonce, quote, key escrow.  EVE API v2, section 6.3.

Whatever is decided is committed before it is answered: a nonce that was given out is outstanding
after a restart, a token that a device holds is the one in force.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog
from cryptography.hazmat.primitives.serialization import Encoding

from eaves.controller.domain.attestation import (
    NONCE_BYTES,
    TOKEN_BYTES,
    Accepted,
    EscrowAsked,
    Nonce,
    QuoteAnswer,
    QuoteCase,
    accepts_escrow,
    judge_quote,
)
from eaves.controller.southbound.context import Call, Southbound
from eaves.controller.southbound.events import device_event
from eaves.controller.southbound.http import Answer
from eaves.controller.store import devices
from eaves.controller.store.unit import Db
from eaves.controller.telemetry.changes import Change, Severity
from eaves.evapi.attest import (
    AttestStorageKeys,
    AttestStorageKeysResp,
    AttestStorageKeysResponseCode,
    AttestVolumeKey,
    ZAttestNonceResp,
    ZAttestQuoteResp,
    ZAttestReq,
    ZAttestReqType,
    ZAttestResponse,
    ZAttestRespType,
    decode_z_attest_req,
    encode_z_attest_req,
    encode_z_attest_response,
)
from eaves.evapi.certs import ZCert, ZCertType, check_edge_node_cert
from eaves.evapi.errors import MalformedMessage

log = structlog.get_logger()

UPLOADED = frozenset(
    {
        ZCertType.CERT_TYPE_DEVICE_RESTRICTED_SIGNING,
        ZCertType.CERT_TYPE_DEVICE_ENDORSEMENT_RSA,
        ZCertType.CERT_TYPE_DEVICE_ECDH_EXCHANGE,
    }
)


async def answer(context: Southbound, call: Call) -> Answer:
    asked = decode_z_attest_req(call.payload)
    match asked.req_type:
        case ZAttestReqType.ATTEST_REQ_CERT:
            return await _certificates(context, call, asked.certs)
        case ZAttestReqType.ATTEST_REQ_NONCE:
            return await _nonce(context, call)
        case ZAttestReqType.ATTEST_REQ_QUOTE:
            return await _quote(context, call, asked)
        case ZAttestReqType.Z_ATTEST_REQ_TYPE_STORE_KEYS:
            return await _escrow(context, call, asked.storage_keys)
        case _:
            raise MalformedMessage("ZAttestReq", f"type {int(asked.req_type)} is not defined")


def _sealed(context: Southbound, response: ZAttestResponse) -> Answer:
    return context.sealed(encode_z_attest_response(response), 201)


async def _certificates(context: Southbound, call: Call, certs: Sequence[ZCert]) -> Answer:
    device_id, now = call.device.device_id, context.clock()
    device_pem = call.device.certificate.public_bytes(Encoding.PEM)
    known = [cert for cert in certs if cert.type in UPLOADED]
    for cert in known:
        check_edge_node_cert(cert, device_pem)
    rows = [devices.EdgeNodeCertificate(int(c.type), c.cert_hash, c.cert, now) for c in known]
    changed = await context.writer.write(
        lambda db: devices.put_device_certificates(db, device_id, rows)
    )
    if changed:
        log.info("device_ecdh_certificate_changed", device_id=device_id)
        context.render_wanted(device_id)  # its cipher blocks
    return _sealed(context, ZAttestResponse(resp_type=ZAttestRespType.ATTEST_RESP_CERT))


async def _nonce(context: Southbound, call: Call) -> Answer:
    nonce, now = context.random(NONCE_BYTES), context.clock()
    await context.writer.write(lambda db: devices.put_nonce(db, call.device.device_id, nonce, now))
    return _sealed(
        context,
        ZAttestResponse(
            resp_type=ZAttestRespType.ATTEST_RESP_NONCE, nonce=ZAttestNonceResp(nonce=nonce)
        ),
    )


async def _quote(context: Southbound, call: Call, asked: ZAttestReq) -> Answer:
    device_id, now, token = call.device.device_id, context.clock(), context.random(TOKEN_BYTES)

    async def judge(db: Db) -> tuple[QuoteAnswer, bytes | None]:
        taken = await devices.take_nonce(db, device_id)
        types = {c.type for c in await devices.find_device_certificates(db, device_id)}
        case = QuoteCase(
            quote=asked.quote,
            nonce=None if taken is None else Nonce(*taken),
            has_certificate=devices.ATTESTATION_TYPE in types,
            enforced=call.device.attestation_required,
        )
        judged = judge_quote(case, now)
        await _remember(db, call, judged, token, now)
        return judged, await devices.find_escrow(db, device_id)

    judged, escrow = await context.writer.write(judge)
    if not isinstance(judged, Accepted):
        log.info("quote_refused", device_id=device_id, code=judged.code.name, why=judged.detail)
        return _quote_answer(context, ZAttestQuoteResp(response=judged.code))
    await context.refresh(device_id)
    return _quote_answer(
        context,
        ZAttestQuoteResp(response=judged.code, integrity_token=token, keys=_escrowed_keys(escrow)),
    )


def _quote_answer(context: Southbound, quote: ZAttestQuoteResp) -> Answer:
    return _sealed(
        context,
        ZAttestResponse(resp_type=ZAttestRespType.ATTEST_RESP_QUOTE_RESP, quote_resp=quote),
    )


async def _remember(db: Db, call: Call, judged: QuoteAnswer, token: bytes, now: datetime) -> None:
    device_id = call.device.device_id
    before, detail_before, _ = await devices.find_attestation(db, device_id)
    accepted = isinstance(judged, Accepted)
    await devices.put_attestation(
        db, device_id, judged.state, judged.detail, token=token if accepted else None, now=now
    )
    if (before, detail_before) != (judged.state, judged.detail):
        word, severity = ("PASSED", Severity.NOTICE) if accepted else ("FAILED", Severity.WARNING)
        change = Change(f"EDGE_NODE_ATTESTATION_{word}", severity, judged.detail)
        await device_event(db, call.device.enterprise_id, device_id, change, now)


async def _escrow(context: Southbound, call: Call, keys: AttestStorageKeys | None) -> Answer:
    code = AttestStorageKeysResponseCode.ATTEST_STORAGE_KEYS_RESPONSE_CODE_ITOKEN_MISMATCH
    if keys is not None and await _holds_token(context, call, keys.integrity_token):
        # kept as it came, without the token: only the device can read it
        kept = encode_z_attest_req(ZAttestReq(storage_keys=AttestStorageKeys(keys=keys.keys)))
        await context.writer.write(lambda db: devices.put_escrow(db, call.device.device_id, kept))
        code = AttestStorageKeysResponseCode.ATTEST_STORAGE_KEYS_RESPONSE_CODE_SUCCESS
    return _sealed(
        context,
        ZAttestResponse(
            resp_type=ZAttestRespType.Z_ATTEST_RESP_TYPE_STORE_KEYS,
            storage_keys_resp=AttestStorageKeysResp(response=code),
        ),
    )


async def _holds_token(context: Southbound, call: Call, token: bytes) -> bool:
    if accepts_escrow(EscrowAsked(token, call.device.integrity_token)):
        return True
    await context.catch_up()  # another process may have given out the token just now
    device = context.live.find(call.device.device_id) or call.device
    return accepts_escrow(EscrowAsked(token, device.integrity_token))


def _escrowed_keys(escrow: bytes | None) -> tuple[AttestVolumeKey, ...]:
    if escrow is None:
        return ()
    stored = decode_z_attest_req(escrow).storage_keys
    return () if stored is None else stored.keys
