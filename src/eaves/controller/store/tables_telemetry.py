"""Telemetry as readers see it: in the files beside a SQLite database, or in PostgreSQL itself.

Writers: `state_store`, `series_store`.  Made by `files_*` and by the migrations.
"""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, Text

from eaves.controller.store.tables import Moment

telemetry = MetaData()

info_latest = Table(
    "info_latest",
    telemetry,
    Column("enterprise_id", Text, primary_key=True),
    Column("device_id", Text, primary_key=True),
    Column("kind", Integer, primary_key=True),  # ZInfoTypes
    Column("object_id", Text, primary_key=True),
    Column("at", Moment, nullable=True),  # clock of the device
    Column("received_at", Moment, nullable=False),
    Column("message", LargeBinary, nullable=False),
)

metrics_latest = Table(
    "metrics_latest",
    telemetry,
    Column("enterprise_id", Text, primary_key=True),
    Column("device_id", Text, primary_key=True),
    Column("at", Moment, nullable=True),
    Column("received_at", Moment, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("message", LargeBinary, nullable=False),
)

device_events = Table(  # on their way to the journal
    "device_events",
    telemetry,
    Column("enterprise_id", Text, nullable=False),
    Column("row", BigInteger, primary_key=True),
    Column("device_id", Text, nullable=False),
    Column("origin", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("state", Integer, nullable=False),  # as `evapi.info.state` says
    Column("text", Text, nullable=False),
)
