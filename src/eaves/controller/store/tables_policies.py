"""What policies made on devices, and which devices are still to be looked at."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from eaves.controller.store.tables import Moment, metadata


def _text(name: str) -> "Column[str]":
    return Column(name, Text, nullable=False, server_default=text("''"))


app_profile_versions = Table(
    "app_profile_versions",
    metadata,
    _text("enterprise_id"),
    Column("profile_id", Text, ForeignKey("object_ids.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    _text("body"),  # as an app profile
    PrimaryKeyConstraint("enterprise_id", "profile_id", "version"),
)

policy_objects = Table(  # network instances, volumes, app instances that a policy owns
    "policy_objects",
    metadata,
    _text("enterprise_id"),
    Column("object_id", Text, ForeignKey("object_ids.id", ondelete="CASCADE"), nullable=False),
    _text("device_id"),
    _text("source_id"),  # of the project, deployment or profile deployment
    _text("entry"),  # which part of it: one object of each on one device
    _text("kind"),
    _text("template"),  # digest of what the policy said when the object was made or changed
    PrimaryKeyConstraint("enterprise_id", "object_id"),
    UniqueConstraint("enterprise_id", "device_id", "entry"),
    Index(None, "object_id"),
    Index(None, "device_id"),
    Index(None, "enterprise_id", "source_id"),
)

policy_wanted = Table(  # devices to be looked at; with faults: looked at, and again when due
    "policy_wanted",
    metadata,
    _text("enterprise_id"),
    Column("device_id", Text, nullable=False),
    _text("project_id"),  # of the device when it was noted
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", Moment, nullable=False, server_default=text("0")),
    _text("faults"),  # JSON list of {source, entry, kind, name, reasons}
    PrimaryKeyConstraint("enterprise_id", "device_id"),
    Index(None, "due_at"),
    Index("ix_policy_wanted_enterprise_id_project_id", "enterprise_id", "project_id"),
)

policy_sweeps = Table(  # projects whose devices are still to be noted in `policy_wanted`
    "policy_sweeps",
    metadata,
    _text("enterprise_id"),
    _text("project_id"),
    _text("request"),  # differs with every wish
    _text("found_to"),  # devices up to this id are noted
    PrimaryKeyConstraint("enterprise_id", "project_id"),
)
