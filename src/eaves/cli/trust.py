"""Whom to trust: a controller whose certificate this machine may not know yet."""

import hashlib
import http.client
import json
import socket
import ssl
from urllib.parse import urlsplit

import click

from eaves.cli.client import TIMEOUT_S, open_connection, tls_context, unreachable
from eaves.cli.json_values import object_of

REST_PORT = 9443
HOW_TO_COMPARE = (
    "On the controller's host this prints the right one:\n"
    "  openssl x509 -noout -fingerprint -sha256 -in STATE_DIR/tls/cert.pem"
)


def base_url(text: str) -> str:
    """`https://host:port` of what a person typed; a host alone means the usual REST port."""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme != "https" or not parts.hostname or port == -1:
        raise click.UsageError(
            f"{text!r} is no address of a controller; write it like https://HOST:{REST_PORT}"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if port is None:
        port = 443 if "://" in text else REST_PORT
    return f"https://{host}:{port}"


def shown_fingerprint(der: bytes) -> str:
    """As openssl prints it."""
    digest = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digest[n : n + 2] for n in range(0, len(digest), 2))


def bare_fingerprint(text: str) -> str:
    """Hex digits alone, of what openssl, browsers and people write."""
    digits = text.rpartition("=")[2].lower().removeprefix("sha256:").replace(":", "")
    return "".join(digits.split())


def trust(base: str, fingerprint: str | None) -> str:
    """PEM of the authority to trust: none when the system's do, else the controller's own."""
    if fingerprint is None and _known_to_system(base):
        return ""
    seen = _leaf(base)
    if fingerprint is not None:
        if bare_fingerprint(fingerprint) != hashlib.sha256(seen).hexdigest():
            raise click.ClickException(
                f"{base} shows a certificate with another fingerprint,\n"
                f"       SHA-256 {shown_fingerprint(seen)};\n"
                "       do not go on unless you know why"
            )
    else:
        click.echo(f"This machine does not know the certificate of {base}, SHA-256 fingerprint")
        click.echo(f"  {shown_fingerprint(seen)}")
        click.echo(HOW_TO_COMPARE)
        try:
            click.confirm("Are they the same?", abort=True)
        except click.Abort as error:
            raise click.ClickException(
                "not logged in; give --ca FILE or --fingerprint SHA256 to say whom to trust"
            ) from error
    return _root_of(base, seen)


def _known_to_system(base: str) -> bool:
    connection = open_connection(base, tls_context(""), TIMEOUT_S)
    try:
        connection.connect()
    except ssl.SSLCertVerificationError:
        return False
    except (OSError, http.client.HTTPException) as error:
        raise click.ClickException(unreachable(base, error)) from error
    else:
        return True
    finally:
        connection.close()


def _leaf(base: str) -> bytes:
    """What the controller shows, unchecked: a person or a fingerprint judges it."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    connection = open_connection(base, unchecked, TIMEOUT_S)
    try:
        connection.connect()
        sock: socket.socket = connection.sock
        return (
            sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else b""
        ) or b""
    except (OSError, http.client.HTTPException) as error:
        raise click.ClickException(unreachable(base, error)) from error
    finally:
        connection.close()


def _root_of(base: str, leaf_der: bytes) -> str:
    """The controller's root certificate, asked for over a connection pinned to the leaf."""
    pinned = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(leaf_der))
    pinned.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    connection = open_connection(base, pinned, TIMEOUT_S)
    try:
        connection.request("GET", "/api/v1/eaves/controller")
        told = object_of(json.loads(connection.getresponse().read()))
        root = str(told.get("rootCertificatePem") or "")
    except ssl.SSLCertVerificationError as error:
        raise click.ClickException(
            f"the certificate of {base} cannot be used: {error.verify_message};"
            " call the controller by a name that stands in its certificate"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise click.ClickException(unreachable(base, error)) from error
    except ValueError:
        root = ""
    finally:
        connection.close()
    if not root:
        raise click.ClickException(
            f"{base} does not tell its root certificate; is it a controller? else give it with --ca"
        )
    return root
