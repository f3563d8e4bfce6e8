"""Does every server have a message on its disk before it says so?

Three copies outlive the loss of one server, but a power cut that takes all of them takes what they
had not synced.  A server since 2.10 with `sync_interval: always` syncs first, and tells so in its
`/varz`; a client connection shows no setting, so the monitoring ports are asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eaves.controller.sink_settings import ACCEPTED
from eaves.errors import Rejected

HOW = (
    "set `jetstream { sync_interval: always }` (nats-server 2.10 and later) and "
    "EAVES_STREAM_MONITOR_URL to the monitoring port of each server, or accept the risk with "
    f"EAVES_STREAM_UNSYNCED={ACCEPTED}"
)


class Unsynced(Rejected):
    """Telemetry would be acknowledged before a disk has it."""


@dataclass(frozen=True, slots=True)
class ServerSays:
    """What one monitoring port answered."""

    url: str
    name: str = ""
    version: str = ""
    sync_always: bool = False
    error: str = ""  # why it did not answer

    def complaint(self) -> str:
        if self.error:
            return f"{self.url} does not answer ({self.error})"
        if not self.sync_always:
            return f"{self.name} ({self.version}) acknowledges before its disk has the message"
        return ""


def unsynced(said: Sequence[ServerSays], peers: Sequence[str]) -> str:
    """What stands against trusting the stream; empty when nothing does.

    `peers`: the names of the servers that hold the stream.
    """
    if not said:
        return "no monitoring port is known, so whether the servers sync is unknown"
    complaints = [text for text in (server.complaint() for server in said) if text]
    known = {server.name for server in said}
    complaints += [f"{peer} was not asked" for peer in peers if peer not in known]
    return "; ".join(complaints)


def require_synced(said: Sequence[ServerSays], peers: Sequence[str]) -> None:
    """Raises Unsynced, with what to do."""
    complaint = unsynced(said, peers)
    if complaint:
        raise Unsynced(f"EAVES_STREAM_URL: {complaint}; {HOW}")


def server_says(url: str, varz: object) -> ServerSays:
    """Read the document of `/varz`."""
    match varz:
        case {
            "server_name": str(name),
            "version": str(version),
            "jetstream": {"config": {"sync_always": True}},
        }:
            return ServerSays(url, name, version, sync_always=True)
        case {
            "server_name": str(name),
            "version": str(version),
            "jetstream": {"config": object()},
        }:
            return ServerSays(url, name, version)
        case {"server_name": str(name), "version": str(version)}:
            return ServerSays(url, name, version, error="JetStream is off there")
        case _:
            return ServerSays(url, error="the answer is no /varz of a NATS server")
