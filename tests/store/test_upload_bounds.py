"""What bounds uploads, on both databases: by enterprise, in all, and by the disk."""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.rest import Caller, Rest, running_rest
from support.uploads import DATA, DIGEST, IMAGES, add_image, ask, own_store, partials, send

from eaves.controller.northbound import uploads
from eaves.controller.store.content_files import ContentFolder

EVERYTHING = 1 << 59  # more than any disk has
MIB = 1 << 20
BOUNDARY = '--b\r\nContent-Disposition: form-data; name="imageFile"\r\n\r\n'


@pytest.fixture
async def rest(tmp_path: Path, database_url: str) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path / "state", database_url) as running:
        yield running


@pytest.fixture
async def alice(rest: Rest) -> AsyncIterator[Caller]:
    await rest.add_user("alice")
    async with rest.client(await rest.login("alice")) as http:
        yield Caller(http)


@pytest.fixture
def folder(tmp_path: Path) -> ContentFolder:
    return ContentFolder(tmp_path / "state" / "content")


def bounded(rest: Rest, **bounds: int) -> None:
    """Another bound for the requests from now on, as a controller with other settings has it."""
    context = rest.app.state.context
    content = replace(context.settings.content, **bounds)
    object.__setattr__(context, "settings", replace(context.settings, content=content))


def chunked(name: str) -> str:
    return f"{IMAGES}/name/{name}/upload/chunked"


async def test_bounds_hold_however_many_begin_at_once(
    rest: Rest, alice: Caller, folder: ContentFolder
) -> None:
    store = await own_store(alice)
    names = [f"disk-{number}" for number in range(6)]
    for name in names:
        await add_image(alice, store, name)
    bounded(rest, enterprise_bytes=100_000)
    begun = await asyncio.gather(
        *(send(alice, chunked(name), 0, 10, total=60_000) for name in names)
    )
    assert Counter(one.status_code for one in begun) == {202: 1, 413: 5}

    bounded(rest, enterprise_bytes=EVERYTHING)
    await add_image(alice, store, "same")
    totals = range(1000, 1005)
    same = await asyncio.gather(
        *(send(alice, chunked("same"), 0, 10, total=total) for total in totals)
    )
    assert {one.status_code for one in same} <= {202, 409}, [one.text for one in same]
    assert len(partials(folder)) >= 2
    assert (await ask(alice, chunked("same"))).status_code == 202


async def test_what_others_were_promised_is_not_promised_again(
    rest: Rest, alice: Caller, folder: ContentFolder
) -> None:
    store = await own_store(alice)
    first = await add_image(alice, store, "first")
    await add_image(alice, store, "second")
    every = dict.fromkeys(("file_bytes", "enterprise_bytes", "all_bytes"), EVERYTHING)
    bounded(rest, **every, spare_bytes=MIB)
    most = shutil.disk_usage(folder.folder.parent).free * 6 // 10
    assert (await send(alice, chunked("first"), 0, 10, total=most)).status_code == 202
    refused = await send(alice, chunked("second"), 0, 10, total=most)
    assert refused.status_code == 413
    assert "other uploads" in refused.text
    again = await send(alice, chunked("first"), 0, 20, total=most)  # instead of what it had
    assert again.status_code == 202
    await alice.delete(f"{IMAGES}/id/{first}")
    assert (await send(alice, chunked("second"), 0, 10, total=most)).status_code == 202


async def test_a_disk_that_filled_up_stops_a_piece_and_keeps_those_before(
    rest: Rest, alice: Caller, folder: ContentFolder
) -> None:
    await add_image(alice, await own_store(alice))
    assert (await send(alice, chunked("disk"), 0, 40_000)).status_code == 202
    (upload,) = partials(folder)
    bounded(rest, spare_bytes=EVERYTHING)
    full = await send(alice, chunked("disk"), 40_000, len(DATA))
    assert full.status_code == 413
    assert "stay free" in full.text
    assert folder.size_of(upload) == 40_000
    assert (await ask(alice, chunked("disk"))).headers["Range"] == "bytes=0-39999"
    bounded(rest, spare_bytes=MIB)
    assert (await send(alice, chunked("disk"), 40_000, len(DATA))).status_code == 200
    assert folder.has(DIGEST)


async def test_a_form_of_unknown_length_takes_the_room_that_it_needs(
    rest: Rest, alice: Caller, folder: ContentFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await own_store(alice)
    for name in ("disk", "large"):
        await add_image(alice, store, name)
    monkeypatch.setattr(uploads, "GROWS_BY", 30_000)
    bounded(rest, spare_bytes=MIB, enterprise_bytes=len(DATA) + 30_000)

    async def form(name: str, size: int) -> int:
        async def body() -> AsyncIterator[bytes]:
            yield BOUNDARY.encode()
            for at in range(0, size, 10_000):
                yield DATA[at % len(DATA) :][:10_000]
            yield b"\r\n--b--\r\n"

        answer = await alice.http.put(
            f"{IMAGES}/name/{name}/upload/file",
            content=body(),
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
        return answer.status_code

    assert await form("large", 2 * len(DATA)) == 413
    assert partials(folder) == []
    assert (await alice.get(f"{IMAGES}/name/large"))["imageStatus"] == "IMAGE_STATUS_FAILED"
    assert await form("disk", len(DATA)) == 200
    assert folder.has(DIGEST)
