"""What a machine that hosts containers tells of them.  nestedappinstancemetrics/*.proto.

Both forms of the messages are understood, the bare one and that in JSON.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from google.protobuf.json_format import Parse, ParseError

from eaves.evapi.codec import Codec
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.pb.nestedappinstancemetrics import (
    nestedappinstanceinventory_pb2,
    nestedappinstancemetrics_pb2,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedAppStatus:
    app_id: str = ""
    app_name: str = ""
    disable_logs: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedAppInventory:
    apps: tuple[NestedAppStatus, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedAppMetrics:
    """Of an app inside, or, among `child_container_metrics`, of one of its containers."""

    id: str = ""
    status: str = ""
    pids: int = 0
    uptime: int = 0  # nanoseconds of the moment when it started, counted from 1970-01-01
    cpu_total: int = 0  # nanoseconds
    system_cpu_total: int = 0
    used_mem: int = 0  # MB
    allocated_mem: int = 0  # MB
    tx_bytes: int = 0
    rx_bytes: int = 0
    read_bytes: int = 0
    write_bytes: int = 0
    child_container_metrics: tuple["NestedAppMetrics", ...] = ()
    rest: bytes = field(default=b"", repr=False)


NESTED_APP_INVENTORY = Codec(NestedAppInventory, nestedappinstanceinventory_pb2.NestedAppInventory)
NESTED_APP_METRICS = Codec(NestedAppMetrics, nestedappinstancemetrics_pb2.NestedAppMetrics)


def read_inventory(data: bytes, *, json: bool) -> NestedAppInventory:
    """Raises MalformedMessage."""
    made = nestedappinstanceinventory_pb2.NestedAppInventory
    return NESTED_APP_INVENTORY.decode(_bare(data, made) if json else data)


def read_metrics(data: bytes, *, json: bool) -> NestedAppMetrics:
    """Raises MalformedMessage."""
    made = nestedappinstancemetrics_pb2.NestedAppMetrics
    return NESTED_APP_METRICS.decode(_bare(data, made) if json else data)


def _bare(data: bytes, message: Callable[[], Any]) -> bytes:
    try:
        found: bytes = Parse(data, message(), ignore_unknown_fields=True).SerializeToString()
    except (ParseError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessage("what an app tells of apps inside it", str(error)[:200]) from error
    return found
