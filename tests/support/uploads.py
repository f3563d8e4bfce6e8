"""Images whose bytes the controller keeps: made, and sent in pieces."""

import hashlib
import os

import httpx
from support.rest import Caller

from eaves.controller.store.content_files import ContentFolder

IMAGES = "/v1/apps/images"
DATA = os.urandom(100_000)
DIGEST = hashlib.sha256(DATA).hexdigest()


async def own_store(caller: Caller, name: str = "own") -> str:
    return await caller.create(
        "/v1/datastores",
        {"name": name, "title": "Own", "dsType": "DATASTORE_TYPE_FILE_STORAGE"},
    )


async def add_image(caller: Caller, store: str, name: str = "disk", **more: object) -> str:
    return await caller.create(
        IMAGES,
        {
            "name": name,
            "title": "Disk",
            "datastoreId": store,
            "imageType": "IMAGE_TYPE_APPLICATION",
            "imageFormat": "QCOW2",
            "imageArch": "AMD64",
            **more,
        },
    )


async def send(
    caller: Caller, path: str, start: int, end: int, data: bytes = DATA, total: int = 0
) -> httpx.Response:
    return await caller.http.put(
        path,
        content=data[start:end],
        headers={
            "Content-Range": f"bytes {start}-{end - 1}/{total or len(data)}",
            "Content-Type": "application/octet-stream",
        },
    )


async def ask(caller: Caller, path: str, total: int = len(DATA)) -> httpx.Response:
    return await caller.http.put(path, headers={"Content-Range": f"bytes */{total}"})


def partials(folder: ContentFolder) -> list[str]:
    return sorted(one.name for one in (folder.folder / "partial").glob("*"))
