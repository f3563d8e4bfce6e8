"""When devices were last heard of, on PostgreSQL: a statement for very many of one enterprise.

Each statement takes its rows in the order of their ids, and enterprises come in their order too, so
that two processes that heard of the same devices never wait for each other crosswise.
"""

from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from typing import Final

from sqlalchemy import ARRAY, Text, bindparam, text

from eaves.controller.store.owners import enterprises_of
from eaves.controller.store.tables import Moment
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId

_AT_ONCE: Final = 1000  # rows in one statement
_PARAMETERS: Final = (
    bindparam("enterprise", type_=Text),
    bindparam("ids", type_=ARRAY(Text)),
    bindparam("moments", type_=ARRAY(Moment)),
)
_SEEN: Final = text(
    "INSERT INTO device_seen (enterprise_id, device_id, last_seen_at) "
    "SELECT :enterprise, told.id, told.at FROM unnest(:ids, :moments) AS told (id, at) "
    "ORDER BY told.id "
    "ON CONFLICT (enterprise_id, device_id) DO UPDATE SET last_seen_at = excluded.last_seen_at "
    "WHERE device_seen.last_seen_at < excluded.last_seen_at"
).bindparams(*_PARAMETERS)
_LISTED: Final = text(
    "UPDATE listed_devices AS listed SET last_seen_at = news.at FROM ("
    "SELECT d.id, told.at FROM unnest(:ids, :moments) AS told (id, at) "
    "JOIN listed_devices AS d ON d.enterprise_id = :enterprise AND d.id = told.id "
    "WHERE d.last_seen_at IS NULL OR d.last_seen_at < told.at "
    "ORDER BY d.id FOR NO KEY UPDATE OF d) AS news "
    "WHERE listed.enterprise_id = :enterprise AND listed.id = news.id"
).bindparams(*_PARAMETERS)


async def put_contacts(db: Db, seen: Mapping[DeviceId, datetime]) -> None:
    """In `device_seen` and in the narrow rows; a later moment stays."""
    owners = await enterprises_of(db, seen)
    told = sorted((owners[one], one, at) for one, at in seen.items() if one in owners)
    for enterprise_id, rows in groupby(told, lambda row: row[0]):
        of_one = [(device_id, at) for _, device_id, at in rows]
        for start in range(0, len(of_one), _AT_ONCE):
            ids, moments = zip(*of_one[start : start + _AT_ONCE], strict=True)
            values = {"enterprise": enterprise_id, "ids": list(ids), "moments": list(moments)}
            for statement in (_SEEN, _LISTED):
                await db.execute(statement, values)
