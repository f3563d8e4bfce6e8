"""What the controller writes into its log when something in it fails."""

import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from support.controller import Process, running
from support.rest import Json
from support.rest_objects import datastore

pytestmark = pytest.mark.system

PASSWORD = "a-known-password-of-admin"
SECRET = "s3cret-of-the-store"


def test_a_failure_is_logged_with_its_traceback_and_without_a_secret(tmp_path: Path) -> None:
    given = tmp_path / "password"
    given.write_text(PASSWORD)
    process = Process(tmp_path / "state", "--admin-password-file", str(given))
    with running(process):
        base = f"https://127.0.0.1:{process.rest_port}/api/v1"
        with closing(sqlite3.connect(process.state_dir / "eaves.db")) as database:
            database.executescript(
                "CREATE TRIGGER broken BEFORE INSERT ON secrets "
                "BEGIN SELECT RAISE(ABORT, 'broken by the test'); END;"
            )
        with httpx.Client(base_url=base, verify=process.tls(), timeout=30) as http:
            login = http.post("/login", json={"username": "admin", "password": PASSWORD})
            token = login.json()["token"]["base64"]
            http.headers["Authorization"] = f"Bearer {token}"
            body: Json = {**datastore(""), "projectAccessList": None}
            assert body["secret"]["apiPasswd"] == SECRET
            failed = http.post("/datastores", json=body)
            assert failed.status_code == 500
            http.post("/datastores", json=body | {"dsType": [SECRET]})
            http.post("/login", json={"username": ["admin"], "password": PASSWORD})
            http.headers["X-Request-Id"] = "after"
            assert http.get("/datastores").json()["totalCount"] == 0
        process.stop()
    log = process.log.read_text()
    assert "request_failed" in log
    assert "broken by the test" in log
    assert "Traceback" in log
    for secret in (SECRET, PASSWORD, token):
        assert secret not in log
        assert secret not in failed.text
    assert "[parameters:" not in log
