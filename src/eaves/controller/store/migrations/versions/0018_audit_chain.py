"""The audit log is a chain: rows have numbers and digests, and a head says where it ends.

Rows that are there already are chained as they stand; they get no seals, which need a key.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import structlog
from alembic import op

log = structlog.get_logger()

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

AT_ONCE = 1000
TOLD_EVERY = 100_000
SAID = {  # members of a line, and the columns that they come from
    "projectId": "project_id",
    "userId": "user_id",
    "user": "user_name",
    "client": "client",
    "requestId": "request_id",
    "verb": "verb",
    "result": "result",
    "objectKind": "object_kind",
    "objectId": "object_id",
    "objectName": "object_name",
}
audit = sa.table(
    "audit",
    sa.column("row", sa.BigInteger),
    sa.column("at", sa.BigInteger),
    sa.column("enterprise_id", sa.Text),
    *(sa.column(name, sa.Text) for name in (*SAID.values(), "changes")),
    sa.column("number", sa.BigInteger),
    sa.column("digest", sa.LargeBinary),
)
heads = sa.table(
    "audit_heads",
    sa.column("enterprise_id", sa.Text),
    *(sa.column(name, sa.BigInteger) for name in ("number", "sealed_from", "archived_number")),
    *(sa.column(name, sa.LargeBinary) for name in ("digest", "archived_digest", "seal")),
)


def _changes(text: str) -> object:
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return text


def _digest(before: bytes, number: int, row: "sa.Row[tuple[object, ...]]") -> bytes:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row.at)
    line = {
        "number": number,
        "at": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "enterpriseId": row.enterprise_id,
        "changes": _changes(row.changes),
        **{member: getattr(row, column) for member, column in SAID.items()},
    }
    said = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(before + said.encode()).digest()


def upgrade() -> None:
    empty = sa.text("''")
    op.add_column(
        "audit", sa.Column("number", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
    for name in ("digest", "seal"):
        op.add_column(
            "audit", sa.Column(name, sa.LargeBinary(), nullable=False, server_default=empty)
        )
    op.create_table(
        "audit_heads",
        sa.Column("enterprise_id", sa.Text(), nullable=False),
        *(
            sa.Column(name, kind(), nullable=False)
            for name, kind in (
                ("number", sa.BigInteger),
                ("digest", sa.LargeBinary),
                ("sealed_from", sa.BigInteger),
                ("archived_number", sa.BigInteger),
                ("archived_digest", sa.LargeBinary),
                ("seal", sa.LargeBinary),
            )
        ),
        sa.PrimaryKeyConstraint("enterprise_id"),
    )
    connection = op.get_bind()
    found = connection.execute(sa.select(audit.c.enterprise_id).distinct())
    for enterprise_id in sorted(found.scalars().all()):
        _chain(connection, enterprise_id)
    op.drop_index("ix_audit_enterprise_id_row", "audit")
    op.create_index("uq_audit_number", "audit", ["enterprise_id", "number"], unique=True)
    op.create_index("ix_audit_object", "audit", ["enterprise_id", "object_id", "number"])


def _chain(connection: sa.Connection, enterprise_id: str) -> None:
    start = hashlib.sha256(f"eaves audit log 1 of {enterprise_id}".encode()).digest()
    digest, number, last = start, 0, 0
    query = sa.select(audit).where(audit.c.enterprise_id == enterprise_id).order_by(audit.c.row)
    change = (
        sa.update(audit)
        .where(audit.c.enterprise_id == enterprise_id, audit.c.row == sa.bindparam("place"))
        .values(number=sa.bindparam("to_number"), digest=sa.bindparam("to_digest"))
    )
    while rows := connection.execute(query.where(audit.c.row > last).limit(AT_ONCE)).all():
        changes: list[dict[str, object]] = []
        for row in rows:
            number, last = number + 1, row.row
            digest = _digest(digest, number, row)
            changes.append({"place": last, "to_number": number, "to_digest": digest})
        connection.execute(change, changes)  # together: each by itself is a way to the server
        if number % TOLD_EVERY == 0:
            log.info("audit_rows_chained", enterprise_id=enterprise_id, rows=number)
    connection.execute(
        sa.insert(heads).values(
            enterprise_id=enterprise_id,
            number=number,
            digest=digest,
            sealed_from=number + 1,
            archived_number=0,
            archived_digest=start,
            seal=b"",
        )
    )


def downgrade() -> None:
    op.drop_index("ix_audit_object", "audit")
    op.drop_index("uq_audit_number", "audit")
    op.create_index("ix_audit_enterprise_id_row", "audit", ["enterprise_id", "row"])
    op.drop_table("audit_heads")
    for name in ("seal", "digest", "number"):
        op.drop_column("audit", name)
