"""The configuration folder that a fresh node is given."""

from pathlib import Path

import pytest

from eaves.node.comms.folder import FolderIncomplete, FolderUnusable, read_folder

PEM = b"-----BEGIN CERTIFICATE-----\n"


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
