"""Bytes of images and artifacts that the controller keeps; marks of images; snapshots of apps.

`contents` says which object has which bytes.  The bytes themselves are files, found by their
digest (see `content_files`): several objects, also of several enterprises, may share one.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from eaves.controller.store.tables import Moment, metadata

_EMPTY = text("''")


def _text(name: str) -> "Column[str]":
    return Column(name, Text, nullable=False, server_default=_EMPTY)


contents = Table(
    "contents",
    metadata,
    Column("object_id", Text, ForeignKey("object_ids.id", ondelete="CASCADE"), nullable=False),
    _text("enterprise_id"),
    _text("upload"),  # names the partial file while bytes arrive; empty afterwards
    Column("total_bytes", BigInteger, nullable=False),
    Column("received_bytes", BigInteger, nullable=False),  # synced to the disk, from the first on
    _text("sha256"),  # empty until all are there
    Column("updated_at", Moment, nullable=False),
    PrimaryKeyConstraint("object_id"),
    Index(None, "sha256", "enterprise_id"),
    Index(None, "enterprise_id"),
)

latest_images = Table(  # the base OS image of an architecture that an enterprise calls its latest
    "latest_images",
    metadata,
    _text("enterprise_id"),
    _text("arch"),
    Column("image_id", Text, ForeignKey("object_ids.id", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("enterprise_id", "arch"),
    Index(None, "image_id"),
)

app_snapshots = Table(
    "app_snapshots",
    metadata,
    Column("id", Text, nullable=False),
    _text("enterprise_id"),
    Column("instance_id", Text, ForeignKey("object_ids.id", ondelete="CASCADE"), nullable=False),
    _text("name"),
    _text("config"),  # JSON
    Column("immediate", Boolean, nullable=False),
    Column("rollback", Integer, nullable=False, server_default=text("0")),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("deleted_at", Moment, nullable=True),
    PrimaryKeyConstraint("id"),
    Index(
        "uq_app_snapshots_name",
        "instance_id",
        "name",
        unique=True,
        sqlite_where=text("deleted_at IS NULL"),
        postgresql_where=text("deleted_at IS NULL"),
    ),
    Index(None, "instance_id"),
)
