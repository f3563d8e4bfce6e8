"""What a controller shows of what a ledger holds: nothing missing, nothing double."""

import asyncio
import time
from collections import Counter
from typing import Any, Self

import httpx
from sqlalchemy import Connection, select
from support.controller import Process
from support.ledger import ADMIN_PASSWORD, NOISE, Entry, Ledger, Sent, fault
from support.telemetry import stored_samples

from eaves.controller.store import reports
from eaves.controller.store.series_store import SECOND
from eaves.controller.store.tables import device_bindings
from eaves.controller.store.unit import open_engine, snapshot
from eaves.evapi.info import decode_z_info_msg

PAGE = "500"
FAULT = "APP_INSTANCE_ERROR"
REGISTERED = "EDGE_NODE_REGISTERED"
WITHIN_S = 60.0


class Reader:
    """The admin's view of one process: through REST, and by what REST reads of the database."""

    def __init__(self, process: Process, ledger: Ledger, password: str = ADMIN_PASSWORD) -> None:
        self._password = password
        self._engine = open_engine(ledger.settings.database)
        self._http = httpx.AsyncClient(
            base_url=f"https://localhost:{process.rest_port}/api", verify=process.tls(), timeout=30
        )

    async def __aenter__(self) -> Self:
        answer = await self._http.post(
            "/v1/login", json={"usernameAtRealm": "admin", "password": self._password}
        )
        assert answer.status_code == 200, answer.text
        self._http.headers["Authorization"] = f"Bearer {answer.json()['token']['base64']}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
        await self._engine.dispose()

    async def numbers(self, entry: Entry, sent: Sent) -> list[int]:
        """All that is shown of a kind, in no order."""
        device_id = entry.device.device_id
        match sent:
            case Sent.LINE:
                found = await self._all(f"/v1/eaves/devices/id/{device_id}/logs")
                texts = [item["content"] for item in found if item["content"] != NOISE]
                return [int(text.removeprefix(entry.line(0)[:-1])) for text in texts]
            case Sent.STATE:
                found = await self._all("/v1/events", eventType=FAULT)
                mine = [item for item in found if item["device"] == _name(entry)]
                told = [item["description"].rpartition(": ")[2] for item in mine]
                numbers = [int(text.split(" ")[1]) for text in told]
                assert [fault(number) for number in numbers] == told
                return numbers
            case Sent.SAMPLE:
                return await self._samples(entry)
            case Sent.FLOW:
                found = await self._pages(f"/v1/eaves/devices/id/{device_id}/flows")
                return [int(item["txBytes"]) for item in found]

    async def latest(self, entry: Entry) -> int:
        """The number of the newest word about the app of a device; -1 when there is none."""
        async with snapshot(self._engine) as db:
            found = await reports.list_info(db, [entry.device.device_id])
        told = [decode_z_info_msg(info.message).ainfo for info in found]
        texts = [app.app_err[0].description for app in told if app is not None]
        assert len(texts) <= 1, texts
        return int(texts[0].split(" ")[1]) if texts else -1

    async def registered(self) -> Counter[str]:
        """How often the journal tells of the registration of each device, by its name."""
        return Counter(
            [item["device"] for item in await self._all("/v1/events", eventType=REGISTERED)]
        )

    async def bound(self) -> Counter[bytes]:
        """How often each device certificate is known, by its hash."""
        async with snapshot(self._engine) as db:
            rows = await db.execute(select(device_bindings.c.certificate_hash))
            return Counter(bytes(row.certificate_hash) for row in rows)

    async def _samples(self, entry: Entry) -> list[int]:
        async with snapshot(self._engine) as db:
            return await db.run_sync(_samples, entry)

    async def _all(self, path: str, **words: str) -> list[dict[str, Any]]:
        """All pages that are told by a token."""
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            params = {"startTime": "2000-01-01T00:00:00Z", "next.pageSize": PAGE, **words}
            if token:
                params["next.pageToken"] = token
            page = await self._get(path, params)
            found += page["list"]
            token = page["next"].get("pageToken") or ""
            if not token:
                return found

    async def _pages(self, path: str) -> list[dict[str, Any]]:
        """All pages that are told by a number."""
        found: list[dict[str, Any]] = []
        for number in range(1, 1000):
            params = {"startTime": "2000-01-01T00:00:00Z", "next.pageSize": PAGE}
            page = await self._get(path, params | {"next.pageNum": str(number)})
            found += page["list"]
            if page["next"]["totalPages"] <= number:
                break
        return found

    async def _get(self, path: str, params: dict[str, str]) -> dict[str, Any]:
        answer = await self._http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document


def _name(entry: Entry) -> str:
    return f"device {entry.device.serial}"


def _samples(connection: Connection, entry: Entry) -> list[int]:
    start, found = int(entry.clock.timestamp()), stored_samples(connection, entry.device.device_id)
    late = [number for time, number in found if time // SECOND != start + number]
    assert not late, f"{entry.device.serial}: samples {late[:9]} are of another time"
    return [number for _, number in found]


async def require_all(reader: Reader, ledger: Ledger, within_s: float = WITHIN_S) -> None:
    """Every acknowledged number is shown once, and nothing else but what was in flight."""
    end = time.monotonic() + within_s
    for entry in ledger.entries:
        for sent in Sent:
            await _require_numbers(reader, entry, sent, end)
        count = entry.counts[Sent.STATE]
        latest = await reader.latest(entry)
        assert latest in {count - 1, count}, f"{entry.app}: {latest} after {count}"
    if ledger.applicants:
        await _require_registrations(reader, ledger, end)


async def _require_numbers(reader: Reader, entry: Entry, sent: Sent, end: float) -> None:
    wanted = set(range(entry.counts[sent]))
    shown = await reader.numbers(entry, sent)
    while not wanted <= set(shown) and time.monotonic() < end:
        await asyncio.sleep(0.1)
        shown = await reader.numbers(entry, sent)
    who = f"{entry.device.serial}, {sent}, {len(wanted)} acknowledged"
    missing = sorted(wanted - set(shown))
    assert not missing, f"{who}: {len(missing)} missing, such as {missing[:9]}"
    doubled = sorted(number for number, count in Counter(shown).items() if count > 1)
    assert not doubled, f"{who}: {len(doubled)} doubled, such as {doubled[:9]}"
    unknown = set(shown) - wanted - {len(wanted)}
    assert not unknown, f"{who}: more than the one in flight: {unknown}"


async def _require_registrations(reader: Reader, ledger: Ledger, end: float) -> None:
    """Each registered device is bound once, and the journal tells of it once."""
    devices = [applicant.device for applicant in ledger.applicants if applicant.acknowledged]
    devices += [entry.device for entry in ledger.entries]
    wanted = {f"device {device.serial}" for device in devices}
    told = await reader.registered()
    while not wanted <= told.keys() and time.monotonic() < end:
        await asyncio.sleep(0.1)
        told = await reader.registered()
    assert wanted <= told.keys(), f"not in the journal: {sorted(wanted - told.keys())[:9]}"
    assert len(told.keys() - wanted) <= 1, f"more than the one in flight: {told.keys() - wanted}"
    assert set(told.values()) == {1}, [name for name, count in told.items() if count > 1]
    bound = await reader.bound()
    assert {device.certificate_hash for device in devices} <= bound.keys()
    assert set(bound.values()) == {1}
