"""A device with a TPM in software at a whole controller: what it asks, and what REST says of it."""

import asyncio
import os
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from support.controller import WireDevice
from support.rest import Json
from support.whole_controller import Whole

from eaves.evapi.attest import (
    AttestStorageKeys,
    AttestVolumeKey,
    AttestVolumeKeyType,
    ZAttestQuote,
    ZAttestQuoteResp,
    ZAttestReq,
    ZAttestReqType,
    ZAttestResponse,
    ZAttestResponseCode,
    decode_z_attest_response,
    encode_z_attest_req,
)
from eaves.evapi.certs import ZCert, ZCertType, published
from eaves.evapi.device_certs import Chance, edge_node_certificate
from eaves.evapi.paths import Endpoint
from eaves.fleet.measured import SoftTpm

SUCCESS = ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_SUCCESS
QUOTE_FAILED = ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_QUOTE_FAILED
MISMATCH = ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_NONCE_MISMATCH
ECDH = ZCertType.CERT_TYPE_DEVICE_ECDH_EXCHANGE
QUOTING = ZCertType.CERT_TYPE_DEVICE_RESTRICTED_SIGNING
_VSK = AttestVolumeKeyType.ATTEST_VOLUME_KEY_TYPE_VSK
ESCROWED = (AttestVolumeKey(key_type=_VSK, key=b"sealed to the device"),)


@dataclass
class Machine:
    """A device with a TPM in software; `token` is the one it holds."""

    whole: Whole
    wire: WireDevice
    tpm: SoftTpm = field(default_factory=SoftTpm)
    ecdh: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    token: bytes = b""
    certificates: tuple[ZCert, ...] = ()

    def __post_init__(self) -> None:
        self.certificates = (
            self.certificate(ECDH, self.ecdh),
            self.certificate(QUOTING, self.tpm.key),
        )
        self.tpm.boot()

    def certificate(
        self, kind: ZCertType, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    ) -> ZCert:
        own = x509.load_pem_x509_certificate(self.wire.certificate_pem)
        chance = Chance(self.wire.made, os.urandom)
        return published(
            edge_node_certificate(kind, key.public_key(), self.wire.key, own, chance), kind
        )

    async def ask(self, request: ZAttestReq, status: int = 201) -> ZAttestResponse:
        sealed = self.wire.sealed(encode_z_attest_req(request))
        reply = await self.whole.devices.post(self.wire.path(Endpoint.ATTEST), sealed)
        assert reply.status == status, reply.body
        if status != 201:
            return ZAttestResponse()
        return decode_z_attest_response(self.whole.devices.controller_key.open(reply.body))

    async def upload(self, *certificates: ZCert, status: int = 201) -> None:
        kind = ZAttestReqType.ATTEST_REQ_CERT
        await self.ask(ZAttestReq(req_type=kind, certs=certificates or self.certificates), status)

    async def nonce(self) -> bytes:
        told = (await self.ask(ZAttestReq(req_type=ZAttestReqType.ATTEST_REQ_NONCE))).nonce
        assert told is not None
        return told.nonce

    async def send(self, quote: ZAttestQuote) -> ZAttestQuoteResp:
        asked = ZAttestReq(req_type=ZAttestReqType.ATTEST_REQ_QUOTE, quote=quote)
        told = (await self.ask(asked)).quote_resp
        assert told is not None
        if told.response == SUCCESS:
            self.token = told.integrity_token
        return told

    async def attest(self) -> ZAttestQuoteResp:
        return await self.send(self.tpm.quote(await self.nonce()))

    async def escrow(self) -> int:
        keys = AttestStorageKeys(integrity_token=self.token, keys=ESCROWED)
        kind = ZAttestReqType.Z_ATTEST_REQ_TYPE_STORE_KEYS
        told = (await self.ask(ZAttestReq(req_type=kind, storage_keys=keys))).storage_keys_resp
        assert told is not None
        return int(told.response)

    async def polled(self, token: bytes | None = None) -> int:
        body = self.wire.poll(token=self.token if token is None else token)
        return (await self.whole.devices.post(self.wire.path(Endpoint.CONFIG), body)).status

    async def until_polled(self, status: int, token: bytes | None = None) -> None:
        """What was ordered by REST reaches the device side a moment later."""
        async with asyncio.timeout(30):
            while True:
                if await self.polled(token) == status:
                    return
                await asyncio.sleep(0.02)

    async def told(self) -> Json:
        """What REST says of it."""
        found: Json = (
            await self.whole.caller.get(f"/v1/devices/id/{self.wire.device_id}/attestation")
        )["attestation"]
        return found

    async def order(self, what: str, body: Json | None = None, status: int = 200) -> Json:
        path = f"/v1/eaves/devices/id/{self.wire.device_id}/{what}"
        answer = await self.whole.caller.http.put(path, json=body or {})
        assert answer.status_code == status, answer.text
        found: Json = answer.json()
        return found


async def enforce(whole: Whole, project: str, *, enforced: bool = True) -> None:
    """Put the policy of a project in force, or take it away."""
    path = f"/v1/projects/id/{project}"
    body = await whole.caller.get(path)
    word = "ATTEST_POLICY_TYPE_ENFORCE" if enforced else "ATTEST_POLICY_TYPE_ACCEPT"
    policy = {"attestationPolicy": {"type": word}}
    body["attestationPolicy"] = body["attestationPolicy"] | policy
    await whole.caller.put(path, body)


async def events_of(whole: Whole) -> list[tuple[str, str]]:
    """Type and text of the newest hundred."""
    found = await whole.caller.get("/v1/events", **{"next.pageSize": "100"})
    return [(one["eventType"], one["description"]) for one in found["list"]]
