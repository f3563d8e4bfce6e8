"""What a database cannot hold is refused to whoever sent it: no failure of the controller."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.rest import Rest, running_rest

DIGITS = "9" * 5000


@pytest.fixture
async def rest(tmp_path: Path, database_url: str) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path / "state", database_url) as running:
        yield running


async def test_what_cannot_be_stored_or_looked_for_is_refused(rest: Rest) -> None:
    await rest.add_user("alice")
    brand = {"name": "acme", "title": "Ac\0me", "originType": "ORIGIN_LOCAL"}
    async with rest.client(await rest.login("alice")) as http:
        made = await http.post("/v1/brands", json=brand)
        assert made.status_code in (200, 400), made.text
        for path, params in (
            ("/v1/brands/name/a%00b", {}),
            ("/v1/devices/id/%00", {}),
            ("/v1/devices", {"namePattern": "a\0b"}),
            ("/v1/devices", {"next.pageSize": DIGITS}),
            ("/v1/devices", {"adminState": DIGITS}),
            ("/v1/devices", {"next.pageToken": "W" * 4000}),
            ("/v1/events", {"next.pageToken": DIGITS}),
            ("/v1/events", {"startTime": "0001-01-01T00:00:00+23:59"}),
            ("/v1/events", {"startTime": "9999-12-31T23:59:59-23:59"}),
            (f"/v1/cloud/ping/id/{DIGITS}", {}),
        ):
            answer = await http.get(path, params=params)
            assert answer.status_code < 500, f"{path} {answer.text}"
        revision = {**brand, "title": "Acme", "name": "other", "revision": {"curr": DIGITS}}
        other = await http.post("/v1/brands", json={**revision, "revision": None})
        changed = await http.put(f"/v1/brands/id/{other.json()['objectId']}", json=revision)
        assert changed.status_code == 400, changed.text
