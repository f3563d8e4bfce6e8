"""The demonstration's datastore, over real HTTP."""

import hashlib
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from eaves.cli.demo.datastore import MANIFEST_TYPE, Span, datastore, span

CONTENT = bytes(range(256)) * 40


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Store:
    port: int
    folder: Path

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "disk.qcow2").write_bytes(CONTENT)
    (tmp_path / "secret").write_text("not to be served")
    with datastore(tmp_path, "127.0.0.1") as port:
        yield Store(port, tmp_path)


def image(folder: Path) -> tuple[str, str]:
    """An OCI layout with one manifest under the tag v1; (digest of the manifest, of its layer)."""
    layout = folder / "oci" / "samples" / "hello"
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layer, manifest = b"a layer", json.dumps({"schemaVersion": 2}).encode()
    for blob in (layer, manifest):
        (blobs / hashlib.sha256(blob).hexdigest()).write_bytes(blob)
    digests = tuple(f"sha256:{hashlib.sha256(blob).hexdigest()}" for blob in (manifest, layer))
    entry = {
        "mediaType": MANIFEST_TYPE,
        "digest": digests[0],
        "annotations": {"org.opencontainers.image.ref.name": "v1"},
    }
    (layout / "index.json").write_text(json.dumps({"manifests": [entry]}))
    return digests[0], digests[1]


def test_a_file_comes_whole(store: Store) -> None:
    answer = store.ask("/files/disk.qcow2")
    assert (answer.status, answer.body) == (200, CONTENT)
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_a_cut_download_goes_on_where_it_ended(store: Store) -> None:
    first = store.ask("/files/disk.qcow2", Range="bytes=0-999")
    etag = first.headers["ETag"]
    rest = store.ask("/files/disk.qcow2", **{"Range": "bytes=1000-", "If-Range": etag})
    assert (first.status, rest.status) == (206, 206)
    assert rest.headers["Content-Range"] == f"bytes 1000-{len(CONTENT) - 1}/{len(CONTENT)}"
    assert first.body + rest.body == CONTENT


def test_a_changed_file_is_sent_from_its_start(store: Store) -> None:
    answer = store.ask("/files/disk.qcow2", **{"Range": "bytes=1000-", "If-Range": '"other"'})
    assert (answer.status, answer.body) == (200, CONTENT)


def test_a_range_beyond_the_end_is_refused(store: Store) -> None:
    answer = store.ask("/files/disk.qcow2", Range=f"bytes={len(CONTENT)}-")
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


def test_head_tells_the_size_without_the_body(store: Store) -> None:
    answer = store.ask("/files/disk.qcow2", "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(CONTENT))


def test_an_image_is_found_by_tag_and_by_digest(store: Store) -> None:
    manifest, layer = image(store.folder)
    by_tag = store.ask("/v2/samples/hello/manifests/v1")
    by_digest = store.ask(f"/v2/samples/hello/manifests/{manifest}")
    assert by_tag.body == by_digest.body
    assert by_tag.headers["Docker-Content-Digest"] == manifest
    assert by_tag.headers["Content-Type"] == MANIFEST_TYPE
    assert store.ask(f"/v2/samples/hello/blobs/{layer}").body == b"a layer"
    assert store.ask("/v2/").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/files/../secret",
        "/files/%2e%2e/secret",
        "/files//etc/passwd",
        "/files/",
        "/secret",
        "/v2/../files/manifests/v1",
        "/v2/samples/hello/manifests/v2",
        "/v2/samples/hello/blobs/sha256:../../../secret",
    ],
)
def test_nothing_else_is_served(store: Store, path: str) -> None:
    image(store.folder)
    assert store.ask(path).status == 404


def test_nothing_can_be_written(store: Store) -> None:
    for method in ("PUT", "POST", "DELETE", "PATCH"):
        assert store.ask("/files/disk.qcow2", method).status == 501
    assert (store.folder / "files" / "disk.qcow2").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (None, Span(0, 9, whole=True)),
        ("bytes=0-", Span(0, 9, whole=False)),
        ("bytes=3-5", Span(3, 5, whole=False)),
        ("bytes=3-99", Span(3, 9, whole=False)),
        ("bytes=-4", Span(6, 9, whole=False)),
        ("bytes=-99", Span(0, 9, whole=False)),
        ("bytes=-0", None),
        ("bytes=10-", None),
        ("bytes=5-3", Span(0, 9, whole=True)),
        ("bytes=0-1,3-4", Span(0, 9, whole=True)),
        ("lines=1-2", Span(0, 9, whole=True)),
    ],
)
def test_ranges_of_ten_bytes(asked: str | None, wanted: Span | None) -> None:
    assert span(asked, 10) == wanted
