"""Places of devices and tags of ports, in the narrow rows."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TOLD = {"devices": ("place", "port_tags"), "netinsts": ("port_tags",)}
AT_ONCE = 1000


def upgrade() -> None:
    for kind, names in TOLD.items():
        for name in names:
            column = sa.Column(name, WORD, nullable=False, server_default=sa.text("''"))
            op.add_column(f"listed_{kind}", column)
        _fill(kind, names)


def _fill(kind: str, names: tuple[str, ...]) -> None:
    """Only rows that have something to tell are written."""
    bind = op.get_bind()
    bodies = sa.table(kind, sa.column("id"), sa.column("body"))
    narrow = sa.table(f"listed_{kind}", sa.column("id"), *map(sa.column, names))
    change = sa.update(narrow).where(narrow.c.id == sa.bindparam("of"))
    change = change.values({name: sa.bindparam(f"new_{name}") for name in names})
    after = ""
    while True:
        query = sa.select(bodies.c.id, bodies.c.body).where(bodies.c.id > after)
        rows = bind.execute(query.order_by(bodies.c.id).limit(AT_ONCE)).all()
        told = [(row.id, _told(kind, json.loads(row.body))) for row in rows]
        found = [
            {"of": id_, **{f"new_{name}": values[name] for name in names}}
            for id_, values in told
            if any(values.values())
        ]
        if found:
            bind.execute(change, found)
        if len(rows) < AT_ONCE:
            return
        after = rows[-1].id


def _told(kind: str, body: Mapping[str, Any]) -> dict[str, str]:
    if kind == "netinsts":
        return {"port_tags": _maps([body.get("portTags")])}
    virtual: list[Mapping[str, Any]] = [
        *(body.get("vlanAdapters") or ()),
        *(body.get("bondAdapter") or ()),
    ]
    every: list[Mapping[str, Any]] = [*(body.get("interfaces") or ())]
    every += [one["interface"] for one in virtual if one.get("interface")]
    ports = [one.get("tags") for one in every]
    at: Mapping[str, Any] = body.get("devLocation") or {}
    town = ", ".join(str(one) for one in (at.get("city"), at.get("country")) if one)
    place = at.get("loc") or at.get("latlong") or body.get("location") or town
    return {"place": str(place), "port_tags": _maps(ports)}


def _maps(found: Iterable[object]) -> str:
    texts = {json.dumps(one, separators=(",", ":"), sort_keys=True) for one in found if one}
    return f"[{','.join(sorted(texts))}]" if texts else ""


def downgrade() -> None:
    for kind, names in TOLD.items():
        for name in names:
            op.drop_column(f"listed_{kind}", name)
