"""Installer images that were asked for, one for each device."""

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, PrimaryKeyConstraint, Table, Text

from eaves.controller.store.tables import Moment, metadata

installer_images = Table(
    "installer_images",
    metadata,
    Column("enterprise_id", Text, nullable=False),
    Column("device_id", Text, ForeignKey("object_ids.id", ondelete="CASCADE"), nullable=False),
    Column("status", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("image_tag", Text, nullable=False),
    Column("image_type", Text, nullable=False),
    Column("install_disk", Text, nullable=False),
    Column("requested_at", Moment, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("link_digest", LargeBinary),  # SHA-256 of the token of its link; NULL: there is none
    Column("link_until", Moment),
    PrimaryKeyConstraint("enterprise_id", "device_id"),
    Index(None, "device_id"),
    Index(None, "link_digest"),
)
