"""Quotes of simulated devices: each signed by its own key, over its own nonce."""

from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from eaves.evapi.attest import ZAttestReq, ZAttestReqType, encode_z_attest_req
from eaves.fleet.measured import encode_asked, quoter_of

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def test_what_quotes_have_in_common_is_encoded_as_in_each_alone() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for nonce in (b"one nonce of them", b"another of them"):
        kind, quote = ZAttestReqType.ATTEST_REQ_QUOTE, quoter_of(key, lambda: NOW)(nonce)
        request = ZAttestReq(req_type=kind, quote=quote)
        assert encode_asked(request) == encode_z_attest_req(request)
    asked = ZAttestReq(req_type=ZAttestReqType.ATTEST_REQ_NONCE)
    assert encode_asked(asked) == encode_z_attest_req(asked)


def test_each_device_signs_each_nonce_with_its_own_key() -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    moments = [NOW + timedelta(seconds=n) for n in range(4)]
    seen: set[bytes] = set()
    for round_ in range(2):  # the second time what was kept of the keys serves
        for number, key in enumerate(keys):
            der = key.private_bytes(
                serialization.Encoding.DER,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            nonce = f"nonce {round_} {number}!".encode()
            quote = quoter_of(der, lambda: moments[2 * round_ + number])(nonce)  # noqa: B023 - called at once
            key.public_key().verify(quote.signature, quote.attest_data, ec.ECDSA(hashes.SHA256()))
            assert nonce in quote.attest_data
            seen |= {quote.attest_data, quote.signature}
    assert len(seen) == 8
