"""What is kept of devices beside their records: debug access that ends, machines that were
exchanged.
"""

from sqlalchemy import (
    Column,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from eaves.controller.store.tables import Moment, metadata

debug_windows = Table(  # debug access that is granted now
    "debug_windows",
    metadata,
    Column("enterprise_id", Text, nullable=False),
    Column("device_id", Text, nullable=False),
    Column("closes_at", Moment, nullable=False),
    PrimaryKeyConstraint("enterprise_id", "device_id"),
    Index(None, "closes_at"),
)

machines_before = Table(  # machines that had the record of a device before the one that has it now
    "machines_before",
    metadata,
    Column("enterprise_id", Text, nullable=False),
    Column("device_id", Text, nullable=False),
    Column("left_at", Moment, nullable=False),
    Column("bound_at", Moment, nullable=True),
    Column("onboarding_key", Text, nullable=False, server_default=text("''")),
    Column("serial", Text, nullable=False, server_default=text("''")),
    Column("certificate_hash", LargeBinary, nullable=False),
    Column("user_name", Text, nullable=False, server_default=text("''")),
    Column("why", Text, nullable=False, server_default=text("''")),
    PrimaryKeyConstraint("enterprise_id", "device_id", "left_at"),
)

policy_documents = Table(  # texts that the users of an enterprise are held to
    "policy_documents",
    metadata,
    Column("enterprise_id", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("in_force", Text, nullable=False, server_default=text("''")),  # "yes" for one of them
    Column("file_url", Text, nullable=False, server_default=text("''")),
    Column("policy", Text, nullable=False, server_default=text("''")),
    Column("created_at", Moment, nullable=False),
    Column("created_by", Text, nullable=False, server_default=text("''")),
    PrimaryKeyConstraint("enterprise_id", "version"),
)
