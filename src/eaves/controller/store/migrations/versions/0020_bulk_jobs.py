"""Bulk jobs: one operation on many objects."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

EMPTY = sa.text("''")
ZERO = sa.text("0")


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, server_default=EMPTY)


def _number(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer(), nullable=False, server_default=ZERO)


def _of_job(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["enterprise_id", "job_id"],
        ["bulk_jobs.enterprise_id", "bulk_jobs.id"],
        name=f"fk_{table}_enterprise_id_job_id_bulk_jobs",
        ondelete="CASCADE",
    )


def upgrade() -> None:
    op.create_table(
        "bulk_jobs",
        _text("enterprise_id"),
        sa.Column("id", sa.Text(), nullable=False),
        *(_text(name) for name in ("name", "title", "description", "object_type", "operation")),
        _text("project_id"),
        _text("selection"),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        *(_text(name) for name in ("user_id", "user_name", "status", "detail")),
        *(_number(name) for name in ("total", "done", "failed")),
        sa.Column("found_to", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False, server_default=sa.text("1")),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        _text("updated_by"),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("enterprise_id", "id", name="pk_bulk_jobs"),
        sa.UniqueConstraint("enterprise_id", "name", name="uq_bulk_jobs_enterprise_id_name"),
    )
    op.create_index("ix_bulk_jobs_status_created_at", "bulk_jobs", ["status", "created_at"])
    op.create_table(
        "bulk_job_objects",
        _text("enterprise_id"),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *(_text(name) for name in ("object_id", "object_name", "project_id")),
        _number("part"),
        *(_text(name) for name in ("state", "result", "made_id")),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("enterprise_id", "job_id", "number", name="pk_bulk_job_objects"),
        sa.UniqueConstraint(
            *("enterprise_id", "job_id", "object_id"),
            name="uq_bulk_job_objects_enterprise_id_job_id_object_id",
        ),
        _of_job("bulk_job_objects"),
    )
    op.create_index(
        "ix_bulk_job_objects_enterprise_id_job_id_state_number",
        "bulk_job_objects",
        ["enterprise_id", "job_id", "state", "number"],
    )
    op.create_table(
        "bulk_job_projects",
        _text("enterprise_id"),
        sa.Column("job_id", sa.Text(), nullable=False),
        _text("project_id"),
        sa.PrimaryKeyConstraint(
            "enterprise_id", "job_id", "project_id", name="pk_bulk_job_projects"
        ),
        _of_job("bulk_job_projects"),
    )


def downgrade() -> None:
    """Jobs that are not done yet are forgotten; what they did stays."""
    for table in ("bulk_job_projects", "bulk_job_objects", "bulk_jobs"):
        op.drop_table(table)
