"""A switch that lets in who proves itself by EAP-TLS: hostapd on the far end of a cable."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.hostapd import hostapd

from eaves.node.enrolment.messages import Signer


def certificate_pem(of: Signer) -> bytes:
    return of.certificate.public_bytes(Encoding.PEM)


def key_pem(of: Signer) -> bytes:
    return of.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@contextmanager
def authenticator(
    netns: str, ifname: str, folder: Path, authority: Signer, server: Signer
) -> Generator[None]:
    """Knows `authority`, and shows the certificate of `server`; it passes frames all the same."""
    folder.mkdir()
    for name, content in (
        ("ca.pem", certificate_pem(authority)),
        ("server.pem", certificate_pem(server)),
        ("key.pem", key_pem(server)),
        ("users", b'"device-1" TLS\n'),
    ):
        (folder / name).write_bytes(content)
    told = {
        "interface": ifname,
        "driver": "wired",
        "ieee8021x": 1,
        "use_pae_group_addr": 1,
        "eap_server": 1,
        "eap_user_file": folder / "users",
        "ca_cert": folder / "ca.pem",
        "server_cert": folder / "server.pem",
        "private_key": folder / "key.pem",
    }
    with hostapd(netns, folder, told):
        yield
