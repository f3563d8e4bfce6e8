"""What the rules of an app kept away lately, for those who ask why."""

from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Final

from eaves.controller.domain.scope import Scope
from eaves.controller.domain.talkers import Asked, Sums, Told, denial_key
from eaves.controller.domain.why import Denied
from eaves.controller.northbound.periods import microseconds
from eaves.controller.store.flow_store import FlowQuery, read_flow_rows
from eaves.controller.store.unit import Db
from eaves.evapi.flow_records import DROP
from eaves.ids import DeviceId

LATELY: Final = timedelta(hours=1)
MOST_MESSAGES: Final = 2_000  # the newest of that hour
MOST_RULES: Final = 5


async def denied_lately(
    db: Db, scope: Scope, device_id: DeviceId, app_id: str, now: datetime
) -> tuple[Denied, ...]:
    """By rule, the one that denied most first."""
    asked = Asked(from_at=microseconds(now - LATELY), action=DROP)
    query = FlowQuery(
        device_id=device_id,
        app_id=app_id,
        from_at=asked.from_at,
        denied=True,
        most=MOST_MESSAGES,
    )
    sums = Sums(denial_key)
    async with aclosing(read_flow_rows(db, scope, query)) as rows:
        async for row in rows:
            for told in (Told(row.app_id, record, "") for record in row.flows):
                if asked.has(told):
                    sums.add(told)
    return by_rule(sums)


def by_rule(sums: Sums) -> tuple[Denied, ...]:
    """Pure.  Of each rule the remote side comes first that it denied most."""
    found: dict[int, Denied] = {}
    for (rule, name, remote, port), told in sums.largest(lambda one: one.flows):
        before = found.get(int(rule))
        found[int(rule)] = (
            Denied(int(rule), str(name), told.flows, str(remote), int(port))
            if before is None
            else Denied(
                before.rule,
                before.name,
                before.connections + told.flows,
                before.remote,
                before.port,
            )
        )
    return tuple(sorted(found.values(), key=lambda one: -one.connections)[:MOST_RULES])
