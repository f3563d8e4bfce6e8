"""POST attest: certificates of a device, nonce, quote, key escrow.  EVE API v2, section 6.3.

Whatever is decided is committed before it is answered: a nonce that was given out is outstanding
after a restart, a token that a device holds is the one in force.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog
from cryptography.hazmat.primitives.serialization import Encoding

from eaves.controller.domain.attestation import NONCE_BYTES, TOKEN_BYTES, Accepted
from eaves.controller.southbound.attesting import KeysSent, NonceAsked, QuoteSent
from eaves.controller.southbound.context import CONFLICT, Call, Southbound
from eaves.controller.southbound.events import device_event
from eaves.controller.southbound.http import Answer
from eaves.controller.store import attestations, devices
from eaves.controller.store.unit import Db
from eaves.controller.telemetry.changes import Change, Severity
from eaves.evapi.attest import (
    AttestPolicyPcrList,
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

KEPT_BYTES: Final = 512  # of a request that may wait for its turn; one for a nonce says its type

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
    rows = [
        devices.EdgeNodeCertificate(
            int(c.type),
            c.cert_hash,
            c.cert,
            now,
            mutable=c.attributes is not None and c.attributes.is_mutable,
        )
        for c in known
    ]

    async def put(db: Db) -> tuple[devices.EdgeNodeCertificate | None, bool]:
        before = {c.type: c for c in await devices.find_device_certificates(db, device_id)}
        swapped = swapped_certificate(before, rows)
        if swapped is not None and not await attestations.take_certificates_open(db, device_id):
            await _tell_swap(db, call, swapped, now)
            return swapped, False
        return None, await devices.put_device_certificates(db, device_id, rows)

    swapped, changed = await context.writer.write(put)
    if swapped is not None:
        log.warning("certificate_swap_refused", device_id=device_id, type=swapped.type)
        return CONFLICT
    if changed:
        log.info("device_ecdh_certificate_changed", device_id=device_id)
        context.render_wanted(device_id)  # its cipher blocks
    return _sealed(context, ZAttestResponse(resp_type=ZAttestRespType.ATTEST_RESP_CERT))


def swapped_certificate(
    before: Mapping[int, devices.EdgeNodeCertificate], sent: Sequence[devices.EdgeNodeCertificate]
) -> devices.EdgeNodeCertificate | None:
    """The first that would replace one which is not mutable.  Security page, section 1.1."""
    for one in sent:
        known = before.get(one.type)
        if known is not None and known.pem != one.pem and not known.mutable:
            return one
    return None


async def _tell_swap(
    db: Db, call: Call, swapped: devices.EdgeNodeCertificate, now: datetime
) -> None:
    """Once for each certificate: the device sends it again every ten seconds."""
    device_id = call.device.device_id
    if await attestations.note_refused(db, device_id, swapped.certificate_hash):
        what = (
            f"the device sent another {ZCertType(swapped.type).name} "
            f"({swapped.certificate_hash.hex()}) than the one it registered with; it was refused. "
            "If its board or disk was replaced, renew its certificates"
        )
        change = Change("EDGE_NODE_CERTIFICATE_REFUSED", Severity.ERROR, what)
        await device_event(db, call.device.enterprise_id, device_id, change, now)


async def _nonce(context: Southbound, call: Call) -> Answer:
    device, nonce = call.device, context.random(NONCE_BYTES)
    await context.turns.take(
        device.device_id, device.enterprise_id, may_wait=len(call.payload) <= KEPT_BYTES
    )
    try:
        await context.attesting.accept(NonceAsked(device.device_id, nonce, context.clock()))
    except BaseException:
        context.turns.end(device.device_id)
        raise
    context.turns.given(device.device_id)
    return _sealed(
        context,
        ZAttestResponse(
            resp_type=ZAttestRespType.ATTEST_RESP_NONCE, nonce=ZAttestNonceResp(nonce=nonce)
        ),
    )


async def _quote(context: Southbound, call: Call, asked: ZAttestReq) -> Answer:
    device_id, token = call.device.device_id, context.random(TOKEN_BYTES)
    enforced = call.device.attestation_required
    sent = QuoteSent(device_id, asked.quote, enforced, token, context.clock())
    context.turns.quoted(device_id)
    try:
        done = await context.attesting.accept(sent, len(call.payload))
    finally:
        context.turns.end(device_id)
    judged = done.judged
    if not isinstance(judged, Accepted):
        if judged is None:
            raise RuntimeError(f"nothing was decided on the quote of {device_id}")
        log.info("quote_refused", device_id=device_id, code=judged.code.name, why=judged.detail)
        if judged.proven is not None:
            await context.refresh(device_id)  # its token is gone
        return _quote_answer(context, ZAttestQuoteResp(response=judged.code))
    context.unproven.forget(device_id)
    await context.refresh(device_id)
    return _quote_answer(
        context,
        ZAttestQuoteResp(
            response=judged.code, integrity_token=token, keys=_escrowed_keys(done.escrow, done.pcrs)
        ),
    )


def _quote_answer(context: Southbound, quote: ZAttestQuoteResp) -> Answer:
    return _sealed(
        context,
        ZAttestResponse(resp_type=ZAttestRespType.ATTEST_RESP_QUOTE_RESP, quote_resp=quote),
    )


async def _escrow(context: Southbound, call: Call, keys: AttestStorageKeys | None) -> Answer:
    code = AttestStorageKeysResponseCode.ATTEST_STORAGE_KEYS_RESPONSE_CODE_ITOKEN_MISMATCH
    if keys is not None:
        # kept as it came, without the token: only the device can read it
        kept = encode_z_attest_req(ZAttestReq(storage_keys=AttestStorageKeys(keys=keys.keys)))
        sent = KeysSent(call.device.device_id, keys.integrity_token, kept, context.clock())
        if (await context.attesting.accept(sent, len(kept))).stored:
            code = AttestStorageKeysResponseCode.ATTEST_STORAGE_KEYS_RESPONSE_CODE_SUCCESS
    return _sealed(
        context,
        ZAttestResponse(
            resp_type=ZAttestRespType.Z_ATTEST_RESP_TYPE_STORE_KEYS,
            storage_keys_resp=AttestStorageKeysResp(response=code),
        ),
    )


def _escrowed_keys(escrow: bytes, pcrs: AttestPolicyPcrList | None) -> tuple[AttestVolumeKey, ...]:
    """As they came; and to what the device is to seal them, where somebody said so."""
    if not escrow:
        return ()
    stored = decode_z_attest_req(escrow).storage_keys
    keys = () if stored is None else stored.keys
    if pcrs is None:
        return keys
    return tuple(replace(key, has_policy_pcr_list=True, policy_pcr_list=pcrs) for key in keys)
