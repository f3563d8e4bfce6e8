"""An update is checked before a byte of a slot changes: form, signature, and whether it fits."""

import io
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from support.os_updates import ARCH, FLAVOUR, Release

from eaves.errors import EavesError, Rejected
from eaves.node.baseos.bundle import (
    TRAILER,
    BundleUnusable,
    Place,
    admit,
    chunks,
    read_bundle,
    read_key,
    read_manifest,
    read_trailer,
    trailer,
)

KEY = ec.generate_private_key(ec.SECP256R1())
RELEASE = Release("2", KEY, root=b"r" * 3000, uki=b"k" * 700)
PACKED = RELEASE.pack()
KEYS = (KEY.public_key(),)


PLACE = Place(
    wanted="2", arch=ARCH, flavour=FLAVOUR, bar=1, slot_bytes=3000 + TRAILER, boot_bytes=700
)


def test_its_members_are_found_and_its_manifest_is_signed() -> None:
    file = io.BytesIO(PACKED)
    bundle = read_bundle(file, len(PACKED), KEYS)
    assert bundle.manifest.version == "2"
    assert b"".join(chunks(file, bundle.uki)) == RELEASE.uki
    assert b"".join(chunks(file, bundle.root)) == RELEASE.root


def test_another_key_is_refused() -> None:
    stranger = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(BundleUnusable, match="no key of this device signed it"):
        read_bundle(io.BytesIO(PACKED), len(PACKED), (stranger,))
    read_bundle(io.BytesIO(PACKED), len(PACKED), (stranger, *KEYS))


def test_a_manifest_that_was_changed_is_refused() -> None:
    changed = PACKED.replace(b'"version": "2"', b'"version": "3"')
    with pytest.raises(BundleUnusable, match="no key of this device signed it"):
        read_bundle(io.BytesIO(changed), len(changed), KEYS)


@given(st.integers(0, PACKED.rindex(b"r")))
def test_one_that_is_cut_off_is_refused(size: int) -> None:
    with pytest.raises(BundleUnusable):
        read_bundle(io.BytesIO(PACKED[:size]), size, KEYS)


def test_one_that_ends_while_it_is_read_is_refused() -> None:
    bundle = read_bundle(io.BytesIO(PACKED), len(PACKED), KEYS)
    shorter = io.BytesIO(PACKED[: bundle.root.offset + 10])
    with pytest.raises(BundleUnusable, match="ends before"):
        list(chunks(shorter, bundle.root))


@given(st.binary(max_size=4096))
def test_garbage_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(BundleUnusable):
        read_bundle(io.BytesIO(data), len(data), KEYS)


@given(st.integers(0, 1023), st.integers(0, 255))
def test_a_changed_header_never_ends_in_another_error(at: int, value: int) -> None:
    data = bytearray(PACKED)
    data[at] = value
    try:
        read_bundle(io.BytesIO(bytes(data)), len(data), KEYS)
    except EavesError:
        return
    assert bytes(data[512:1024]) == PACKED[512:1024]


def test_a_manifest_of_another_format_says_which() -> None:
    with pytest.raises(BundleUnusable, match="format 2"):
        read_manifest(Release("2", KEY, wrong={"format": 2}).manifest())


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (replace(PLACE, wanted="3"), "it holds version 2, the configuration names 3"),
        (replace(PLACE, arch="aarch64"), "it is for x86_64"),
        (replace(PLACE, flavour="cluster"), "flavour"),
        (replace(PLACE, bar=2), "older than what may run here"),
        (replace(PLACE, slot_bytes=3000 + TRAILER - 1), "a slot here holds 2999"),
        (replace(PLACE, boot_bytes=699), "699 are free"),
    ],
)
def test_what_does_not_fit_is_told(place: Place, said: str) -> None:
    manifest = read_manifest(RELEASE.manifest())
    admit(manifest, PLACE)
    with pytest.raises(BundleUnusable, match=said):
        admit(manifest, place)


def test_all_reasons_are_told_at_once() -> None:
    with pytest.raises(BundleUnusable, match="version.*flavour.*older"):  # noqa: RUF043 - a pattern
        admit(
            read_manifest(RELEASE.manifest()), replace(PLACE, wanted="3", flavour="cluster", bar=9)
        )


def test_the_last_block_says_what_a_slot_holds() -> None:
    raw, signature = RELEASE.manifest(), RELEASE.signature()
    block = trailer(raw, signature)
    assert len(block) == TRAILER
    assert read_trailer(block) == (raw, signature)


@given(st.integers(0, TRAILER - 1))
def test_a_torn_last_block_says_nothing_or_all(cut: int) -> None:
    raw, signature = RELEASE.manifest(), RELEASE.signature()
    block = trailer(raw, signature)
    torn = block[:cut] + bytes(TRAILER - cut)
    assert read_trailer(torn) == ((raw, signature) if torn == block else None)


def test_keys_are_of_p_256() -> None:
    def pem(key: ec.EllipticCurvePublicKey) -> bytes:
        return key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    assert read_key(pem(KEY.public_key())).public_numbers() == KEY.public_key().public_numbers()
    with pytest.raises(Rejected, match="P-256"):
        read_key(pem(ec.generate_private_key(ec.SECP384R1()).public_key()))
    with pytest.raises(Rejected, match="cannot be read"):
        read_key(b"no key")
