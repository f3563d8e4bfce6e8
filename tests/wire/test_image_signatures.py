"""Signatures of images: the vectors verify, and nothing that was changed does."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from eaves.evapi.image_signature import (
    COSIGN_TYPE,
    MOST_KEYS,
    MOST_SIGNATURES,
    BadSignatureText,
    ImageSignature,
    NotSigned,
    Signed,
    Trusted,
    decode_signatures,
    encode_signatures,
    keys_text,
    read_key,
    read_keys,
    verify_image,
)

HERE = Path(__file__).parent / "cosign"
VECTORS: dict[str, Any] = json.loads((HERE / "vectors.json").read_text())
IMAGE, DISK = str(VECTORS["image"]), str(VECTORS["disk"])
KINDS = ("ecdsa", "rsa", "ed25519")
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def key(kind: str) -> Trusted:
    return read_key((HERE / f"{kind}.pub").read_text(), kind)


def signature(kind: str, form: str = "cosign") -> ImageSignature:
    (one,) = decode_signatures(json.dumps([VECTORS[kind][form]]).encode())
    return one


def why(digest: str, one: ImageSignature, *trusted: Trusted) -> str:
    verdict = verify_image(digest, (one,), trusted)
    assert isinstance(verdict, NotSigned), verdict
    return verdict.why


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("form", "digest"), [("cosign", IMAGE), ("detached", DISK)])
def test_the_vectors_verify_with_the_key_that_signed_and_with_no_other(
    kind: str, form: str, digest: str
) -> None:
    one = signature(kind, form)
    others = [key(other) for other in KINDS if other != kind]
    verdict = verify_image(f"sha256:{digest}", (one,), (*others, key(kind)))
    assert isinstance(verdict, Signed)
    assert verdict.by.name == kind
    assert "none of the trusted keys" in why(digest, one, *others)


def test_the_manifest_that_cosign_keeps_beside_an_image_holds_the_same() -> None:
    (layer,) = json.loads((HERE / "signature-manifest.json").read_text())["layers"]
    made = base64.b64decode(layer["annotations"]["dev.cosignproject.cosign/signature"])
    one = ImageSignature(made, (HERE / "payload.json").read_bytes())
    assert isinstance(verify_image(IMAGE, (one,), (key("ecdsa"),)), Signed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["cosign", "detached"])
def test_a_signature_of_another_image_is_refused(kind: str, form: str) -> None:
    assert why("0" * 64, signature(kind, form), key(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_one_form_is_not_taken_for_the_other(kind: str) -> None:
    """A payload without its bytes is no detached signature, nor the other way round."""
    assert why(IMAGE, replace(signature(kind), payload=b""), key(kind))
    payload = signature(kind).payload
    assert why(IMAGE, replace(signature(kind, "detached"), payload=payload), key(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_byte_is_noticed(kind: str) -> None:
    one = signature(kind)
    for place in range(len(one.payload)):
        flipped = bytes((one.payload[place] ^ 1,))
        changed = one.payload[:place] + flipped + one.payload[place + 1 :]
        assert why(IMAGE, replace(one, payload=changed), key(kind))
    for place in range(0, len(one.signature), 7):
        flipped = bytes((one.signature[place] ^ 1,))
        made = one.signature[:place] + flipped + one.signature[place + 1 :]
        assert why(IMAGE, replace(one, signature=made), key(kind))


def test_the_other_form_of_an_ecdsa_signature_means_the_same() -> None:
    """Malleation: (r, n - s) is as good, and says nothing else."""
    one = signature("ecdsa")
    r, s = decode_dss_signature(one.signature)
    other = replace(one, signature=encode_dss_signature(r, P256_ORDER - s))
    verdicts = {str(verify_image(IMAGE, (each,), (key("ecdsa"),))) for each in (one, other)}
    assert len(verdicts) == 1
    assert "Signed(" in verdicts.pop()


PAYLOAD = json.loads((HERE / "payload.json").read_text())


@pytest.mark.parametrize(
    ("critical", "says"),
    [
        ({"type": "atomic container signature"}, "of type 'atomic container signature'"),
        ({"image": {"docker-manifest-digest": IMAGE}}, "of another image"),
        ({"image": {}}, "of another image: None"),
        ({"image": "x"}, "of another image: None"),
        ({"identity": {}}, "names no docker-reference"),
    ],
)
def test_a_payload_that_says_something_else_is_refused_before_its_signature(
    critical: dict[str, object], says: str
) -> None:
    payload = json.dumps({"critical": {**PAYLOAD["critical"], **critical}}).encode()
    assert says in why(IMAGE, replace(signature("ecdsa"), payload=payload), key("ecdsa"))


def test_what_cannot_be_verified_says_why() -> None:
    trusted = (key("ecdsa"),)
    cases = {
        "not pinned": verify_image("", (signature("ecdsa"),), trusted),
        "no signature": verify_image(IMAGE, (), trusted),
        "no key is trusted": verify_image(IMAGE, (signature("ecdsa"),), ()),
    }
    for says, verdict in cases.items():
        assert isinstance(verdict, NotSigned)
        assert says in verdict.why


def test_one_good_signature_among_bad_ones_is_enough() -> None:
    bad = replace(signature("ecdsa"), signature=b"0")
    assert isinstance(verify_image(IMAGE, (bad, signature("rsa")), (key("rsa"),)), Signed)
    verdict = verify_image(IMAGE, (bad, signature("ed25519")), (key("rsa"),))
    assert isinstance(verdict, NotSigned)
    assert "signature 1: " in verdict.why
    assert "signature 2: " in verdict.why


def test_a_weak_or_strange_key_is_no_trusted_key() -> None:
    weak = rsa.generate_private_key(65537, 1024).public_key()  # noqa: S505 - to be refused
    pem = weak.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(BadSignatureText, match="RSA of 1024 bits"):
        read_key(pem)
    for text in ("", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "ssh-rsa A"):
        with pytest.raises(BadSignatureText, match="no public key in PEM"):
            read_key(text, "release")


def test_the_list_of_keys_is_the_same_whatever_their_order() -> None:
    pems = [(HERE / f"{kind}.pub").read_text() for kind in KINDS]
    text = keys_text(pems)
    assert text == keys_text([*reversed(pems), pems[0]])
    assert {one.fingerprint for one in read_keys(text)} == {key(k).fingerprint for k in KINDS}
    assert read_keys("") == ()
    with pytest.raises(BadSignatureText, match="more than public keys"):
        read_keys(text + "rubbish")
    curve = ec.SECP256R1()
    many = [
        ec.derive_private_key(n, curve)
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode()
        for n in range(1, MOST_KEYS + 2)
    ]
    with pytest.raises(BadSignatureText, match=f"{MOST_KEYS + 1} keys"):
        read_keys(keys_text(many))


@given(
    st.lists(
        st.builds(ImageSignature, st.binary(min_size=1, max_size=200), st.binary(max_size=200)),
        max_size=MOST_SIGNATURES,
    )
)
def test_signatures_come_back_as_they_went(signatures: list[ImageSignature]) -> None:
    assert decode_signatures(encode_signatures(signatures)) == tuple(signatures)


@given(st.binary(max_size=400), st.binary(min_size=1, max_size=80))
def test_hostile_bytes_are_refused_and_break_nothing(payload: bytes, made: bytes) -> None:
    one = ImageSignature(made, payload)
    assert isinstance(verify_image(IMAGE, (one,), tuple(map(key, KINDS))), NotSigned)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[1]",
        b"[{}]",
        b'[{"Base64Signature": ""}]',
        b'[{"Base64Signature": "!"}]',
        b'[{"Base64Signature": "' + b"A" * 5000 + b'"}]',
        b'[{"Base64Signature": "AAAA", "Payload": "' + b"A" * 50000 + b'"}]',
        b"[" + b",".join([b'{"Base64Signature": "AAAA"}'] * (MOST_SIGNATURES + 1)) + b"]",
        b"[" * 100_000,
    ],
    ids=range(10),
)
def test_a_list_that_cannot_be_read_is_refused(text: bytes) -> None:
    with pytest.raises(BadSignatureText):
        decode_signatures(text)


def test_the_type_that_cosign_writes_is_the_one_that_is_asked_for() -> None:
    assert PAYLOAD["critical"]["type"] == COSIGN_TYPE
