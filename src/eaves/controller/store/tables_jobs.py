"""Bulk jobs: one operation on many objects, what came of each, whoever dies meanwhile."""

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from eaves.controller.store.tables import Moment, metadata

_ZERO = text("0")


def _text(name: str) -> "Column[str]":
    return Column(name, Text, nullable=False, server_default=text("''"))


def _of_job() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["enterprise_id", "job_id"],
        ["bulk_jobs.enterprise_id", "bulk_jobs.id"],
        ondelete="CASCADE",
    )


bulk_jobs = Table(
    "bulk_jobs",
    metadata,
    _text("enterprise_id"),
    Column("id", Text, nullable=False),
    _text("name"),
    _text("title"),
    _text("description"),
    _text("object_type"),
    _text("operation"),
    _text("project_id"),  # of the selection
    _text("selection"),  # JSON
    Column("payload", LargeBinary, nullable=True),  # sealed: app instances come with secrets
    _text("user_id"),  # with whose rights it runs
    _text("user_name"),
    _text("status"),
    _text("detail"),  # why it failed
    Column("total", Integer, nullable=False, server_default=_ZERO),
    Column("done", Integer, nullable=False, server_default=_ZERO),  # well or not
    Column("failed", Integer, nullable=False, server_default=_ZERO),
    # its objects have their rows up to this id; NULL: it does not look for any
    Column("found_to", Text, nullable=True),
    Column("revision", Integer, nullable=False, server_default=text("1")),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    _text("updated_by"),
    Column("started_at", Moment, nullable=True),
    Column("finished_at", Moment, nullable=True),
    PrimaryKeyConstraint("enterprise_id", "id"),
    UniqueConstraint("enterprise_id", "name"),
    Index(None, "status", "created_at"),
)

bulk_job_objects = Table(  # a row changes with its object, in one transaction
    "bulk_job_objects",
    metadata,
    _text("enterprise_id"),
    Column("job_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    _text("object_id"),
    _text("object_name"),
    _text("project_id"),
    Column("part", Integer, nullable=False, server_default=_ZERO),  # of the payload
    _text("state"),
    _text("result"),
    _text("made_id"),  # what the operation made
    Column("done_at", Moment, nullable=True),
    PrimaryKeyConstraint("enterprise_id", "job_id", "number"),
    UniqueConstraint("enterprise_id", "job_id", "object_id"),
    _of_job(),
    Index(None, "enterprise_id", "job_id", "state", "number"),
)

bulk_job_projects = Table(  # of its objects: who may not see one of them does not see the job
    "bulk_job_projects",
    metadata,
    _text("enterprise_id"),
    Column("job_id", Text, nullable=False),
    _text("project_id"),
    PrimaryKeyConstraint("enterprise_id", "job_id", "project_id"),
    _of_job(),
)
