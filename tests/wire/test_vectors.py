"""Every golden vector: decoded, verified, and encoded again to the same bytes."""

import base64
import hashlib
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from wire import golden

from eaves.evapi.attest import (
    AttestVolumeKeyVersion,
    ZAttestReqType,
    decode_attest_volume_key_data,
    decode_z_attest_req,
    encode_attest_volume_key_data,
    encode_z_attest_req,
)
from eaves.evapi.certs import (
    ZCertType,
    cert_hash,
    check_edge_node_cert,
    decode_z_cert,
    decode_z_controller_cert,
    encode_z_controller_cert,
    verify_controller_certs,
)
from eaves.evapi.cipher import cipher_key, decrypt, encrypt
from eaves.evapi.config import (
    decode_bootstrap_config,
    decode_compound_edge_dev_config,
    decode_config_request,
    decode_config_response,
    decode_edge_dev_config,
    encode_bootstrap_config,
    encode_compound_edge_dev_config,
    encode_config_request,
    encode_config_response,
)
from eaves.evapi.envelope import (
    controller_hash,
    controller_sender,
    device_hash,
    device_sender,
    encode_sealed,
    onboarding_certificate,
    onboarding_sender,
    open_known,
    parse_envelope,
    seal,
    seal_encrypted,
)
from eaves.evapi.keys import KeySigner, SoftKeyAgreement
from eaves.evapi.logs import AppLogOrigin, DeviceLogOrigin, decode_log_file, encode_log_file
from eaves.evapi.poll import (
    PollResponse,
    decode_poll_request,
    decode_poll_response,
    encode_poll_request,
    encode_poll_response,
)
from eaves.evapi.quote import parse_quote, pcr_digest, policy_digest
from eaves.evapi.register import (
    decode_z_register_msg,
    device_certificate_of,
    encode_z_register_msg,
    registration,
)
from eaves.evapi.uuid import UUID_REQUEST, decode_uuid_response, encode_uuid_response
from eaves.node.vault.escrow import EscrowUnusable, escrowed, given_back

ENVELOPES = [
    "app_newlogs_request",
    "attest_certs_request",
    "attest_escrow_request",
    "attest_quote_request",
    "certs_response",
    "config_request",
    "config_response",
    "newlogs_request",
    "register_request",
    "uuid_request",
    "uuid_response",
]
SENDERS = {
    "certs_response": "ctrl-signing",
    "config_response": "ctrl-signing",
    "uuid_response": "ctrl-signing",
    "register_request": "onboard",
}


def payload_of(name: str) -> bytes:
    sender = SENDERS.get(name, "device")
    pem = golden.pem(f"{sender}.cert")
    named = controller_hash(pem) if sender == "ctrl-signing" else device_hash(pem)
    return open_known(golden.data(name), named, golden.public_key(sender))


@pytest.mark.parametrize("name", ENVELOPES)
def test_an_envelope_is_verified_and_encoded_to_the_same_bytes(name: str) -> None:
    sealed = parse_envelope(golden.data(name))
    assert payload_of(name) == sealed.payload
    assert encode_sealed(sealed) == golden.data(name)
    facts = golden.facts(name)
    for fact, value in (
        ("payload_hex", sealed.payload),
        ("senderCertHash_hex", sealed.sender_hash),
        ("signature_hex", sealed.signature),
    ):
        if fact in facts:
            assert value.hex() == facts[fact]


@pytest.mark.parametrize("name", ENVELOPES)
def test_an_envelope_sealed_here_differs_only_in_its_signature(name: str) -> None:
    sender = SENDERS.get(name, "device")
    signer, pem = KeySigner(golden.private_key(sender)), golden.pem(f"{sender}.cert")
    match sender:
        case "ctrl-signing":
            made = controller_sender(signer, pem)
        case "onboard":
            made = onboarding_sender(signer, pem)
        case _:
            made = device_sender(signer, pem)
    theirs = parse_envelope(golden.data(name))
    ours_bytes = seal(theirs.payload, made)
    ours = parse_envelope(ours_bytes)
    assert ours.verify(golden.public_key(sender)) == theirs.payload
    assert len(ours.signature) == len(theirs.signature) == 64
    assert ours_bytes.replace(ours.signature, theirs.signature) == golden.data(name)


def test_the_registration_carries_both_certificates() -> None:
    sealed = parse_envelope(golden.data("register_request"))
    assert onboarding_certificate(sealed) == golden.pem("onboard.cert")
    message = decode_z_register_msg(sealed.payload)
    facts = golden.facts("register_request")["payload_decoded"]
    assert (message.serial, message.soft_serial) == (facts["serial"], facts["softSerial"])
    assert device_certificate_of(message) == golden.pem("device.cert")
    assert registration(golden.pem("device.cert"), message.serial, message.soft_serial) == message
    assert encode_z_register_msg(message) == sealed.payload


def test_the_uuid_request_is_empty_and_its_answer_names_the_device() -> None:
    assert payload_of("uuid_request") == UUID_REQUEST
    payload = payload_of("uuid_response")
    response = decode_uuid_response(payload)
    facts = golden.facts("uuid_response")["payload_decoded"]
    assert (response.uuid, response.manufacturer, response.product_name) == (
        facts["uuid"],
        facts["manufacturer"],
        facts["product_name"],
    )
    assert encode_uuid_response(response) == payload


def test_the_controller_certificates_chain_to_the_root() -> None:
    payload = payload_of("certs_response")
    listed = decode_z_controller_cert(payload)
    assert encode_z_controller_cert(listed) == payload
    stated = [(c.type, c.cert_hash.hex()) for c in listed.certs]
    facts = golden.facts("certs_response")["certs"]
    assert stated == [(c["type"], c["certHash_hex"]) for c in facts]
    assert all(cert_hash(c.cert) == c.cert_hash for c in listed.certs)
    certs = verify_controller_certs(listed, golden.pem("root-certificate"), golden.NOW)
    assert certs.signing_hash.hex() == facts[0]["cert_sha256_hex"]
    assert [e.cert_hash.hex() for e in certs.ecdh] == [facts[2]["certHash_hex"]]


def test_the_config_request_round_trips_in_both_forms() -> None:
    payload = payload_of("config_request")
    facts = golden.facts("config_request")["payload_decoded"]
    request, plain = decode_config_request(payload), decode_poll_request(payload)
    assert request.config_hash == plain.config_hash == facts["configHash"]
    assert request.integrity_token == plain.integrity_token
    assert request.integrity_token.hex() == facts["integrity_token_hex"]
    assert encode_config_request(request) == encode_poll_request(plain) == payload


def test_the_config_response_round_trips_in_both_forms() -> None:
    payload, facts = payload_of("config_response"), golden.facts("config_response")
    assert hashlib.sha256(payload).hexdigest() == facts["payload_sha256_hex"]
    response, plain = decode_config_response(payload), decode_poll_response(payload)
    assert response.config_hash == plain.config_hash == facts["configHash"]
    assert response.config is not None
    assert response.config.id is not None
    assert response.config.id.uuid == golden.DEVICE_ID
    assert encode_config_response(response) == payload
    assert plain.config is not None
    assert encode_poll_response(plain) == payload
    of_bytes = base64.urlsafe_b64encode(hashlib.sha256(plain.config).digest()).decode()
    assert of_bytes == facts["configHash"]
    assert encode_poll_response(PollResponse()) == b""


def test_the_cipher_block_opens_from_both_ends_and_is_made_again() -> None:
    facts = golden.facts("cipher_block")
    device = SoftKeyAgreement(golden.private_key("device-ecdh"))
    controller = SoftKeyAgreement(golden.private_key("ctrl-ecdh"))
    x, y = device.shared_point(golden.ec_public_key("ctrl-ecdh"))
    assert (x.hex(), y.hex()) == (facts["shared_point_x_hex"], facts["shared_point_y_hex"])
    key = cipher_key(controller, golden.ec_public_key("device-ecdh"))
    assert key == cipher_key(device, golden.ec_public_key("ctrl-ecdh"))
    assert key.hex() == facts["aes256_key_hex"]

    config = decode_config_response(payload_of("config_response")).config
    assert config is not None
    block = config.datastores[0].cipher_data
    assert block is not None
    plaintext = decrypt(block, key)
    assert plaintext.hex() == facts["plaintext_hex"]
    assert block.clear_text_sha256.hex() == facts["clearTextSha256_hex"]
    iv = bytes.fromhex(facts["iv_hex"])
    assert encrypt(plaintext, key, facts["context"]["contextId"], lambda _size: iv) == block


def test_the_encrypted_envelope_of_a_local_console_opens() -> None:
    name = "compound_config_encrypted"
    compound = decode_compound_edge_dev_config(golden.data(name))
    assert encode_compound_edge_dev_config(compound) == golden.data(name)
    assert compound.protected_config is not None
    sealed = parse_envelope(compound.protected_config)
    assert sealed.encrypted
    assert sealed.sent_by(controller_hash(golden.pem("ctrl-signing.cert")))
    context = sealed.cipher_context
    assert context is not None
    assert context.device_cert_hash == cert_hash(golden.pem("device-ecdh.cert"))
    device = SoftKeyAgreement(golden.private_key("device-ecdh"))
    key = cipher_key(device, golden.ec_public_key("ctrl-ecdh"))
    opened = sealed.decrypted(key)
    assert opened.verify(golden.public_key("ctrl-signing")) == payload_of("config_response")

    sender = controller_sender(
        KeySigner(golden.private_key("ctrl-signing")), golden.pem("ctrl-signing.cert")
    )
    iv = golden.hexed(name, "iv_hex")
    ours = seal_encrypted(opened.payload, sender, context, key, lambda _size: iv)
    signature = parse_envelope(ours).signature
    assert ours.replace(signature, sealed.signature) == compound.protected_config


def test_the_uploaded_certificates_are_signed_by_their_device() -> None:
    payload = payload_of("attest_certs_request")
    request = decode_z_attest_req(payload)
    assert request.req_type == ZAttestReqType.ATTEST_REQ_CERT
    facts = golden.facts("attest_certs_request")["certs"]
    assert [(c.type, c.cert_hash.hex()) for c in request.certs] == [
        (c["type"], c["certHash_hex"]) for c in facts
    ]
    for cert in request.certs:
        check_edge_node_cert(cert, golden.pem("device.cert"))
    assert encode_z_attest_req(request) == payload


def test_the_quote_is_what_the_tpm_signed() -> None:
    name = "attest_quote_request"
    payload, facts = payload_of(name), golden.facts(name)
    request = decode_z_attest_req(payload)
    assert request.quote is not None
    assert request.quote.attest_data == golden.hexed(name, "attestData_hex")
    quote = parse_quote(request.quote.attest_data)
    assert quote.nonce == golden.hexed(name, "nonce_hex")
    assert quote.pcrs == tuple(range(16))
    values = {p.index: p.value for p in request.quote.pcr_values}
    assert {str(i): v.hex() for i, v in values.items()} == facts["pcr_sha256_hex"]
    assert pcr_digest(values, quote.pcrs) == quote.pcr_digest
    assert [[int(v.version_type), v.version] for v in request.quote.versions] == facts["versions"]
    golden.ec_public_key("device-attest").verify(
        request.quote.signature, request.quote.attest_data, ec.ECDSA(hashes.SHA256())
    )
    assert encode_z_attest_req(request) == payload


def test_the_seal_policy_digest_is_that_of_the_default_pcrs() -> None:
    request = decode_z_attest_req(payload_of("attest_quote_request"))
    assert request.quote is not None
    values = {p.index: p.value for p in request.quote.pcr_values}
    facts = json.loads((golden.VECTORS / "pcr_policy_digest.json").read_text())
    assert pcr_digest(values, facts["pcrs_selected"]).hex() == facts["pcr_concat_digest_hex"]
    assert policy_digest(values, facts["pcrs_selected"]).hex() == facts["policy_digest_hex"]


def test_the_escrowed_key_is_kept_to_the_byte() -> None:
    name = "attest_escrow_request"
    payload = payload_of(name)
    request = decode_z_attest_req(payload)
    assert request.storage_keys is not None
    assert request.storage_keys.integrity_token == golden.hexed(name, "integrity_token_hex")
    (key,) = request.storage_keys.keys
    assert key.key_type == golden.facts(name)["key_type"]
    blob = decode_attest_volume_key_data(key.key)
    assert blob.encrypted_key == golden.hexed(name, "encrypted_key_hex")
    assert blob.digest_sha256 == golden.hexed(name, "digest_sha256_hex")
    assert encode_attest_volume_key_data(blob) == key.key
    assert encode_z_attest_req(request) == payload


def test_a_node_wraps_and_opens_its_escrowed_key_as_eve_does() -> None:
    name = "attest_escrow_request"
    device, own = golden.ec_public_key("device"), golden.private_key("device-ecdh")
    agreement = SoftKeyAgreement(own)
    assert cipher_key(agreement, device) == golden.hexed(name, "wrap_key_hex")
    share = golden.hexed(name, "vault_key_hex")
    keys = decode_z_attest_req(payload_of(name)).storage_keys
    assert keys is not None
    assert escrowed(share, agreement, device) == keys.keys[0]
    assert given_back(keys.keys[0], agreement, device) == share


def test_an_escrowed_key_that_another_device_wrapped_or_that_was_altered_is_refused() -> None:
    device, agreement = (
        golden.ec_public_key("device"),
        SoftKeyAgreement(golden.private_key("device-ecdh")),
    )
    key = escrowed(b"s" * 32, agreement, device)
    stranger = SoftKeyAgreement(golden.private_key("ctrl-ecdh"))
    with pytest.raises(EscrowUnusable, match="another TPM"):
        given_back(key, stranger, device)
    blob = decode_attest_volume_key_data(key.key)
    for altered in (
        replace(blob, encrypted_key=bytes([blob.encrypted_key[0] ^ 1]) + blob.encrypted_key[1:]),
        replace(blob, encrypted_key=blob.encrypted_key[:31]),
        replace(blob, version=AttestVolumeKeyVersion.ATTEST_VOLUME_KEY_VERSION_V1),
        replace(blob, digest_sha256=b""),
    ):
        with pytest.raises(EscrowUnusable):
            given_back(replace(key, key=encode_attest_volume_key_data(altered)), agreement, device)
    with pytest.raises(EscrowUnusable):
        given_back(replace(key, key=b"\xff" * 9), agreement, device)
    assert given_back(replace(key, key=b""), agreement, device) is None


@pytest.mark.parametrize("name", ["newlogs_request", "app_newlogs_request"])
def test_a_log_file_has_its_origin_and_lines(name: str) -> None:
    payload, facts = payload_of(name), golden.facts(name)
    log = decode_log_file(payload)
    if "gzip_header_comment" in facts:
        words = json.loads(facts["gzip_header_comment"])
        assert log.origin == DeviceLogOrigin(words["devID"], words["image"], words["eveVersion"])
    else:
        assert log.origin == AppLogOrigin(facts["gzip_header_name"])
    assert log.created is not None
    assert [e.content for e in log.entries] == [line["content"] for line in facts["lines"]]
    assert [e.msgid for e in log.entries] == [line["msgid"] for line in facts["lines"]]
    first, stated = log.entries[0], facts["lines"][0]
    assert first.timestamp is not None
    assert first.timestamp.timestamp() == 1735787044.005
    assert (first.severity, first.source) == (stated["severity"], stated["source"])
    assert (first.iid, first.filename) == (stated["iid"], stated["filename"])
    again = encode_log_file(log.origin, log.created, log.entries)
    assert decode_log_file(again) == log
    header = payload.index(b"\0", 10)  # deflate streams differ between libraries, headers do not
    assert again[:header] == payload[:header]


def test_the_bootstrap_file_is_signed_by_its_own_certificates() -> None:
    name = "bootstrap_config"
    bootstrap = decode_bootstrap_config(golden.data(name))
    assert encode_bootstrap_config(bootstrap) == golden.data(name)
    certs = [decode_z_cert(c) for c in bootstrap.controller_certs]
    assert [c.type for c in certs] == golden.facts(name)["controller_cert_types"]
    signing = next(c for c in certs if c.type == ZCertType.CERT_TYPE_CONTROLLER_SIGNING)
    assert bootstrap.signed_config is not None
    sealed = parse_envelope(bootstrap.signed_config)
    assert sealed.sent_by(controller_hash(signing.cert))
    payload = sealed.verify(golden.public_key("ctrl-signing"))
    assert payload == golden.hexed(name, "payload_hex")
    assert decode_edge_dev_config(payload).config_timestamp is not None
