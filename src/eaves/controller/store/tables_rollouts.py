"""Staged roll-outs and how each of their objects stands."""

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
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


rollouts = Table(
    "rollouts",
    metadata,
    _text("enterprise_id"),
    Column("id", Text, nullable=False),
    _text("name"),
    _text("project_id"),  # of the selection
    _text("operation"),
    _text("spec"),  # JSON: what was asked for
    _text("user_id"),  # with whose rights it goes on
    _text("user_name"),
    _text("undo_user_id"),  # with whose rights it is undone
    _text("undo_user_name"),
    _text("phase"),
    _text("reasons"),  # JSON: why it stands where it stands
    Column("wave", Integer, nullable=False, server_default=_ZERO),
    Column("accepted", Integer, nullable=False, server_default=_ZERO),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=True),
    PrimaryKeyConstraint("enterprise_id", "id"),
    UniqueConstraint("enterprise_id", "name"),
    Index(None, "phase", "created_at"),
    Index(None, "ended_at"),
)

rollout_objects = Table(  # a row changes with its object, in one transaction
    "rollout_objects",
    metadata,
    _text("enterprise_id"),
    Column("rollout_id", Text, nullable=False),
    _text("object_id"),
    _text("object_name"),
    _text("project_id"),
    _text("device_id"),
    Column("wave", Integer, nullable=False),
    _text("grp"),  # the budget counts by it
    _text("zone"),  # of its device; empty: that of the window
    _text("standing"),
    _text("result"),
    _text("wanted"),  # the version that it is to report
    _text("was"),  # JSON: the members that were changed, as they were
    _text("made"),  # JSON: the same members as they were after it, and what its device told before
    Column("started_at", Moment, nullable=True),
    Column("settled_at", Moment, nullable=True),
    PrimaryKeyConstraint("enterprise_id", "rollout_id", "object_id"),
    ForeignKeyConstraint(
        ["enterprise_id", "rollout_id"],
        ["rollouts.enterprise_id", "rollouts.id"],
        ondelete="CASCADE",
    ),
    Index(
        "ix_rollout_objects_waiting",
        *("enterprise_id", "rollout_id", "standing", "wave", "grp", "zone", "object_id"),
    ),
)
