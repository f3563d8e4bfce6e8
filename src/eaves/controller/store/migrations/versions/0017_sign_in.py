"""Authorization profiles, sign-in through a provider, second factors, guesses for all processes."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

EMPTY = sa.text("''")

object_ids = sa.table("object_ids", sa.column("id"), sa.column("kind"))
references = sa.table("object_references", sa.column("from_id"))
secrets = sa.table("secrets", sa.column("object_id"))


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, server_default=EMPTY)


def _of(name: str) -> "sa.Column[str]":
    there = sa.ForeignKey("object_ids.id", ondelete="CASCADE")
    return sa.Column(name, sa.Text(), there, nullable=False)


def _moment(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "auth_profiles",
        sa.Column("id", sa.Text(), sa.ForeignKey("object_ids.id"), nullable=False),
        *(_text(name) for name in ("enterprise_id", "project_id", "name", "title")),
        *(_text(name) for name in ("device_id", "state")),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_before", sa.Integer(), nullable=False),
        _moment("created_at"),
        _text("created_by"),
        _moment("updated_at"),
        _text("updated_by"),
        _text("body"),
        sa.PrimaryKeyConstraint("enterprise_id", "id"),
        sa.UniqueConstraint("enterprise_id", "name"),
    )
    op.create_index("ix_auth_profiles_id", "auth_profiles", ["id"])
    op.create_index("ix_auth_profiles_device_id", "auth_profiles", ["device_id"])
    op.create_table(
        "used_states",
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        _moment("expires_at"),
        sa.PrimaryKeyConstraint("state_hash"),
    )
    op.create_index("ix_used_states_expires_at", "used_states", ["expires_at"])
    op.create_table(
        "identities",
        _of("profile_id"),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        _of("user_id"),
        sa.PrimaryKeyConstraint("profile_id", "issuer", "subject"),
    )
    op.create_index("ix_identities_user_id", "identities", ["user_id"])
    op.create_table(
        "second_factors",
        _of("user_id"),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        _moment("made_at"),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "recovery_codes",
        _of("user_id"),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "code_hash"),
    )
    op.create_table(
        "guesses",
        _of("user_id"),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        _moment("last_at"),
        sa.Column("minute_failures", sa.Integer(), nullable=False),
        _moment("minute_at"),
        sa.PrimaryKeyConstraint("user_id", "address"),
    )
    op.create_index("ix_guesses_last_at", "guesses", ["last_at"])
    op.create_table(
        "earlier_passwords",
        _of("user_id"),
        _moment("changed_at"),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "changed_at"),
    )


def downgrade() -> None:
    connection = op.get_bind()
    for name in (
        *("earlier_passwords", "guesses", "recovery_codes", "second_factors"),
        *("identities", "used_states"),
    ):
        op.drop_table(name)
    ours = sa.select(object_ids.c.id).where(object_ids.c.kind == "auth_profiles")
    connection.execute(sa.delete(references).where(references.c.from_id.in_(ours)))
    connection.execute(sa.delete(secrets).where(secrets.c.object_id.in_(ours)))
    op.drop_table("auth_profiles")
    connection.execute(sa.delete(object_ids).where(object_ids.c.kind == "auth_profiles"))
