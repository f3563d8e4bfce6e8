"""Changes that touch many devices: what is still to be rendered, whoever dies meanwhile."""

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from eaves.controller.store.tables import Moment, metadata


def _text(name: str) -> "Column[str]":
    return Column(name, Text, nullable=False, server_default=text("''"))


render_jobs = Table(
    "render_jobs",
    metadata,
    _text("enterprise_id"),
    Column("id", Text, nullable=False),
    _text("object_kind"),  # of the object that was changed
    _text("object_id"),
    _text("object_name"),
    _text("user_name"),
    Column("created_at", Moment, nullable=False),
    Column("total", Integer, nullable=False),  # devices
    Column("finished_at", Moment, nullable=True),
    # its devices have their rows up to this id; NULL: all of them
    Column("found_to", Text, nullable=True),
    PrimaryKeyConstraint("enterprise_id", "id"),
    Index(None, "finished_at", "created_at"),
)

render_job_devices = Table(  # a row goes with the rendered configuration, in one transaction
    "render_job_devices",
    metadata,
    _text("enterprise_id"),
    Column("job_id", Text, nullable=False),
    Column("device_id", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),  # that failed
    Column("due_at", Moment, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("enterprise_id", "job_id", "device_id"),
    ForeignKeyConstraint(
        ["enterprise_id", "job_id"],
        ["render_jobs.enterprise_id", "render_jobs.id"],
        ondelete="CASCADE",
    ),
    Index(None, "device_id"),
    Index(  # progress is asked for again and again while thousands wait
        "ix_render_job_devices_failed",
        *("enterprise_id", "job_id"),
        sqlite_where=text("attempts > 0"),
        postgresql_where=text("attempts > 0"),
    ),
)
