"""The signed message of SCEP, as another program sees it, and what is not believed."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from support.scep_server import signer_of

from eaves.errors import Rejected
from eaves.node.enrolment.der import NotDer, element, integer, read
from eaves.node.enrolment.messages import MESSAGE_TYPE, Signer, open_message, printable, sign


@pytest.fixture(scope="module")
def signer() -> Signer:
    return signer_of("somebody")


def message(signer: Signer) -> bytes:
    return sign(b"content " * 40, {MESSAGE_TYPE: printable("19")}, signer, hashes.SHA256())


def test_openssl_reads_and_verifies_it(signer: Signer, tmp_path: Path) -> None:
    (tmp_path / "message").write_bytes(message(signer))
    (tmp_path / "signer.pem").write_bytes(signer.certificate.public_bytes(Encoding.PEM))
    flags = ["-inform", "DER", "-binary", "-purpose", "any", "-no_check_time"]
    said = subprocess.run(
        ["openssl", "cms", "-verify", *flags, "-in", "message", "-CAfile", "signer.pem"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout == b"content " * 40


def test_it_opens_as_it_was_signed(signer: Signer) -> None:
    opened = open_message(message(signer))
    assert opened.signer == signer.certificate
    assert opened.text(MESSAGE_TYPE) == "19"
    assert opened.content == b"content " * 40


def test_no_change_of_a_byte_is_believed(signer: Signer) -> None:
    """Whatever cannot be told from the original says the same."""
    whole = message(signer)
    for at in range(len(whole)):
        bad = whole[:at] + bytes((whole[at] ^ 0x01,)) + whole[at + 1 :]
        try:
            opened = open_message(bad, (signer.certificate,))
        except Rejected:
            continue
        assert (opened.content, opened.text(MESSAGE_TYPE)) == (b"content " * 40, "19")


@given(st.binary(max_size=300))
def test_rubbish_is_refused(data: bytes) -> None:
    with pytest.raises(Rejected):
        open_message(data)


@given(st.binary(max_size=70_000))
def test_an_element_reads_as_written(data: bytes) -> None:
    assert read(element(0x04, data)).content == data


@pytest.mark.parametrize("number", [0, 1, 127, 128, 255, 256, 2**159])
def test_a_number_has_no_sign(number: int) -> None:
    content = read(integer(number)).content
    assert int.from_bytes(content, signed=True) == number


@pytest.mark.parametrize(
    "data", [b"", b"\x30", b"\x30\x80", b"\x30\x05\x00", b"\x04\x85" + b"1" * 9]
)
def test_what_is_no_der_is_refused(data: bytes) -> None:
    with pytest.raises(NotDer):
        read(data)
