"""What a stream is trusted with, and who we are to its servers."""

import base64
import binascii
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from eaves.controller.telemetry.stream.credentials import BadCredentials, signature, user_jwt
from eaves.controller.telemetry.stream.synced import ServerSays, server_says, unsynced


def varz(**jetstream: Any) -> dict[str, Any]:
    return {"server_name": "js1", "version": "2.11.0", "jetstream": jetstream}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (varz(config={"sync_always": True}), ""),
        (varz(config={"sync_interval": 120_000_000_000}), "js1 (2.11.0) acknowledges before"),
        (varz(config={"sync_always": False}), "js1 (2.11.0) acknowledges before"),
        (varz(), "JetStream is off there"),
        ({"error": "no"}, "no /varz"),
        ("text", "no /varz"),
    ],
)
def test_a_server_is_believed_when_it_says_that_it_syncs(document: object, says: str) -> None:
    found = unsynced([server_says("http://m", document)], ["js1"])
    assert says in found
    assert bool(says) == bool(found)


def test_each_server_of_a_stream_must_be_asked() -> None:
    said = [ServerSays("http://m", "js1", "2.11.0", sync_always=True)]
    assert unsynced(said, ["js1", "js2"]) == "js2 was not asked"
    assert "no monitoring port" in unsynced([], ["js1"])


def credentials_file(folder: Path, key: Ed25519PrivateKey, kind: int = 18 << 3) -> Path:
    raw = bytes([kind | 20 << 3 >> 5, (20 << 3 & 31) << 3]) + key.private_bytes_raw()
    checked = raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")
    seed = base64.b32encode(checked).decode().rstrip("=")
    path = folder / "user.creds"
    path.write_text(
        f"-----BEGIN NATS USER JWT-----\nhead.body.tail\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
    return path


def test_a_credentials_file_signs_what_the_server_sent(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    path = credentials_file(tmp_path, key)
    assert user_jwt(path) == b"head.body.tail"
    key.public_key().verify(base64.b64decode(signature(path, "nonce")), b"nonce")


def test_a_damaged_seed_is_refused_and_not_shown(tmp_path: Path) -> None:
    path = credentials_file(tmp_path, Ed25519PrivateKey.generate(), kind=0)
    with pytest.raises(BadCredentials, match="the seed is damaged") as told:
        signature(path, "nonce")
    assert path.read_text().split()[-5] not in str(told.value)
    with pytest.raises(BadCredentials, match="holds no NATS USER JWT"):
        user_jwt(Path("/dev/null"))
