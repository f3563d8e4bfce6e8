"""The device-facing API over real TLS, with real envelopes and a real database."""

import asyncio
import sqlite3
import ssl
import time
import warnings
from collections.abc import AsyncIterator, Generator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from sqlalchemy import select
from support.controller import (
    InProcess,
    WireDevice,
    https,
    in_process,
    render,
    trusting,
    until,
)
from support.telemetry import stored_lines

from eaves.controller.settings import Bounds, OwnTls
from eaves.controller.store import tables
from eaves.controller.store.devices import (
    ATTESTATION_TYPE,
    EdgeNodeCertificate,
    mark_gone,
    put_device_certificates,
    set_attestation_required,
)
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.evapi.attest import (
    AttestStorageKeys,
    AttestStorageKeysResponseCode,
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
from eaves.evapi.certs import decode_z_controller_cert, verify_controller_certs
from eaves.evapi.envelope import parse_envelope
from eaves.evapi.logs import DeviceLogOrigin, LogEntry, encode_log_file
from eaves.evapi.metrics import ZMetricMsg, encode_z_metric_msg
from eaves.evapi.paths import PROTOBUF, Endpoint, endpoint_path
from eaves.evapi.poll import PollRequest, encode_poll_request
from eaves.evapi.uuid import UUID_REQUEST

pytestmark = pytest.mark.system

SMALL = Bounds(waiters=2, wait_s=0.5, body_bytes=1 << 20)


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[InProcess]:
    async with in_process(tmp_path / "state", bounds=SMALL) as running:
        yield running


@pytest.fixture
async def device(controller: InProcess) -> WireDevice:
    return await controller.registered()


async def _events(controller: InProcess) -> list[str]:
    async with controller.database() as engine, snapshot(engine) as db:
        rows = await db.execute(select(tables.events.c.event_type).order_by(tables.events.c.row))
        return [row.event_type for row in rows]


# --- what is open to everybody


async def test_ping_answers_anybody(controller: InProcess) -> None:
    """Section 6, step 3: GET ping, no envelope, 200, empty."""
    reply = await controller.get(endpoint_path(Endpoint.PING))
    assert (reply.status, reply.body) == (200, b"")


async def test_certs_pass_the_checks_of_a_device(controller: InProcess) -> None:
    """Section 5: GET certs is an envelope whose list chains to root-certificate.pem."""
    reply = await controller.get(endpoint_path(Endpoint.CERTS))
    assert reply.status == 200
    assert reply.headers["content-type"] == PROTOBUF
    listed = decode_z_controller_cert(parse_envelope(reply.body).payload)
    verified = verify_controller_certs(
        listed, controller.keys.root_certificate_pem, controller.clock()
    )
    assert verified.signing_hash == controller.controller_key.signing_hash


async def test_paths_match_in_any_case(controller: InProcess) -> None:
    """Section 3: `edgedevice` and `edgeDevice`."""
    assert (await controller.get("/api/v2/edgeDevice/ping")).status == 200


async def test_a_path_that_is_not_of_the_api_is_not_found(controller: InProcess) -> None:
    """Section 3: URL forms."""
    assert (await controller.get("/api/v2/edgedevice/nothing")).status == 404
    assert (await controller.get("/")).status == 404


async def test_a_method_that_an_endpoint_does_not_take_is_refused(controller: InProcess) -> None:
    """Section 3: the method stands with the path."""
    assert (await controller.get(endpoint_path(Endpoint.UUID))).status == 405


# --- registration


async def test_a_new_device_registers_and_learns_its_uuid_at_once(controller: InProcess) -> None:
    """Section 3.4: 201 with a type and no body, and `uuid` succeeds immediately afterwards."""
    device = WireDevice(serial="SN-9")
    device_id = await controller.add_record("SN-9")
    identity = controller.onboarding()
    body = device.registration(identity.certificate_pem, identity.key_pem)
    reply = await controller.post(endpoint_path(Endpoint.REGISTER), body)
    assert (reply.status, reply.body) == (201, b"")
    assert reply.headers["content-type"] == PROTOBUF
    answer = await controller.post(endpoint_path(Endpoint.UUID), device.sealed(UUID_REQUEST))
    assert answer.status == 200
    assert controller.controller_key.uuid(answer.body) == device_id
    assert await _events(controller) == ["EDGE_NODE_REGISTERED"]


async def test_a_repeated_registration_gets_200(controller: InProcess, device: WireDevice) -> None:
    """Section 3.4: register is repeated on every boot."""
    identity = controller.onboarding()
    body = device.registration(identity.certificate_pem, identity.key_pem)
    reply = await controller.post(endpoint_path(Endpoint.REGISTER), body)
    assert (reply.status, reply.headers["content-type"]) == (200, PROTOBUF)


async def test_another_certificate_for_a_bound_serial_is_a_conflict(
    controller: InProcess, device: WireDevice
) -> None:
    """Section 3.2: 409; a clash is a security event."""
    clone = WireDevice(serial=device.serial)
    identity = controller.onboarding()
    body = clone.registration(identity.certificate_pem, identity.key_pem)
    assert (await controller.post(endpoint_path(Endpoint.REGISTER), body)).status == 409
    assert "EDGE_NODE_SERIAL_CLASH" in await _events(controller)
    uuid = await controller.post(endpoint_path(Endpoint.UUID), clone.sealed(UUID_REQUEST))
    assert uuid.status == 401


async def test_a_soft_serial_matches_where_the_serial_does_not(controller: InProcess) -> None:
    """Section 6.1: either may be that of the record."""
    device = WireDevice(serial="from the board", soft_serial="soft-1")
    device_id = await controller.add_record("soft-1")
    identity = controller.onboarding()
    body = device.registration(identity.certificate_pem, identity.key_pem)
    assert (await controller.post(endpoint_path(Endpoint.REGISTER), body)).status == 201
    uuid = await controller.post(endpoint_path(Endpoint.UUID), device.sealed(UUID_REQUEST))
    assert controller.controller_key.uuid(uuid.body) == device_id


async def test_an_unknown_serial_is_forbidden_until_its_record_is_made(
    controller: InProcess,
) -> None:
    """Section 3.2: 403; creating the record makes the next retry work."""
    device = WireDevice(serial="SN-later")
    identity = controller.onboarding()
    body = device.registration(identity.certificate_pem, identity.key_pem)
    path = endpoint_path(Endpoint.REGISTER)
    assert (await controller.post(path, body)).status == 403
    await controller.add_record("SN-later")
    assert (await controller.post(path, body)).status == 201


async def test_a_foreign_onboarding_certificate_is_forbidden(controller: InProcess) -> None:
    """Section 3.2: register with an unknown onboarding certificate is 403."""
    await controller.add_record("SN-1")
    stranger = WireDevice()
    body = WireDevice(serial="SN-1").registration(stranger.certificate_pem, stranger.key_pem)
    assert (await controller.post(endpoint_path(Endpoint.REGISTER), body)).status == 403


async def test_a_registration_with_a_wrong_signature_is_refused(controller: InProcess) -> None:
    """Section 4: the envelope of register is signed by the onboarding key."""
    await controller.add_record("SN-1")
    identity = controller.onboarding()
    other = WireDevice()
    body = WireDevice(serial="SN-1").registration(identity.certificate_pem, other.key_pem)
    assert (await controller.post(endpoint_path(Endpoint.REGISTER), body)).status == 401


# --- who may ask


async def test_an_unknown_key_is_refused(controller: InProcess, device: WireDevice) -> None:
    """Section 3.2: 401 for an unknown sender."""
    stranger = WireDevice()
    stranger.device_id = device.device_id
    assert (await controller.post(device.path(Endpoint.CONFIG), stranger.poll())).status == 401


async def test_a_wrong_signature_is_refused(controller: InProcess, device: WireDevice) -> None:
    """Section 4: the signature covers the payload."""
    sealed = bytearray(device.poll("something to sign"))
    at = sealed.index(b"something")
    sealed[at] ^= 1
    assert (await controller.post(device.path(Endpoint.CONFIG), bytes(sealed))).status == 401


async def test_the_path_of_another_device_is_forbidden(
    controller: InProcess, device: WireDevice
) -> None:
    """Section 4: the UUID of the path must be that of the sender, else 403."""
    other = await controller.registered("SN-2")
    assert (await controller.post(other.path(Endpoint.INFO), device.sealed(b""))).status == 403


async def test_a_deleted_device_is_told_so(controller: InProcess, device: WireDevice) -> None:
    """Section 3.3: a verified envelope of a deleted device gets 404, of a stranger 401."""
    await controller.change(device.device_id, lambda db: mark_gone(db, device.device_id))
    await _until_status(controller, device.path(Endpoint.CONFIG), device.poll(), 404)
    forged = bytearray(device.poll("something to sign"))
    forged[forged.index(b"something")] ^= 1
    assert (await controller.post(device.path(Endpoint.CONFIG), bytes(forged))).status == 401


async def test_a_database_in_doubt_says_come_back_and_not_that_the_device_is_gone(
    controller: InProcess, device: WireDevice
) -> None:
    """Section 3.3 and device behaviour 8.7: doubt is 503, never 404 or 400."""
    async with controller.database() as engine, unit_of_work(engine) as db:
        await db.run_sync(tables.rendered_contents.drop)
    assert (await controller.post(device.path(Endpoint.CONFIG), device.poll())).status == 503


# --- bodies


async def test_a_missing_body_is_unprocessable(controller: InProcess, device: WireDevice) -> None:
    """Section 3.2: 422 when the body is missing."""
    assert (await controller.post(device.path(Endpoint.CONFIG), b"")).status == 422


@pytest.mark.parametrize("body", [b"\xff" * 40, b"not protobuf at all", b"\x0a\x00"])
async def test_a_malformed_envelope_is_refused(
    controller: InProcess, device: WireDevice, body: bytes
) -> None:
    """Section 3.2: unparsable is 400."""
    assert (await controller.post(device.path(Endpoint.CONFIG), body)).status == 400


@pytest.mark.parametrize(
    "endpoint",
    [
        Endpoint.CONFIG,
        Endpoint.ATTEST,
        Endpoint.INFO,
        Endpoint.METRICS,
        Endpoint.NEWLOGS,
        Endpoint.FLOWLOG,
        Endpoint.HARDWAREHEALTH,
        Endpoint.WAIT,
    ],
)
async def test_a_malformed_payload_is_unprocessable_and_the_next_request_is_served(
    controller: InProcess, device: WireDevice, endpoint: Endpoint
) -> None:
    """Section 3.2: 422; hostile input never stops the controller."""
    body = device.sealed(b"\xff\xff\xff\xff")
    assert (await controller.post(device.path(endpoint), body)).status == 422
    assert (await controller.post(device.path(Endpoint.CONFIG), device.poll())).status == 200


async def test_an_oversize_body_is_refused_before_it_is_read(
    controller: InProcess, device: WireDevice
) -> None:
    """Section 10: bodies are capped, 413."""
    body = bytes((1 << 20) + 1)
    assert (await controller.post(device.path(Endpoint.INFO), body)).status == 413


async def test_an_oversize_body_without_a_length_is_refused_too(
    controller: InProcess, device: WireDevice
) -> None:
    """Section 10: the cap holds for chunked bodies."""
    reply = await https(
        controller.port,
        "POST",
        device.path(Endpoint.INFO),
        tls=controller.tls(),
        headers=("Transfer-Encoding: chunked",),
        raw=b"80000\r\n"
        + bytes(0x80000)
        + b"\r\n"
        + b"90000\r\n"
        + bytes(0x90000)
        + b"\r\n0\r\n\r\n",
    )
    assert reply.status == 413


async def test_an_endpoint_takes_no_more_than_its_messages_need(
    controller: InProcess, device: WireDevice
) -> None:
    """Section 10: the sender of a body is unknown while it is read."""
    body = bytes(300 * 1024)
    assert (await controller.post(endpoint_path(Endpoint.REGISTER), body)).status == 413
    for endpoint in (Endpoint.CONFIG, Endpoint.WAIT, Endpoint.NEWLOGS, Endpoint.ATTEST):
        assert (await controller.post(device.path(endpoint), body)).status == 413, endpoint
    assert (await controller.post(device.path(Endpoint.METRICS), body)).status == 400


async def test_bodies_in_flight_hold_no_more_than_they_may(tmp_path: Path) -> None:
    """Section 3.3: 503 makes a device keep everything and come back."""
    bounds = replace(SMALL, bodies_in_flight_bytes=32 * 1024)
    async with in_process(tmp_path / "state", bounds=bounds) as controller:
        device = await controller.registered()
        for _ in range(3):  # what was refused is given back
            assert (await controller.post(device.path(Endpoint.INFO), bytes(40_000))).status == 503
        assert (await controller.post(device.path(Endpoint.CONFIG), device.poll())).status == 200


async def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    async with in_process(tmp_path / "state", bounds=replace(SMALL, body_read_s=0.2)) as controller:
        reply = await https(
            controller.port,
            "POST",
            endpoint_path(Endpoint.UUID),
            tls=controller.tls(),
            headers=("Content-Length: 100",),
            raw=b"only this",
        )
        assert reply.status == 408


# --- polling


async def test_a_poll_gets_the_config_once_and_then_304(
    controller: InProcess, device: WireDevice
) -> None:
    """Section 7: 200 with the complete config and its hash; the same hash is 304 and empty."""
    reply = await controller.post(device.path(Endpoint.CONFIG), device.poll())
    assert (reply.status, reply.headers["content-type"]) == (200, PROTOBUF)
    response = controller.controller_key.poll_response(reply.body)
    assert response.config
    assert response.config_hash
    again = await controller.post(device.path(Endpoint.CONFIG), device.poll(response.config_hash))
    assert (again.status, again.body) == (304, b"")


async def test_a_poll_without_the_device_in_its_path_is_served(
    controller: InProcess, device: WireDevice
) -> None:
    """Section 3: accept `POST config` without id."""
    assert (await controller.post("/api/v2/edgedevice/config", device.poll())).status == 200


async def test_enforced_attestation_comes_before_the_config(
    controller: InProcess, device: WireDevice
) -> None:
    """Section 6.4: 403 without the token."""
    await controller.change(
        device.device_id,
        lambda db: set_attestation_required(db, (device.device_id,), required=True),
    )
    await _until_status(controller, device.path(Endpoint.CONFIG), device.poll(), 403)


# --- attestation


async def _attest(
    controller: InProcess, device: WireDevice, request: ZAttestReq
) -> ZAttestResponse:
    reply = await controller.post(
        device.path(Endpoint.ATTEST), device.sealed(encode_z_attest_req(request))
    )
    assert reply.status == 201
    return decode_z_attest_response(controller.controller_key.open(reply.body))


async def test_a_quote_before_the_certificates_is_told_so(
    controller: InProcess, device: WireDevice
) -> None:
    """Section 6.3: NO_CERT_FOUND, and the device starts again."""
    nonce = await _attest(controller, device, ZAttestReq(req_type=ZAttestReqType.ATTEST_REQ_NONCE))
    assert nonce.nonce is not None
    assert 12 <= len(nonce.nonce.nonce) <= 32
    quote = await _attest(
        controller,
        device,
        ZAttestReq(req_type=ZAttestReqType.ATTEST_REQ_QUOTE, quote=ZAttestQuote()),
    )
    assert quote.quote_resp is not None
    assert quote.quote_resp.response == ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_NO_CERT_FOUND


VSK = AttestVolumeKeyType.ATTEST_VOLUME_KEY_TYPE_VSK


def _keys(token: bytes) -> ZAttestReq:
    keys = (AttestVolumeKey(key_type=VSK, key=b"opaque \xff\x00 key"),)
    return ZAttestReq(
        req_type=ZAttestReqType.Z_ATTEST_REQ_TYPE_STORE_KEYS,
        storage_keys=AttestStorageKeys(integrity_token=token, keys=keys),
    )


async def _attested(controller: InProcess, device: WireDevice) -> ZAttestQuoteResp:
    """A fresh nonce and a quote without TPM that answers it."""
    await _attest(controller, device, ZAttestReq(req_type=ZAttestReqType.ATTEST_REQ_NONCE))
    quote = ZAttestReq(req_type=ZAttestReqType.ATTEST_REQ_QUOTE, quote=ZAttestQuote())
    told = (await _attest(controller, device, quote)).quote_resp
    assert told is not None
    return told


async def test_escrowed_keys_are_kept_as_they_came_under_the_token_in_force_only(
    controller: InProcess, device: WireDevice
) -> None:
    """Section 6.3: STORE_KEYS is opaque, kept and given back with the next successful quote."""
    uploaded = EdgeNodeCertificate(ATTESTATION_TYPE, b"a" * 16, b"pem", controller.clock())
    await controller.change(
        device.device_id,
        lambda db: put_device_certificates(db, device.device_id, [uploaded]),
    )
    first = await _attested(controller, device)
    assert first.integrity_token
    assert first.keys == ()
    code = AttestStorageKeysResponseCode
    for token, answer in (
        (b"another token", code.ATTEST_STORAGE_KEYS_RESPONSE_CODE_ITOKEN_MISMATCH),
        (first.integrity_token, code.ATTEST_STORAGE_KEYS_RESPONSE_CODE_SUCCESS),
    ):
        told = await _attest(controller, device, _keys(token))
        assert told.storage_keys_resp is not None
        assert told.storage_keys_resp.response == answer
    second = await _attested(controller, device)
    sent = _keys(b"").storage_keys
    assert sent is not None
    assert second.keys == sent.keys
    assert second.integrity_token != first.integrity_token
    stale = await _attest(controller, device, _keys(first.integrity_token))
    assert stale.storage_keys_resp is not None
    assert stale.storage_keys_resp.response == (
        code.ATTEST_STORAGE_KEYS_RESPONSE_CODE_ITOKEN_MISMATCH
    )


async def test_a_quote_without_a_nonce_is_a_mismatch(
    controller: InProcess, device: WireDevice
) -> None:
    """Section 6.3: NONCE_MISMATCH."""
    quote = await _attest(
        controller,
        device,
        ZAttestReq(req_type=ZAttestReqType.ATTEST_REQ_QUOTE, quote=ZAttestQuote()),
    )
    assert quote.quote_resp is not None
    assert quote.quote_resp.response == ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_NONCE_MISMATCH


# --- the long poll of Eaves


@pytest.fixture
async def patient(tmp_path: Path) -> AsyncIterator[InProcess]:
    """Its waits end by a change and not by their time, however busy the machine is."""
    async with in_process(tmp_path / "patient", bounds=replace(SMALL, wait_s=60)) as controller:
        yield controller


async def test_a_wait_ends_within_a_second_of_a_change(patient: InProcess) -> None:
    """Extension ext/wait: 200 with a type and no body when the hash differs.

    The quickest of three counts: what other work makes slow once is quick another time.
    """
    device = await patient.registered()
    took_s: list[float] = []
    for text in ("second", "third", "fourth"):
        hashed = patient.live.find(device.device_id)
        assert hashed is not None
        waiting = asyncio.create_task(
            patient.post(device.path(Endpoint.WAIT), device.poll(hashed.config_hash))
        )
        await until(lambda: patient.live.waiter_count == 1, "the device waits")
        begun = time.monotonic()
        await patient.change(
            device.device_id, partial(render, device_id=device.device_id, version=text)
        )
        reply = await waiting
        took_s.append(time.monotonic() - begun)
        assert (reply.status, reply.body) == (200, b"")
        assert reply.headers["content-type"] == PROTOBUF
    assert min(took_s) < 1


async def test_a_wait_ends_when_the_device_has_to_attest(patient: InProcess) -> None:
    """Extension ext/wait: 403, as a poll would say."""
    device = await patient.registered()
    hashed = patient.live.find(device.device_id)
    assert hashed is not None
    waiting = asyncio.create_task(
        patient.post(device.path(Endpoint.WAIT), device.poll(hashed.config_hash))
    )
    await until(lambda: patient.live.waiter_count == 1, "the device waits")
    await patient.change(
        device.device_id,
        lambda db: set_attestation_required(db, (device.device_id,), required=True),
    )
    assert (await waiting).status == 403


async def test_a_wait_without_a_change_is_304(controller: InProcess, device: WireDevice) -> None:
    """Extension ext/wait: 304 after its time."""
    hashed = controller.live.find(device.device_id)
    assert hashed is not None
    reply = await controller.post(device.path(Endpoint.WAIT), device.poll(hashed.config_hash))
    assert reply.status == 304


async def test_waiters_past_their_bound_get_503_while_polls_are_served(tmp_path: Path) -> None:
    """Extension ext/wait: a bound of its own, past it 503."""
    bounds = replace(SMALL, waiters=1, wait_s=30)
    async with in_process(tmp_path / "state", bounds=bounds) as controller:
        device = await controller.registered()
        hashed = controller.live.find(device.device_id)
        assert hashed is not None
        body = device.sealed(encode_poll_request(PollRequest(config_hash=hashed.config_hash)))
        first = asyncio.create_task(controller.post(device.path(Endpoint.WAIT), body))
        await until(lambda: controller.live.waiter_count == 1, "the device waits")
        assert (await controller.post(device.path(Endpoint.WAIT), body)).status == 503
        assert (await controller.post(device.path(Endpoint.CONFIG), body)).status == 304
        first.cancel()
        await until(lambda: controller.live.waiter_count == 0, "its place is free again")


# --- TLS


@pytest.mark.parametrize(
    ("version", "cipher"),
    [
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384"),
        (ssl.TLSVersion.TLSv1_3, ""),
    ],
)
async def test_both_tls_versions_of_a_device_are_served(
    controller: InProcess, version: ssl.TLSVersion, cipher: str
) -> None:
    """Section 2, TLS: 1.2 with an ECDSA certificate allows AES256-GCM-SHA384, 1.3 as usual."""
    tls = controller.tls()
    tls.minimum_version = tls.maximum_version = version
    if cipher:
        tls.set_ciphers(cipher)
    reply = await https(controller.port, "GET", endpoint_path(Endpoint.PING), tls=tls)
    assert reply.status == 200
    assert not cipher or reply.cipher == cipher


async def test_an_own_rsa_certificate_is_served_with_the_cipher_that_it_allows(
    tmp_path: Path,
) -> None:
    """Section 2, TLS: 1.2 with an RSA certificate is ECDHE-RSA-AES128-GCM-SHA256."""
    own = rsa_certificate(tmp_path)
    async with in_process(tmp_path / "state", bounds=SMALL, own_tls=own) as controller:
        tls = trusting(own.certificate)
        tls.minimum_version = tls.maximum_version = ssl.TLSVersion.TLSv1_2
        tls.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
        path = endpoint_path(Endpoint.PING)
        reply = await https(controller.port, "GET", path, tls=tls)
        assert (reply.status, reply.cipher) == (200, "ECDHE-RSA-AES128-GCM-SHA256")
        modern = trusting(own.certificate)
        reply = await https(controller.port, "GET", path, tls=modern)
        assert (reply.status, reply.protocol) == (200, "TLSv1.3")


def rsa_certificate(folder: Path) -> OwnTls:
    """A certificate that somebody else issued, as `--tls-certificate` takes it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    own = OwnTls(folder / "own-cert.pem", folder / "own-key.pem", folder / "own-cert.pem")
    own.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    own.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return own


# --- bounds


async def test_registrations_past_their_rate_wait_while_polls_are_served(tmp_path: Path) -> None:
    """Section 10: what strangers may ask for is limited, 429 with Retry-After."""
    bounds = replace(SMALL, registrations_per_minute=2)
    async with in_process(tmp_path / "state", bounds=bounds) as controller:
        device = await controller.registered()
        identity = controller.onboarding()
        body = device.registration(identity.certificate_pem, identity.key_pem)
        path = endpoint_path(Endpoint.REGISTER)
        assert (await controller.post(path, body)).status == 200
        late = await controller.post(path, body)
        assert (late.status, late.headers["retry-after"]) == (429, "30")
        assert (await controller.post(device.path(Endpoint.CONFIG), device.poll())).status == 200
        controller.clock.pass_by(timedelta(minutes=1))
        assert (await controller.post(path, body)).status == 200


async def test_what_is_refused_holds_up_no_real_device(tmp_path: Path) -> None:
    """Section 10: the rate is that of an address and of an onboarding certificate."""
    bounds = replace(SMALL, registrations_per_minute=2)
    async with in_process(tmp_path / "state", bounds=bounds) as controller:
        path, stranger = endpoint_path(Endpoint.REGISTER), WireDevice()
        garbage = stranger.registration(stranger.certificate_pem, stranger.key_pem)
        answers = [await _post_from("127.0.0.2", controller, path, garbage) for _ in range(3)]
        assert answers[-1] == 429
        await controller.registered()


async def _post_from(host: str, controller: InProcess, path: str, body: bytes) -> int:
    tls = controller.tls()
    reader, writer = await asyncio.open_connection(
        "127.0.0.1",
        controller.port,
        ssl=tls,
        server_hostname="localhost",
        local_addr=(host, 0),
    )
    try:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


async def test_a_full_queue_slows_logs_down_and_keeps_reports_at_the_device(
    tmp_path: Path,
) -> None:
    """Section 9: 429 for log files, 503 for the rest; nothing refused is acknowledged."""
    bounds = replace(SMALL, ingest_queue=1)
    async with in_process(tmp_path / "state", bounds=bounds) as controller:
        device = await controller.registered()
        now = controller.clock()
        file = encode_log_file(
            DeviceLogOrigin(device.device_id, "IMGA", "1"),
            now,
            [LogEntry(content="line", timestamp=now)],
        )
        metrics = encode_z_metric_msg(ZMetricMsg(dev_id=device.device_id, at_time_stamp=now))
        logs_path, metrics_path = device.path(Endpoint.NEWLOGS), device.path(Endpoint.METRICS)
        state = controller.settings.state_dir
        files = [state / "telemetry" / name for name in ("logs.db", "metrics.db")]
        with locked(files[0]), locked(files[1]):
            # one message fills the queue; one before may be at its commit, which waits for the lock
            sent = [
                asyncio.create_task(controller.post(logs_path, device.sealed(file)))
                for _ in range(6)
            ]
            await until(lambda: sum(task.done() for task in sent) >= 4, "the others are refused")
            told = [
                asyncio.create_task(controller.post(metrics_path, device.sealed(metrics)))
                for _ in range(3)
            ]
            await until(lambda: any(task.done() for task in told), "one is refused")
            busy = next(task for task in told if task.done()).result()
            assert (busy.status, busy.headers["retry-after"]) == (503, "5")
            assert (await controller.get(endpoint_path(Endpoint.PING))).status == 200
        answers = [await task for task in sent]
        statuses = sorted(answer.status for answer in answers)
        assert statuses in ([201, 201, *[429] * 4], [201, *[429] * 5])
        assert {a.headers["retry-after"] for a in answers if a.status == 429} == {"15"}
        assert (await controller.post(logs_path, device.sealed(file))).status == 201
        async with controller.database() as engine, snapshot(engine) as db:
            assert len(await stored_lines(db)) == 1
        assert {(await task).status for task in told} == {201, 503}


@contextmanager
def locked(database: Path) -> Generator[None]:
    """Somebody else writes to the database."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def test_older_tls_is_refused(controller: InProcess) -> None:
    """Section 2: TLS >= 1.2."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        tls.minimum_version = ssl.TLSVersion.TLSv1_1
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await https(controller.port, "GET", endpoint_path(Endpoint.PING), tls=tls)


async def _until_status(controller: InProcess, path: str, body: bytes, status: int) -> None:
    seen: list[int] = []
    for _ in range(500):
        seen.append((await controller.post(path, body)).status)
        if seen[-1] == status:
            return
    pytest.fail(f"{path}: never {status}, last {seen[-5:]}")
