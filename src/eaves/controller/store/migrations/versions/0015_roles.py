"""Roles.  Every enterprise gets the built-in ones; who was there before had every right, and keeps
them: the role of a system administrator.
"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

EMPTY = sa.text("''")
ADMIN = "SysAdmin"
PREFIX = "PermissionAccess"
ALL, READ, CARE = "CreateReadUpdateDeleteExecute", "Read", "ReadUpdateExecute"
BUILTIN = (  # name, title, description, what it may with nodes and apps, users, the enterprise
    (
        ADMIN,
        "System administrator",
        "Everything in the enterprise, its users too",
        ALL,
        ALL,
        "ReadUpdate",
    ),
    (
        "SysManager",
        "System manager",
        "Makes, changes and deletes nodes, apps and what they need",
        ALL,
        READ,
        READ,
    ),
    (
        "SysOperator",
        "System operator",
        "Changes and runs nodes and apps that are there",
        CARE,
        READ,
        READ,
    ),
    ("SysMonitor", "System monitor", "Sees everything, changes nothing", READ, READ, READ),
)
NODES = ("accessDevice", "accessEdgeApp", "accessAppInstance", "accessStorage")
ENTERPRISE = ("accessEnterprise", "accessEnterpriseIntegrationItems")


def _table(name: str, *columns: str) -> sa.TableClause:
    some: list[sa.ColumnClause[Any]] = [sa.column(column) for column in columns]
    return sa.table(name, *some)


object_ids = _table("object_ids", "id", "kind", "enterprise_id")
references = _table("object_references", "from_id", "to_id")
users = _table("users", "id", "enterprise_id", "body")
enterprises = _table("enterprises", "id")
roles = _table(
    "roles",
    *("id", "enterprise_id", "name", "title", "state", "revision", "revision_before"),
    *("created_at", "created_by", "updated_at", "updated_by", "body"),
)


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, server_default=EMPTY)


def _body(title: str, description: str, name: str, access: tuple[str, str, str]) -> str:
    nodes, people, enterprise = access
    scope = {
        **dict.fromkeys(NODES, PREFIX + nodes),
        "accessUser": PREFIX + people,
        **dict.fromkeys(ENTERPRISE, PREFIX + enterprise),
    }
    return json.dumps(
        {
            "name": name,
            "title": title,
            "description": description,
            "type": "USER_ROLE_SYSTEM_DEFINED",
            "state": "ROLE_STATE_ACTIVE",
            "scopes": [scope],
        }
    )


def _builtin(enterprise: str, now: int) -> Iterator[Mapping[str, object]]:
    for name, title, description, *access in BUILTIN:
        yield {
            "id": secrets.token_urlsafe(21),
            "enterprise_id": enterprise,
            "name": name,
            "title": title,
            "state": "ROLE_STATE_ACTIVE",
            "revision": 1,
            "revision_before": 0,
            "created_at": now,
            "created_by": "system",
            "updated_at": now,
            "updated_by": "system",
            "body": _body(title, description, name, (access[0], access[1], access[2])),
        }


def upgrade() -> None:
    op.create_table(
        "roles",
        sa.Column("id", sa.Text(), sa.ForeignKey("object_ids.id"), nullable=False),
        *(_text(name) for name in ("enterprise_id", "project_id", "name", "title")),
        *(_text(name) for name in ("device_id", "state")),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_before", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        _text("created_by"),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        _text("updated_by"),
        _text("body"),
        sa.PrimaryKeyConstraint("enterprise_id", "id"),
        sa.UniqueConstraint("enterprise_id", "name"),
    )
    op.create_index("ix_roles_id", "roles", ["id"])
    op.create_index("ix_roles_device_id", "roles", ["device_id"])
    connection, now = op.get_bind(), time.time_ns() // 1000
    admins: dict[str, object] = {}
    for enterprise in connection.execute(sa.select(enterprises.c.id)).scalars().all():
        rows = list(_builtin(enterprise, now))
        ids = [{"id": row["id"], "kind": "roles", "enterprise_id": enterprise} for row in rows]
        connection.execute(sa.insert(object_ids), ids)
        connection.execute(sa.insert(roles), rows)
        admins[enterprise] = next(row["id"] for row in rows if row["name"] == ADMIN)
    for user in connection.execute(sa.select(users)).all():
        body = json.loads(user.body)
        if user.enterprise_id not in admins:
            continue
        role = admins[user.enterprise_id]
        changed = json.dumps({**body, "roleId": role})
        connection.execute(sa.update(users).where(users.c.id == user.id).values(body=changed))
        connection.execute(sa.insert(references).values(from_id=user.id, to_id=role))


def downgrade() -> None:
    connection = op.get_bind()
    ours = sa.select(object_ids.c.id).where(object_ids.c.kind == "roles")
    for user in connection.execute(sa.select(users)).all():
        body = json.loads(user.body)
        if body.pop("roleId", None) is not None:
            changed = json.dumps(body)
            connection.execute(sa.update(users).where(users.c.id == user.id).values(body=changed))
    connection.execute(sa.delete(references).where(references.c.to_id.in_(ours)))
    op.drop_table("roles")
    connection.execute(sa.delete(object_ids).where(object_ids.c.kind == "roles"))
