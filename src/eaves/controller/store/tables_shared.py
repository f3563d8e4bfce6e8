"""What several controller processes on one database share: who runs which job, what changed, the
keys, and what has to survive the process that began it.

These tables are small, belong to no enterprise, and stay on one node of a distributed database.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from eaves.controller.store.tables import Moment, metadata

leases = Table(  # who runs a job that must run once; times by the clock of the database
    "leases",
    metadata,
    Column("name", Text, nullable=False),
    Column("holder", Text, nullable=False, server_default=text("''")),
    Column("generation", BigInteger, nullable=False),  # one higher with every new holder
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("name"),
)

change_heads = Table(  # the last number of each line of changes; whoever appends locks the row
    "change_heads",
    metadata,
    Column("line", Integer, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("kept_from", BigInteger, nullable=False),  # lower numbers were cleared away
    PrimaryKeyConstraint("line"),
)

changes = Table(  # one row tells of one transaction
    "changes",
    metadata,
    Column("line", Integer, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    Column("topic", Text, nullable=False, server_default=text("''")),
    Column("ids", Text, nullable=False, server_default=text("''")),  # JSON list
    PrimaryKeyConstraint("line", "number"),
    Index(None, "at"),
)

controller_keys = Table(  # the key files that every process needs, sealed under the secret key
    "controller_keys",
    metadata,
    Column("name", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("name"),
)

render_wanted = Table(  # devices to be rendered outside of a request
    "render_wanted",
    metadata,
    Column("device_id", Text, nullable=False),
    Column("wanted_at", Moment, nullable=False),
    Column("request", Text, nullable=False),  # differs with every wish: a newer one stays
    PrimaryKeyConstraint("device_id"),
    Index(None, "wanted_at"),
)

silent_devices = Table(  # devices whose silence was told of
    "silent_devices",
    metadata,
    Column("enterprise_id", Text, nullable=False),
    Column("device_id", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("stage", Text, nullable=False, server_default=text("'silent'")),  # suspect | silent
    PrimaryKeyConstraint("enterprise_id", "device_id"),
)
