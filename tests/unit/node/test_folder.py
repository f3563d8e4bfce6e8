"""The configuration folder that a fresh node is given."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from eaves.evapi.device_certs import Chance, device_certificate
from eaves.evapi.register import device_certificate_of, registration
from eaves.node.comms.folder import (
    ConfigFolder,
    FolderIncomplete,
    FolderUnusable,
    read_folder,
    serials,
)

PEM = b"-----BEGIN CERTIFICATE-----\n"
KEY = ec.generate_private_key(ec.SECP256R1())


def test_a_folder_needs_a_server_and_a_root(tmp_path: Path) -> None:
    with pytest.raises(FolderIncomplete, match="server is missing"):
        read_folder(tmp_path)
    (tmp_path / "server").write_text("controller.example.org\n")
    with pytest.raises(FolderIncomplete, match=r"root-certificate\.pem is missing"):
        read_folder(tmp_path)
    (tmp_path / "root-certificate.pem").write_bytes(b"no certificate")
    with pytest.raises(FolderUnusable, match="holds no PEM certificate"):
        read_folder(tmp_path)
    (tmp_path / "root-certificate.pem").write_bytes(PEM)
    assert read_folder(tmp_path).server.startswith("https://controller.example.org")


def test_an_onboarding_certificate_without_its_key_is_none(tmp_path: Path) -> None:
    (tmp_path / "server").write_text("controller.example.org")
    (tmp_path / "root-certificate.pem").write_bytes(PEM)
    (tmp_path / "onboard.cert.pem").write_bytes(PEM)
    (tmp_path / "soft_serial").write_text(" SN 1 \n")
    found = read_folder(tmp_path)
    assert found.onboard_cert is None
    assert found.soft_serial == "SN 1"


@pytest.mark.parametrize(
    ("soft", "told"),
    [
        ("", ("of the board", "")),
        ("soft-1_A", ("of the board", "soft-1_A")),
        ("VMware-56 4d 0e", ("VMware-56 4d 0e", "")),
        ("a.b", ("a.b", "")),
    ],
)
def test_a_machine_registers_with_its_own_serial_and_the_soft_one(
    soft: str, told: tuple[str, str]
) -> None:
    """EVE API v2, section 6.1: another controller may know either."""
    folder = ConfigFolder("https://there", PEM, None, None, soft)
    serial, soft_serial = serials(folder, "of the board")
    assert (serial, soft_serial) == told
    device_pem = device_certificate(KEY, Chance(datetime(2026, 1, 1, tzinfo=UTC), bytes))
    message = registration(device_pem, serial, soft_serial)
    assert device_certificate_of(message) == device_pem  # no constraint of the API is broken
