"""A TPM as the node uses it, against a real implementation of one in software."""

import math
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from eaves.cli.demo.boots import CHANGES, Chain, Machine
from eaves.evapi.attest import AttestGPSCoordinates, AttestGPSInput, ZAttestQuote
from eaves.evapi.certs import ZCertType, check_edge_node_cert
from eaves.evapi.device_certs import Chance
from eaves.evapi.event_log import read_event_log
from eaves.evapi.keys import SoftKeyAgreement, Verifier
from eaves.evapi.quote import parse_quote, pcr_digest
from eaves.node.comms.identity import load_identity
from eaves.node.refs import Position
from eaves.node.tpm.device import SealedBlob, Tpm
from eaves.node.tpm.errors import (
    NotThisTpm,
    PolicyMismatch,
    TpmRefused,
    TpmUnavailable,
    TpmUnusable,
)
from eaves.node.tpm.health import Health
from eaves.node.tpm.keys import TpmKeyAgreement
from eaves.node.tpm.layout import DEFAULT_SEAL_PCRS, QUOTED_PCRS, Handle
from eaves.node.tpm.quoter import MOST_LOG_BYTES, TpmQuoter, fitted, packed_log
from eaves.node.uplinks.position import quoted_position

SECRET = b"k" * 32
AUTH = b"1234567"


def chance() -> Chance:
    return Chance(datetime.now(UTC), os.urandom)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("machine")) as made:
        yield made


@pytest.fixture
def tpm(machine: Machine) -> Iterator[Tpm]:
    machine.boot(Chain())
    with Tpm(machine.tcti) as opened:
        yield opened
    machine.power_off()


def values_of(machine: Machine) -> dict[int, bytes]:
    """What the log leads to, of the PCRs that seal by default; PCR 10 is never extended."""
    made = read_event_log(machine.event_log.read_bytes()).replayed()
    return {n: made.get(n, bytes(32)) for n in DEFAULT_SEAL_PCRS}


def test_pcrs_are_what_the_log_leads_to(machine: Machine, tpm: Tpm) -> None:
    assert tpm.pcrs(DEFAULT_SEAL_PCRS) == values_of(machine)
    assert tuple(tpm.pcrs()) == tuple(range(24))


def test_sealed_data_opens_after_the_same_boot_only(machine: Machine, tpm: Tpm) -> None:
    blob = tpm.seal(SECRET, tpm.pcrs(DEFAULT_SEAL_PCRS))
    assert tpm.unseal(blob) == SECRET
    for change in CHANGES.values():
        tpm.close()
        machine.boot(change(Chain()))
        with pytest.raises(PolicyMismatch, match="differs from what the data was sealed to"):
            tpm.unseal(blob)
    tpm.close()
    machine.boot(Chain())
    assert tpm.unseal(blob) == SECRET


def test_data_sealed_to_a_predicted_boot_opens_after_it(machine: Machine, tpm: Tpm) -> None:
    planned = CHANGES["kernel"](Chain())
    tpm.close()
    machine.boot(planned)
    predicted = values_of(machine)
    machine.boot(Chain())
    blob = tpm.seal(SECRET, predicted)
    with pytest.raises(PolicyMismatch):
        tpm.unseal(blob)
    tpm.close()
    machine.boot(planned)
    assert tpm.unseal(blob) == SECRET


def test_a_blob_that_was_altered_or_sealed_elsewhere_is_told_apart(
    tpm: Tpm, tmp_path: Path
) -> None:
    blob = tpm.seal(SECRET, tpm.pcrs(DEFAULT_SEAL_PCRS))
    with pytest.raises(NotThisTpm):
        tpm.unseal(SealedBlob(blob.private[:-1] + b"\0", blob.public, blob.pcrs))
    with Machine(tmp_path) as other:
        other.boot(Chain())
        with Tpm(other.tcti) as another, pytest.raises(NotThisTpm):
            another.unseal(blob)


def test_nothing_is_sealed_to_a_boot_that_measured_nothing(tpm: Tpm) -> None:
    with pytest.raises(TpmUnusable, match="PCR 4 is all zero"):
        tpm.seal(SECRET, {0: b"\1" * 32, 4: bytes(32)})


def test_a_quote_covers_the_nonce_and_the_pcrs(tpm: Tpm) -> None:
    tpm.ensure_key(Handle.QUOTE)
    quoted = tpm.quote(b"n" * 20)
    said = parse_quote(quoted.attest_data)
    assert (said.nonce, said.pcrs) == (b"n" * 20, QUOTED_PCRS)
    assert said.pcr_digest == pcr_digest(quoted.pcr_values, QUOTED_PCRS)
    key = tpm.public_key(Handle.QUOTE)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(quoted.signature, quoted.attest_data, ec.ECDSA(hashes.SHA256()))


def test_the_quote_key_signs_nothing_that_was_not_made_in_the_tpm(tpm: Tpm) -> None:
    """So nobody who has the node can have a quote signed that he wrote himself."""
    tpm.ensure_key(Handle.QUOTE)
    with pytest.raises(TpmRefused):
        tpm.sign(Handle.QUOTE, b"d" * 32)


def test_the_device_key_signs_for_who_has_its_credential(tpm: Tpm) -> None:
    tpm.ensure_key(Handle.DEVICE, AUTH)
    r, s = tpm.sign(Handle.DEVICE, b"d" * 32, AUTH)
    key = tpm.public_key(Handle.DEVICE)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    prehashed = ec.ECDSA(Prehashed(hashes.SHA256()))
    key.verify(encode_dss_signature(r, s), b"d" * 32, prehashed)
    with pytest.raises(TpmRefused, match="authorization failure"):
        tpm.sign(Handle.DEVICE, b"d" * 32, b"7654321")


def test_a_shared_point_is_that_of_the_peer(tpm: Tpm) -> None:
    tpm.ensure_key(Handle.ECDH)
    peer = ec.generate_private_key(ec.SECP256R1())
    own = tpm.public_key(Handle.ECDH)
    assert isinstance(own, ec.EllipticCurvePublicKey)
    agreement = TpmKeyAgreement(tpm)
    expected = SoftKeyAgreement(peer).shared_point(own)
    assert agreement.shared_point(peer.public_key()) == expected
    tpm.close()
    assert agreement.shared_point(peer.public_key()) == expected


def test_what_nv_holds_is_read_whole_and_replaced(tpm: Tpm) -> None:
    index = 0x1900001
    assert tpm.nv_read(index) is None
    for data in (b"a" * 1900, b"b" * 1900, b"c" * 7):
        tpm.nv_write(index, data)
        assert tpm.nv_read(index) == data
    tpm.nv_delete(index)
    tpm.nv_delete(index)
    assert tpm.nv_read(index) is None


def test_many_threads_share_one_tpm(tpm: Tpm) -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(tpm.pcrs()))) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [24] * 8


def test_a_tpm_that_went_away_is_told_and_found_again(machine: Machine, tpm: Tpm) -> None:
    health = Health(tpm)
    tpm.ensure_key(Handle.ECDH)
    tpm.ensure_key(Handle.QUOTE)
    health.check(whole=True)
    assert health.fault == ""
    machine.power_off()
    with pytest.raises(TpmUnavailable, match="does not answer"):
        tpm.clock()
    health.check(whole=False)
    assert "does not answer" in health.fault
    machine.boot(Chain())
    health.check(whole=True)
    assert (health.fault, health.encrypts, health.quotes) == ("", True, True)


def test_an_identity_is_made_once_and_survives_its_disk(tmp_path: Path) -> None:
    with Machine(tmp_path / "machine") as own:
        own.boot(Chain())
        with Tpm(own.tcti) as tpm:
            first = load_identity(tmp_path / "disk", chance, tpm)
            again = load_identity(tmp_path / "disk", chance, tpm)
            new_disk = load_identity(tmp_path / "new disk", chance, tpm)
    assert (again.device_cert_pem, again.certs) == (first.device_cert_pem, first.certs)
    assert new_disk.device_cert_pem == first.device_cert_pem
    assert [c.type for c in first.certs] == [
        ZCertType.CERT_TYPE_DEVICE_ECDH_EXCHANGE,
        ZCertType.CERT_TYPE_DEVICE_RESTRICTED_SIGNING,
        ZCertType.CERT_TYPE_DEVICE_ENDORSEMENT_RSA,
    ]
    for cert in first.certs:
        check_edge_node_cert(cert, first.device_cert_pem)


def test_an_envelope_is_signed_in_the_tpm(tmp_path: Path) -> None:
    with Machine(tmp_path / "machine") as own:
        own.boot(Chain())
        with Tpm(own.tcti) as tpm:
            identity = load_identity(tmp_path / "disk", chance, tpm)
            digest = hashes.Hash(hashes.SHA256())
            digest.update(b"payload")
            signature = identity.sender.signer.sign_digest(digest.finalize())
            key = tpm.public_key(Handle.DEVICE)
    assert len(signature) == 64
    assert Verifier(key).fits(signature, b"payload")


def test_keys_that_lie_on_disk_stay_in_use_beside_a_tpm(tpm: Tpm, tmp_path: Path) -> None:
    before = load_identity(tmp_path, chance, None)
    after = load_identity(tmp_path, chance, tpm)
    assert not after.in_tpm
    assert after.device_cert_pem == before.device_cert_pem


@pytest.mark.parametrize("length", [11, 33])
def test_a_nonce_of_a_length_that_no_tpm_quotes_gives_versions_only(
    tpm: Tpm, machine: Machine, length: int
) -> None:
    quote = TpmQuoter(tpm, machine.event_log, ())(b"n" * length)
    assert quote == ZAttestQuote()


def test_a_quote_tells_where_the_machine_stands_at_that_moment(tpm: Tpm, machine: Machine) -> None:
    seen: list[Position | None] = [None, Position(52.5, 13.4, 34.0, "lte", datetime.now(UTC))]
    quoter = TpmQuoter(tpm, machine.event_log, (), lambda: quoted_position(seen.pop(0)))
    assert quoter(b"n" * 32).place is None
    assert quoter(b"n" * 32).place == (52.5, 13.4)


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(90.1, 0.0), (0.0, -180.1), (math.nan, 0.0), (0.0, math.inf)]
)
def test_a_place_that_there_is_not_is_none(latitude: float, longitude: float) -> None:
    told = AttestGPSCoordinates(
        gps_input=AttestGPSInput.ATTEST_GPS_INPUT_PRESENT, latitude=latitude, longitude=longitude
    )
    assert ZAttestQuote(gps_info=told).place is None
    absent = replace(
        told, gps_input=AttestGPSInput.ATTEST_GPS_INPUT_ABSENT, latitude=1, longitude=1
    )
    assert ZAttestQuote(gps_info=absent).place is None


def test_a_log_that_is_too_long_stays_at_home() -> None:
    assert packed_log(b"") == b""
    assert packed_log(bytes(MOST_LOG_BYTES + 1)) == b""
    assert packed_log(bytes(MOST_LOG_BYTES)) != b""
    long = ZAttestQuote(attest_data=b"a", tpm_binary_event_log=os.urandom(63_488))
    assert fitted(long) == ZAttestQuote(attest_data=b"a")
