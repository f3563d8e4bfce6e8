"""What built images will measure, as it was told with them."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from eaves.controller.store.tables import metadata

image_measurements = Table(
    "image_measurements",
    metadata,
    Column("enterprise_id", Text, nullable=False),
    Column("image_id", Text, ForeignKey("object_ids.id", ondelete="CASCADE"), nullable=False),
    Column("document", LargeBinary, nullable=False),  # the bytes that were signed
    Column("signature", LargeBinary, nullable=False),
    PrimaryKeyConstraint("enterprise_id", "image_id"),
    Index(None, "image_id"),
)
