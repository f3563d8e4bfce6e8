"""Envelopes: both hash rules, both signature forms, and what is refused."""

import base64
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from wire import golden
from wire.peer import issue

from eaves.evapi.certs import cert_hash
from eaves.evapi.cipher import cipher_context, cipher_key, decrypt, encrypt
from eaves.evapi.envelope import (
    SHA256_16,
    Sender,
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
from eaves.evapi.errors import (
    BadCipherBlock,
    BadSignature,
    MalformedMessage,
    MissingPayload,
    UnknownHashAlgorithm,
    UnknownSender,
    UnusableCipherContext,
    UnusableKey,
    WrongHashLength,
    WrongSenderCertificate,
)
from eaves.evapi.evecommon import CipherBlock
from eaves.evapi.keys import KeySigner, SoftKeyAgreement, signature_fits
from eaves.evapi.pb.auth import auth_pb2
from eaves.evapi.pb.evecommon import acipherinfo_pb2

DEVICE_PEM = golden.pem("device.cert")
SIGNER = KeySigner(golden.private_key("device"))
SENDER = device_sender(SIGNER, DEVICE_PEM)
KEY = golden.public_key("device")


@given(st.binary(max_size=2000))
def test_what_is_sealed_opens_to_the_same_bytes(payload: bytes) -> None:
    assert open_known(seal(payload, SENDER), device_hash(DEVICE_PEM), KEY) == payload


def test_an_empty_payload_is_present_on_the_wire() -> None:
    assert seal(b"", SENDER).startswith(b"\x0a\x00")


def test_a_controller_is_named_by_the_bytes_of_its_pem() -> None:
    pem = golden.pem("ctrl-signing.cert")
    assert controller_hash(pem) != controller_hash(pem + b"\n")
    assert device_hash(pem) == device_hash(pem + b"\n")
    assert controller_hash(pem, SHA256_16) == controller_hash(pem)[:16]


@pytest.mark.parametrize("algo", [1, 2])
def test_both_hash_lengths_name_the_sender(algo: int) -> None:
    key = golden.private_key("ctrl-signing")
    pem = golden.pem("ctrl-signing.cert")
    sealed = parse_envelope(
        seal(b"x", controller_sender(KeySigner(key), pem, type(SHA256_16)(algo)))
    )
    assert len(sealed.sender_hash) == 16 * algo
    assert sealed.sent_by(controller_hash(pem))
    assert not sealed.sent_by(controller_hash(DEVICE_PEM))


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()])
def test_an_ec_signature_is_two_padded_numbers_and_der_is_accepted(
    curve: ec.EllipticCurve,
) -> None:
    key = ec.generate_private_key(curve)
    sealed = parse_envelope(seal(b"x", Sender(KeySigner(key), bytes(32))))
    size = curve.key_size // 8
    assert len(sealed.signature) == 2 * size
    r, s = (
        int.from_bytes(part, "big") for part in (sealed.signature[:size], sealed.signature[size:])
    )
    assert signature_fits(key.public_key(), sealed.signature, b"x")
    assert signature_fits(key.public_key(), encode_dss_signature(r, s), b"x")
    assert not signature_fits(key.public_key(), sealed.signature, b"y")


def test_a_short_number_of_a_signature_is_padded() -> None:
    lengths = {len(SIGNER.sign_digest(bytes([n]) * 32)) for n in range(256)}
    assert lengths == {64}


def test_an_rsa_controller_signs_by_pkcs1() -> None:
    key = rsa.generate_private_key(65537, 2048)
    sealed = parse_envelope(seal(b"x", Sender(KeySigner(key), bytes(32))))
    assert sealed.verify(key.public_key()) == b"x"
    assert not signature_fits(key.public_key(), sealed.signature, b"y")


def test_p521_is_refused_on_both_sides() -> None:
    key = ec.generate_private_key(ec.SECP521R1())
    with pytest.raises(UnusableKey, match="whole bytes"):
        KeySigner(key)
    with pytest.raises(UnusableKey, match="whole bytes"):
        signature_fits(key.public_key(), b"s" * 132, b"x")


@pytest.mark.parametrize("signature", [b"", b"\x30", bytes(64), b"\xff" * 64, bytes(63)])
def test_a_wrong_signature_is_refused(signature: bytes) -> None:
    container = auth_pb2.AuthContainer.FromString(seal(b"x", SENDER))
    container.signatureHash = signature
    with pytest.raises(BadSignature):
        open_known(container.SerializeToString(), device_hash(DEVICE_PEM), KEY)


def test_another_sender_is_refused_before_its_signature_is_looked_at() -> None:
    with pytest.raises(UnknownSender):
        open_known(seal(b"x", SENDER), device_hash(golden.pem("onboard.cert")), KEY)


@pytest.mark.parametrize(
    ("algo", "length", "error"),
    [
        (2, 16, WrongHashLength),
        (1, 32, WrongHashLength),
        (2, 0, WrongHashLength),
        (2, 33, WrongHashLength),
        (0, 32, UnknownHashAlgorithm),
        (3, 32, UnknownHashAlgorithm),
    ],
)
def test_the_hash_has_the_length_of_its_algorithm(
    algo: int, length: int, error: type[Exception]
) -> None:
    container = auth_pb2.AuthContainer.FromString(seal(b"x", SENDER))
    container.senderCertHash = bytes(length)
    data = container.SerializeToString() + bytes([0x10, algo])
    with pytest.raises(error):
        parse_envelope(data)


def test_an_envelope_without_payload_is_refused() -> None:
    container = auth_pb2.AuthContainer.FromString(seal(b"x", SENDER))
    container.ClearField("protectedPayload")
    with pytest.raises(MissingPayload):
        parse_envelope(container.SerializeToString())
    with pytest.raises(MalformedMessage):
        parse_envelope(b"\x0a\xff")


def test_unknown_fields_survive_an_envelope() -> None:
    data = seal(b"x", SENDER) + b"\xf2\x01\x03new"
    sealed = parse_envelope(data)
    assert sealed.rest == b"\xf2\x01\x03new"
    assert encode_sealed(sealed) == data


def test_the_onboarding_certificate_travels_as_base64_of_its_file() -> None:
    onboard = issue("onboarding")
    sealed = parse_envelope(seal(b"x", onboarding_sender(KeySigner(onboard.key), onboard.pem)))
    assert base64.b64decode(sealed.sender_cert) == onboard.pem
    assert onboarding_certificate(sealed) == onboard.pem


@pytest.mark.parametrize(
    "sender_cert",
    [b"", b"%%%", base64.b64encode(b"no pem"), base64.b64encode(golden.pem("onboard.cert"))],
)
def test_a_sender_certificate_that_is_not_the_named_one_is_refused(sender_cert: bytes) -> None:
    sender = Sender(SIGNER, device_hash(DEVICE_PEM), sender_cert=sender_cert)
    with pytest.raises(WrongSenderCertificate):
        onboarding_certificate(parse_envelope(seal(b"x", sender)))


# --- cipher blocks and encrypted envelopes

DEVICE_ECDH = golden.private_key("device-ecdh")
CONTROLLER_ECDH = golden.private_key("ctrl-ecdh")
CONTEXT = cipher_context(
    cert_hash(golden.pem("ctrl-ecdh.cert")), cert_hash(golden.pem("device-ecdh.cert"))
)
SECRET = cipher_key(SoftKeyAgreement(CONTROLLER_ECDH), DEVICE_ECDH.public_key())


def test_both_ends_derive_the_same_key_for_any_pair() -> None:
    for _ in range(50):
        a, b = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        ours = cipher_key(SoftKeyAgreement(a), b.public_key())
        assert ours == cipher_key(SoftKeyAgreement(b), a.public_key())


def test_a_context_is_named_by_its_pair_of_certificates() -> None:
    c, d = CONTEXT.controller_cert_hash, CONTEXT.device_cert_hash
    ids = {cipher_context(*pair).context_id for pair in ((c, d), (d, c), (c, c), (c, d))}
    assert len(ids) == 3
    assert CONTEXT.context_id


@given(st.binary(min_size=1, max_size=500))
def test_a_cipher_block_opens_to_its_plaintext_only_with_its_key(plaintext: bytes) -> None:
    block = encrypt(plaintext, SECRET, "c", os.urandom)
    assert decrypt(block, SECRET) == plaintext
    with pytest.raises(BadCipherBlock):
        decrypt(block, bytes(32))


def test_each_block_has_a_fresh_iv_of_sixteen_bytes() -> None:
    ivs = {encrypt(b"x", SECRET, "c", os.urandom).initial_value for _ in range(50)}
    assert len(ivs) == 50
    assert {len(iv) for iv in ivs} == {16}


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (CipherBlock(cipher_data=b"x", initial_value=bytes(16)), "no cipher context"),
        (CipherBlock(cipher_context_id="c", initial_value=bytes(16)), "no data"),
        (CipherBlock(cipher_context_id="c", cipher_data=b"x"), "0 bytes"),
        (
            CipherBlock(cipher_context_id="c", cipher_data=b"x", initial_value=bytes(12)),
            "12 bytes",
        ),
        (
            CipherBlock(cipher_context_id="c", cipher_data=b"x", initial_value=bytes(16)),
            "SHA-256",
        ),
    ],
)
def test_a_cipher_block_that_cannot_be_opened_says_why(block: CipherBlock, why: str) -> None:
    with pytest.raises(BadCipherBlock, match=why):
        decrypt(block, SECRET)


def test_an_empty_secret_is_not_encrypted() -> None:
    with pytest.raises(BadCipherBlock):
        encrypt(b"", SECRET, "c", os.urandom)


def test_an_encrypted_envelope_hides_its_payload_and_is_signed_over_it() -> None:
    data = seal_encrypted(b"secret payload", SENDER, CONTEXT, SECRET, os.urandom)
    assert b"secret" not in data
    sealed = parse_envelope(data)
    with pytest.raises(MissingPayload, match="encrypted"):
        sealed.verify(KEY)
    assert sealed.decrypted(SECRET).verify(KEY) == b"secret payload"
    assert encode_sealed(sealed) == data


@pytest.mark.parametrize("change", ["id", "scheme", "none"])
def test_an_encrypted_envelope_needs_one_usable_context(change: str) -> None:
    data = seal_encrypted(b"secret", SENDER, CONTEXT, SECRET, os.urandom)
    container = auth_pb2.AuthContainer.FromString(data)
    match change:
        case "id":
            container.cipherContext.contextId = "another"
        case "scheme":
            container.cipherContext.encryptionScheme = acipherinfo_pb2.SA_NONE
        case _:
            container.ClearField("cipherContext")
    with pytest.raises(MissingPayload if change == "none" else UnusableCipherContext):
        parse_envelope(container.SerializeToString())


def test_a_key_for_the_exchange_is_on_p256() -> None:
    other = ec.generate_private_key(ec.SECP384R1())
    with pytest.raises(UnusableKey):
        SoftKeyAgreement(other)
    with pytest.raises(UnusableKey):
        SoftKeyAgreement(DEVICE_ECDH).shared_point(other.public_key())
