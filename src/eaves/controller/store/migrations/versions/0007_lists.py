"""Narrow rows that lists look through."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

EMPTY = sa.text("''")
WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
STATE = {
    "devices": "adminState",
    "netinsts": "kind",
    "volume_instances": "type",
    "app_instances": "appType",
}
WORDS = {
    "devices": (
        *("modelId", "serialno", "obkey", "deploymentTag", "description", "utype"),
        *("clusterID", "assetId", "location", "configLock"),
    ),
    "netinsts": ("type", "port", "networkPolicyId", "description", "clusterID"),
    "volume_instances": ("label", "image", "accessmode", "description", "contentTreeId"),
    "app_instances": ("appId", "deploymentType", "bundleversion", "description", "clusterID"),
}
NUMBERS = {
    "devices": ("cpu", "memory", "storage", "thread"),
    "netinsts": ("deviceDefault", "forwardLldp", "mtu"),
    "volume_instances": ("sizeBytes", "cleartext", "multiattach", "implicit"),
    "app_instances": ("activate", "remoteConsole", "startDelayInSeconds"),
}
COMMON = ("enterprise_id", "id", "project_id", "device_id", "name", "title")
AT_ONCE = 1000


def _word(name: str) -> "sa.Column[str]":
    return sa.Column(name, WORD, nullable=False, server_default=EMPTY)


def upgrade() -> None:
    for kind, state in STATE.items():
        table = op.create_table(
            f"listed_{kind}",
            _word("enterprise_id"),
            sa.Column("id", WORD, nullable=False),
            *(_word(name) for name in COMMON[2:]),
            _word(state),
            *(_word(name) for name in WORDS[kind]),
            *(
                sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0"))
                for name in NUMBERS[kind]
            ),
            _word("tags"),
            _word("created_by"),
            sa.Column("created_at", sa.BigInteger(), nullable=False),
            sa.Column("updated_at", sa.BigInteger(), nullable=False),
            *(_contact() if kind == "devices" else ()),
            sa.PrimaryKeyConstraint("enterprise_id", "id", name=f"pk_listed_{kind}"),
            sa.ForeignKeyConstraint(
                ["id"], ["object_ids.id"], name=f"fk_listed_{kind}_id", ondelete="CASCADE"
            ),
            sqlite_with_rowid=False,
        )
        name = f"ix_listed_{kind}_enterprise_id"
        op.create_index(f"{name}_name_id", f"listed_{kind}", ["enterprise_id", "name", "id"])
        columns = ["enterprise_id", "project_id", state]
        op.create_index(f"{name}_project_id_{state}", f"listed_{kind}", columns)
        op.create_index(f"ix_listed_{kind}_id", f"listed_{kind}", ["id"])
        for rows in _rows(kind, state):
            op.bulk_insert(table, rows)
    op.execute(
        sa.text(
            "UPDATE listed_devices SET last_seen_at = (SELECT s.last_seen_at FROM device_seen s "
            "WHERE s.device_id = listed_devices.id)"
        )
    )
    op.execute(  # until the device says more
        sa.text(
            "UPDATE listed_devices SET reported_state = 0 WHERE EXISTS (SELECT 1 FROM info_latest "
            "i WHERE i.device_id = listed_devices.id AND i.kind = 1 AND i.object_id = '')"
        )
    )


def _contact() -> tuple["sa.Column[Any]", ...]:
    return (
        sa.Column("last_seen_at", sa.BigInteger(), nullable=True),
        sa.Column("reported_state", sa.Integer(), nullable=True),
    )


def _rows(kind: str, state: str) -> Iterator[list[dict[str, Any]]]:
    columns = [*COMMON, "created_by", "created_at", "updated_at", "body"]
    typed: list[sa.ColumnClause[Any]] = [sa.column(name) for name in columns]
    query = sa.select(sa.table(kind, *typed))
    result = op.get_bind().execute(query.order_by(sa.column("id")))
    for some in result.partitions(AT_ONCE):
        yield [_row(kind, state, row._asdict()) for row in some]


def _row(kind: str, state: str, row: dict[str, Any]) -> dict[str, Any]:
    body: Mapping[str, Any] = json.loads(row.pop("body"))
    for name in (state, *WORDS[kind]):
        row[name] = str(body.get(name) or "")
    for name in NUMBERS[kind]:
        row[name] = int(body.get(name) or 0)
    row["tags"] = json.dumps(body.get("tags") or {}, separators=(",", ":"), sort_keys=True)
    return row


def downgrade() -> None:
    for kind in STATE:
        op.drop_table(f"listed_{kind}")
