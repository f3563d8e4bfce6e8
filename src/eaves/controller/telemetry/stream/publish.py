"""Batches into a stream: acknowledged when the stream has them.

A batch is one message with an id of its own.  When no acknowledgement comes (a server died, a
leader is being elected) the same id is sent again, and the stream keeps it once.  A batch larger
than a message may be is cut in halves; each half is tried until it is acknowledged, and only then
is the whole batch.  Whoever gives up after that may find parts of the batch stored: the devices
send again, and a fold stores nothing twice.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

import nats.errors
from nats.aio.client import Client

from eaves.controller.telemetry.stream.layout import OVERHEAD_BYTES, Names, Topic
from eaves.errors import Rejected, Transient

R = TypeVar("R")

ATTEMPT_S: Final = 2.0
GIVE_UP_S: Final = 20.0  # an election takes up to ten
MESSAGE_BYTES: Final = 1024 * 1024  # a reader holds several; only a larger report exceeds it
_FULL: Final = frozenset({10077, 10047, 10023})  # bytes, storage, resources of the stream


class NotAcknowledged(Transient):
    """The stream took the message or not: nobody knows.  It may be sent again."""


class StreamFull(Transient):
    """A sink is behind by all that the stream may hold."""


class TooLarge(Rejected):
    """One report that is larger than a message of the stream."""


class Publisher(Generic[R]):
    """Of one topic.  Lives on the loop of its connection."""

    def __init__(
        self,
        client: Client,
        names: Names,
        topic: Topic,
        encode: Callable[[Sequence[R]], bytes],
        random: Callable[[int], bytes],
    ) -> None:
        self._client, self._encode, self._random = client, encode, random
        self._stream, self._subject = names.stream(topic), names.subject(topic)

    async def publish(self, batch: Sequence[R]) -> None:
        """Return once the stream holds all of the batch.

        Raises NotAcknowledged, StreamFull, TooLarge.
        """
        for payload in self._payloads(batch):
            await self._send(payload)

    def _payloads(self, batch: Sequence[R]) -> list[bytes]:
        payload = self._encode(batch)
        most = self._client.max_payload - OVERHEAD_BYTES
        if len(payload) <= min(most, MESSAGE_BYTES) or (len(batch) == 1 and len(payload) <= most):
            return [payload]
        if len(batch) == 1:
            raise TooLarge(
                f"a report of {len(payload)} bytes does not fit a stream message of {most}; "
                "raise max_payload of the NATS servers"
            )
        half = len(batch) // 2
        return self._payloads(batch[:half]) + self._payloads(batch[half:])

    async def _send(self, payload: bytes) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + GIVE_UP_S
        headers = {
            "Nats-Msg-Id": self._random(16).hex(),
            "Nats-Expected-Stream": self._stream,
        }
        why = "no answer"
        while loop.time() < end:
            pause = loop.time() + 0.25
            try:
                reply = await self._client.request(
                    self._subject, payload, timeout=ATTEMPT_S, headers=headers
                )
            except (TimeoutError, nats.errors.Error) as error:
                # no answer, no responder while there is no leader, or no connection at the moment
                why = str(error) or type(error).__name__
            else:
                refused = refusal_in(reply.data)
                if refused is None:
                    return
                code, why = refused
                if code in _FULL:
                    raise StreamFull(
                        f"the stream {self._stream} is full ({why}): a sink is far behind; "
                        "mend the sink, or raise EAVES_STREAM_BYTES"
                    )
            await asyncio.sleep(max(0.0, pause - loop.time()))
        raise NotAcknowledged(f"the stream {self._stream} did not acknowledge: {why}")


def refusal_in(answer: bytes) -> tuple[int, str] | None:
    """None for an acknowledgement; else the code and text of the refusal."""
    try:
        match json.loads(answer):
            case {"error": {"err_code": int(code), "description": str(text)}}:
                return code, text
            case {"error": {"description": str(text)}}:
                return 0, text
            case {"stream": str(), "seq": 0}:
                # the id was seen, but what came with it is not stored: on its way, or refused by
                # a stream that was full when the servers came to it
                return 0, "a message of this id is not stored yet"
            case {"stream": str(), "seq": int()}:
                return None
            case _:
                return 0, "an answer without a sequence number"
    except ValueError:
        return 0, "an answer that is no JSON"
