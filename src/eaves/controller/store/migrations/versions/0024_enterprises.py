"""A tree of enterprises, realms, entitlements; the first enterprise stands above all others.

Its administrator, the user admin, may make enterprises below it: it gets a role for that.
"""

import json
import secrets
import time
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

EMPTY = sa.text("''")
ADMIN, OLD, ROOT = "admin", "SysAdmin", "SysRoot"
EVERY = "PermissionAccessCreateReadUpdateDeleteExecute"
AREAS = (
    *("accessDevice", "accessEdgeApp", "accessAppInstance", "accessStorage", "accessUser"),
    *("accessEnterprise", "accessEnterpriseIntegrationItems"),
)
BODY = {
    "name": ROOT,
    "title": "Platform root",
    "description": "Everything, and the enterprises below",
    "type": "USER_ROLE_SYSTEM_DEFINED",
    "state": "ROLE_STATE_ACTIVE",
    "scopes": [dict.fromkeys(AREAS, EVERY)],
}


def _table(name: str, *columns: str) -> sa.TableClause:
    some: list[sa.ColumnClause[Any]] = [sa.column(column) for column in columns]
    return sa.table(name, *some)


object_ids = _table("object_ids", "id", "kind", "enterprise_id")
references = _table("object_references", "from_id", "to_id")
users = _table("users", "id", "enterprise_id", "name", "body")
roles = _table(
    "roles",
    *("id", "enterprise_id", "name", "title", "state", "revision", "revision_before"),
    *("created_at", "created_by", "updated_at", "updated_by", "body"),
)


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, server_default=EMPTY)


def upgrade() -> None:
    op.create_table(
        "realms",
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
    op.create_index("ix_realms_id", "realms", ["id"])
    op.create_index("ix_realms_device_id", "realms", ["device_id"])
    op.create_table(
        "enterprise_tree",
        sa.Column("above_id", sa.Text(), nullable=False),
        sa.Column("below_id", sa.Text(), nullable=False),
        sa.Column("distance", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("above_id", "below_id"),
    )
    op.create_index("ix_enterprise_tree_below_id", "enterprise_tree", ["below_id"])
    op.create_table(
        "entitlements",
        sa.Column("enterprise_id", sa.Text(), nullable=False),
        _text("body"),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise_id"),
    )
    _raise_admin()


def _raise_admin() -> None:
    connection, now = op.get_bind(), time.time_ns() // 1000
    admin = connection.execute(sa.select(users).where(users.c.name == ADMIN)).one_or_none()
    if admin is None:
        return
    role_id = secrets.token_urlsafe(21)
    ids = {"id": role_id, "kind": "roles", "enterprise_id": admin.enterprise_id}
    connection.execute(sa.insert(object_ids).values(ids))
    connection.execute(
        sa.insert(roles).values(
            id=role_id,
            enterprise_id=admin.enterprise_id,
            name=ROOT,
            title=BODY["title"],
            state=BODY["state"],
            revision=1,
            revision_before=0,
            created_at=now,
            created_by="system",
            updated_at=now,
            updated_by="system",
            body=json.dumps(BODY),
        )
    )
    _give(admin, OLD, role_id)


def _give(user: "sa.Row[Any]", instead_of: str, role_id: str) -> None:
    """Another role to a user that has this one."""
    connection = op.get_bind()
    body = json.loads(user.body)
    mine = roles.c.enterprise_id == user.enterprise_id
    before = connection.execute(
        sa.select(roles.c.id).where(mine, roles.c.name == instead_of)
    ).scalar_one_or_none()
    if before is None or body.get("roleId") != before:
        return
    changed = json.dumps({**body, "roleId": role_id})
    connection.execute(sa.update(users).where(users.c.id == user.id).values(body=changed))
    connection.execute(
        sa.update(references)
        .where(references.c.from_id == user.id, references.c.to_id == before)
        .values(to_id=role_id)
    )


def downgrade() -> None:
    connection = op.get_bind()
    for root in connection.execute(sa.select(roles).where(roles.c.name == ROOT)).all():
        mine = roles.c.enterprise_id == root.enterprise_id
        admin_role = connection.execute(
            sa.select(roles.c.id).where(mine, roles.c.name == OLD)
        ).scalar_one()
        of_it = users.c.enterprise_id == root.enterprise_id
        for user in connection.execute(sa.select(users).where(of_it)).all():
            _give(user, ROOT, admin_role)
        connection.execute(sa.delete(roles).where(roles.c.id == root.id))
        connection.execute(sa.delete(object_ids).where(object_ids.c.id == root.id))
    for name in ("entitlements", "enterprise_tree", "realms"):
        op.drop_table(name)
    ours = sa.select(object_ids.c.id).where(object_ids.c.kind == "realms")
    connection.execute(sa.delete(references).where(references.c.from_id.in_(ours)))
    connection.execute(sa.delete(object_ids).where(object_ids.c.kind == "realms"))
