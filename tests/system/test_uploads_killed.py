"""An upload to a controller process that is killed in the middle of a piece."""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from support.controller import Process, running

pytestmark = pytest.mark.system

PASSWORD = "correct horse battery"
MIB = 1 << 20
DATA = os.urandom(MIB) * 24
PATH = "/v1/apps/images/name/disk/upload/chunked"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    with running(Process(tmp_path / "state", "--admin-password-file", str(password))) as started:
        yield started


def logged_in(process: Process) -> httpx.Client:
    client = httpx.Client(
        base_url=f"https://localhost:{process.rest_port}/api", verify=process.tls(), timeout=60
    )
    answer = client.post("/v1/login", json={"usernameAtRealm": "admin", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    client.headers["Authorization"] = f"Bearer {answer.json()['token']['base64']}"
    return client


def send(client: httpx.Client, start: int, end: int) -> httpx.Response:
    place = {"Content-Range": f"bytes {start}-{end - 1}/{len(DATA)}"}
    return client.put(PATH, content=DATA[start:end], headers=place)


def received(client: httpx.Client) -> int:
    asked = client.put(PATH, headers={"Content-Range": f"bytes */{len(DATA)}"})
    assert asked.status_code in (200, 202), asked.text
    said = asked.headers.get("Range", "")
    return int(said.rpartition("-")[2]) + 1 if said else 0


def test_an_upload_goes_on_where_the_kill_left_it(process: Process) -> None:
    with closing(logged_in(process)) as client:
        store = client.post(
            "/v1/datastores",
            json={"name": "own", "title": "Own", "dsType": "DATASTORE_TYPE_FILE_STORAGE"},
        )
        image = {
            "name": "disk",
            "title": "Disk",
            "datastoreId": store.json()["objectId"],
            "imageType": "IMAGE_TYPE_APPLICATION",
            "imageFormat": "RAW",
            "imageArch": "AMD64",
            "imageSha256": hashlib.sha256(DATA).hexdigest(),
        }
        assert client.post("/v1/apps/images", json=image).status_code == 200
        first = 8 * MIB
        assert send(client, 0, first).status_code == 202
        begun = threading.Event()

        def slowly() -> Iterator[bytes]:
            yield DATA[first : first + 2 * MIB]
            begun.set()
            yield DATA[first + 2 * MIB : first + 4 * MIB]
            process.kill()  # bytes are on their way, and on the disk
            yield DATA[first + 4 * MIB :]

        with pytest.raises(httpx.HTTPError):
            client.put(
                PATH,
                content=slowly(),
                headers={
                    "Content-Range": f"bytes {first}-{len(DATA) - 1}/{len(DATA)}",
                    "Content-Length": str(len(DATA) - first),
                },
            )
        assert begun.is_set()
    process.start()
    with closing(logged_in(process)) as client:
        assert received(client) == first
        half = len(DATA) // 2
        assert send(client, first, half).status_code == 202
    process.kill()
    process.start()
    with closing(logged_in(process)) as client:
        assert received(client) == half
        assert send(client, half, len(DATA)).status_code == 200
        told = client.get("/v1/apps/images/name/disk").json()
        assert told["imageStatus"] == "IMAGE_STATUS_READY"
        kept = process.state_dir / "content/sha256"
        (whole,) = (path for path in kept.rglob("*") if path.is_file())
        assert whole.read_bytes() == DATA
        assert not list((process.state_dir / "content/partial").iterdir())
