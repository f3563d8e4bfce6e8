"""The commands beside `eaves controller` itself, as a person on the host runs them."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from support.controller import Process, running

pytestmark = pytest.mark.system

FIRST = "the first password"


def eaves(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "eaves", "controller", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_openapi_document_is_printed_and_leaves_nothing_behind(tmp_path: Path) -> None:
    state = tmp_path / "state"
    done = eaves("--state-dir", str(state), "openapi")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["openapi"].startswith("3.")
    assert {"/api/v1/login", "/api/v1/devices", "/api/v1/apps/instances"} <= set(document["paths"])
    assert not state.exists()
    out = tmp_path / "openapi.json"
    assert eaves("--state-dir", str(state), "openapi", "--out", str(out)).stdout == ""
    nowhere = eaves("--state-dir", str(state), "openapi", "--out", str(tmp_path / "none" / "it"))
    assert nowhere.stderr.startswith(f"Error: {tmp_path}/none/it cannot be written")
    assert json.loads(out.read_text()) == document


def login(process: Process, password: str) -> httpx.Response:
    body = {"username": "admin", "password": password}
    url = f"https://127.0.0.1:{process.rest_port}/api/v1/login"
    return httpx.post(url, json=body, verify=process.tls(), timeout=30)


def test_a_reset_admin_gets_in_with_the_new_password_only(tmp_path: Path) -> None:
    """Beside a running controller: sessions end, the new password must be changed at once."""
    given = tmp_path / "password"
    given.write_text(FIRST)
    process = Process(tmp_path / "state", "--admin-password-file", str(given))
    with running(process):
        session = login(process, FIRST).json()["token"]["base64"]
        done = eaves("--state-dir", str(process.state_dir), "reset-admin")
        assert done.returncode == 0, done.stderr
        password = done.stdout.split("password ")[1].split(" ")[0]
        assert login(process, FIRST).status_code == 401
        answer = login(process, password)
        assert answer.status_code == 200
        me = {"Authorization": f"Bearer {session}"}
        url = f"https://127.0.0.1:{process.rest_port}/api/v1/sessions/self"
        assert httpx.get(url, headers=me, verify=process.tls()).status_code == 401
        url = f"https://127.0.0.1:{process.rest_port}/api/v1/devices"
        fresh = {"Authorization": f"Bearer {answer.json()['tempToken']['base64']}"}
        assert httpx.get(url, headers=fresh, verify=process.tls()).status_code == 403
        given.write_text("from a file")
        more = ("--admin-password-file", str(given))
        done = eaves("--state-dir", str(process.state_dir), *more, "reset-admin")
        assert "from a file" not in done.stdout
        assert login(process, "from a file").status_code == 200


def test_a_restored_backup_is_told_before_the_start(tmp_path: Path) -> None:
    empty = eaves("--state-dir", str(tmp_path), "restored")
    assert empty.returncode == 1
    assert "copy the backup there first" in empty.stderr
    process = Process(tmp_path / "state")
    with running(process):
        pass
    done = eaves("--state-dir", str(process.state_dir), "restored")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("every device gets its configuration anew")
    with running(process):
        pass


@pytest.mark.parametrize("url", ["", "postgresql://me:hush@127.0.0.1:1/none"])
def test_a_database_that_is_not_there_is_told_in_a_sentence(tmp_path: Path, url: str) -> None:
    more = ("--database", url) if url else ()
    done = eaves("--state-dir", str(tmp_path / "none"), *more, "reset-admin")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: database ")
    assert "check that it is there" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hush" not in done.stderr


def test_a_folder_that_cannot_be_used_is_told_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    done = eaves("--state-dir", str(file / "state"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {file}/state: ")
    assert "--state-dir" in done.stderr
    assert "Traceback" not in done.stderr
