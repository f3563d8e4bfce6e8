"""A client of the stream of events: connects, reads messages, remembers where it was."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

STREAM = "/v1/ext/stream"
DEADLINE_S = 60.0


@dataclass
class Message:
    name: str
    data: dict[str, Any]


@dataclass
class Listening:
    """One open stream; `place` is what a browser keeps as the last event id."""

    lines: AsyncIterator[str]
    place: str = ""
    heard: list[Message] = field(default_factory=list[Message])
    heartbeats: int = 0

    async def next(self) -> Message | None:
        """None at the end of the stream."""
        name, data = "", ""
        async for line in self.lines:
            if not line and data:
                message = Message(name, json.loads(data))
                self.heard.append(message)
                return message
            member, _, value = line.partition(": ")
            match member:
                case "id":
                    self.place = value
                case "event":
                    name = value
                case "data":
                    data = value
                case "":
                    self.heartbeats += bool(value)
                case _:
                    raise AssertionError(line)
        return None

    async def until(self, name: str, **members: str) -> Message:
        """The next message of this name with these members."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                message = await self.next()
                assert message is not None, f"the stream ended before {name} {members}"
                if message.name == name and members.items() <= message.data.items():
                    return message

    async def until_end(self) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while await self.next() is not None:
                pass


@asynccontextmanager
async def listening(http: httpx.AsyncClient, last: str = "") -> AsyncGenerator[Listening]:
    """`last`: where an earlier stream was."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
    async with http.stream("GET", STREAM, headers=headers) as answer:
        assert answer.status_code == 200, (await answer.aread()).decode()
        assert answer.headers["content-type"].startswith("text/event-stream")
        opened = Listening(answer.aiter_lines())
        await opened.until("hello")
        yield opened
