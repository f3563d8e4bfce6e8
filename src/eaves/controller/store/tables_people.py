"""How enterprises stand to one another, and what each may have."""

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from eaves.controller.store.tables import Moment, metadata

enterprise_tree = Table(
    "enterprise_tree",
    metadata,
    Column("above_id", Text, nullable=False),
    Column("below_id", Text, nullable=False),
    Column("distance", Integer, nullable=False),  # 1: parent and child
    PrimaryKeyConstraint("above_id", "below_id"),
    Index("ix_enterprise_tree_below_id", "below_id"),
)

entitlements = Table(
    "entitlements",
    metadata,
    Column("enterprise_id", Text, nullable=False),
    Column("body", Text, nullable=False, server_default=text("''")),  # JSON of the contract
    Column("updated_at", Moment, nullable=False),
    PrimaryKeyConstraint("enterprise_id"),
)
