"""Key files: readable by the owner alone, whole or absent after a power cut."""

import os
from itertools import count
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from eaves.controller.keys.issue import Issued
from eaves.controller.keys.ring import SigningKey
from eaves.errors import Rejected

OPEN_TO_OTHERS: Final = 0o027  # a group may read: a container gets its files that way
MOST_SECRET: Final = 64 << 10  # bytes


class BadKeyFile(Rejected):
    """A certificate or key file that cannot be used as it is."""


def write_private(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file by temp, fsync and rename."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def read_secret_text(path: Path, what: str, *, strict: bool) -> str:
    """The text of a file that only its owner, and its group at most, may read.

    Raises BadKeyFile; `strict` off lets the mode be.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(MOST_SECRET).decode("ascii", "replace").strip()
    except OSError as error:
        raise BadKeyFile(f"{what} {path} cannot be read: {error.strerror}") from error
    if strict and mode & OPEN_TO_OTHERS:
        raise BadKeyFile(
            f"{what} {path} has mode {mode & 0o777:03o}: others can read or change it; `chmod 600 "
            f"{path}`, and take it that somebody has read it (EAVES_SECRET_KEY_STRICT=false lets "
            "it be)"
        )
    return text


def write_once(path: Path, content: bytes) -> Path:
    """Write a file that never changes, and tell where it is.

    One of that name with other bytes stays as it is; this one gets a number then.
    """
    stem, dot, ending = path.name.partition(".")
    for number in count(2):
        if not path.exists():
            write_private(path, content)
            break
        if path.read_bytes() == content:
            break
        path = path.with_name(f"{stem}.{number}{dot}{ending}")
    return path


def write_issued(path: Path, made: Issued) -> None:
    """Write key and certificate as one file."""
    write_private(path, made.key_pem + made.pem)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_key(path: Path) -> SigningKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except FileNotFoundError as error:
        raise BadKeyFile(f"{path} is missing; restore it from the backup") from error
    except (ValueError, TypeError) as error:
        raise BadKeyFile(f"{path} holds no private key without password: {error}") from error
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if key.curve.name not in {"secp256r1", "secp384r1"}:
            raise BadKeyFile(f"{path}: curve {key.curve.name}; devices take P-256 and P-384")
        return key
    if isinstance(key, rsa.RSAPrivateKey):
        return key
    raise BadKeyFile(f"{path} holds a key that is neither EC nor RSA; devices verify those two")


def read_ec_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = read_key(path)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadKeyFile(f"{path} holds an RSA key; an EC P-256 key belongs here")
    return key


def split_pem(content: bytes) -> tuple[bytes, ...]:
    """Cut a bundle into single certificates, each with one trailing newline."""
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    parts = content.split(begin)[1:]
    return tuple(begin + part.split(end)[0] + end + b"\n" for part in parts)


def read_certificates(path: Path) -> tuple[bytes, ...]:
    """Read a bundle as single PEM certificates; raises BadKeyFile when there is none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise BadKeyFile(f"{path} is missing; restore it from the backup") from error
    pems = split_pem(content)
    if not pems:
        raise BadKeyFile(f"{path} holds no PEM certificate")
    for pem in pems:
        parse_certificate(pem, path)
    return pems


def parse_certificate(pem: bytes, path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise BadKeyFile(f"{path} holds a certificate that does not parse: {error}") from error


def read_issued(path: Path) -> Issued | None:
    """Read a pair of ours, or None when it was not made yet."""
    if not path.exists():
        return None
    parsed = parse_certificate(read_certificates(path)[0], path)
    private = read_ec_key(path)
    if parsed.public_key() != private.public_key():
        raise BadKeyFile(f"{path} holds a key that is not the certificate's; restore the file")
    return Issued(parsed, private)
