"""What was told of images beside the contract: their signatures, and whose signatures count."""

from sqlalchemy import Column, ForeignKey, Index, PrimaryKeyConstraint, Table, Text, text

from eaves.controller.store.tables import metadata

image_trust = Table(
    "image_trust",
    metadata,
    Column("enterprise_id", Text, nullable=False),
    # an image (its signatures), or a project or enterprise (its policy)
    Column("object_id", Text, ForeignKey("object_ids.id", ondelete="CASCADE"), nullable=False),
    Column("body", Text, nullable=False, server_default=text("''")),  # JSON
    PrimaryKeyConstraint("enterprise_id", "object_id"),
    Index(None, "object_id"),
)
