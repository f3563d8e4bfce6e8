"""Flow records: a message of an app's interface is a row; who talked most is summed up from rows.

What a device sends is written by the writer thread (`add_flows`); requests read (`read_flows`), for
an app or a network instance of a device that the caller found within its scope.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text

from eaves.controller.domain.scope import Scope
from eaves.controller.store.sync import execute_rows
from eaves.controller.store.unit import Db
from eaves.evapi.flow_records import DROP, FlowFold, FlowRecord, NameRecord
from eaves.ids import DeviceId

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROWS_AT_ONCE: Final = 64
_FOREVER: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class FlowQuery:
    """Messages that may hold flows between two moments, microseconds since 1970, both included."""

    device_id: DeviceId
    app_id: str | None = None  # None: of all apps of the device
    netinst_id: str = ""  # empty: of all network instances
    from_at: int = 0
    until_at: int = _FOREVER
    denied: bool = False  # only messages that tell of denied flows
    most: int = 20_000  # messages, the newest; `Reading` tells when there are more


@dataclass(slots=True)
class Reading:
    """How far a reading of flows got."""

    cut_at: int | None = None  # microseconds since 1970: what ended until then is left out


@dataclass(frozen=True, slots=True)
class FlowRow:
    """One message of an app's interface; times are microseconds since 1970."""

    id: int
    app_id: str
    netinst_id: str
    interface: str
    first_at: int
    last_at: int
    flows: "Sequence[FlowRecord]"
    names: "Sequence[NameRecord]"


_INSERT: Final = (
    "INSERT INTO flow_chunks (enterprise_id, device_id, app_id, netinst_id, interface, "
    "received_at, first_at, last_at, records, denied, size, flows, names)"
)


def add_flows(
    connection: Connection, enterprise_id: str, device_id: str, fold: FlowFold, received_at: int
) -> None:
    """Store what a message tells; its times are those of the device where it told them."""
    from eaves.controller.store.flow_chunks import write_flows, write_names  # noqa: PLC0415 - at need

    if not fold.flows and not fold.names:
        return
    flows, names = write_flows(fold.flows), write_names(fold.names)
    ends = [flow.ended_at or flow.started_at for flow in fold.flows]
    ends += [name.at for name in fold.names]
    known = [at for at in ends if at] or [received_at]
    starts = [flow.started_at for flow in fold.flows if flow.started_at]
    execute_rows(
        connection,
        _INSERT,
        [
            (
                enterprise_id,
                device_id,
                fold.app_id,
                fold.netinst_id,
                fold.interface,
                received_at,
                min(known + starts),
                max(known),
                len(fold.flows),
                sum(flow.action == DROP for flow in fold.flows),
                len(flows) + len(names),
                flows,
                names,
            )
        ],
    )


async def read_flow_rows(
    db: Db, scope: Scope, query: FlowQuery, reading: Reading | None = None
) -> AsyncGenerator[FlowRow]:
    """Newest first.  A message may also tell of flows outside the asked time.

    Where the query allows no more messages than there are, `reading` is told.
    """
    from eaves.controller.store.flow_chunks import read_flows, read_names  # noqa: PLC0415 - at need

    last, last_id, left = _FOREVER, _FOREVER, query.most
    while True:
        at_once = min(_ROWS_AT_ONCE, left + 1)  # one more tells that something is left out
        found = await db.execute(
            text(_statement(query)),
            {
                "enterprise": scope.enterprise,
                "device": query.device_id,
                "app": query.app_id,
                "netinst": query.netinst_id,
                "from_at": query.from_at,
                "until_at": query.until_at,
                "last": last,
                "last_id": last_id,
                "most": at_once,
            },
        )
        rows = found.mappings().all()
        for row in rows[:left]:
            yield FlowRow(
                row["id"],
                row["app_id"],
                row["netinst_id"],
                row["interface"],
                row["first_at"],
                row["last_at"],
                read_flows(row["flows"]),
                read_names(row["names"]),
            )
        if len(rows) > left and reading is not None:
            reading.cut_at = rows[left]["last_at"]
        if len(rows) < at_once or len(rows) > left:
            return
        left -= at_once
        last, last_id = rows[-1]["last_at"], rows[-1]["id"]


def _statement(query: FlowQuery) -> str:
    conditions = [
        "enterprise_id = :enterprise AND device_id = :device",
        "last_at >= :from_at AND first_at <= :until_at",
        "(last_at < :last OR (last_at = :last AND id < :last_id))",
    ]
    if query.app_id is not None:
        conditions.append("app_id = :app")
    if query.netinst_id:
        conditions.append("netinst_id = :netinst")
    if query.denied:
        conditions.append("denied > 0")
    return (
        "SELECT id, app_id, netinst_id, interface, first_at, last_at, flows, names "  # noqa: S608 - constants
        f"FROM flow_chunks WHERE {' AND '.join(conditions)} "
        "ORDER BY last_at DESC, id DESC LIMIT :most"
    )
