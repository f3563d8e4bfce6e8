"""The tables, the same for SQLite and PostgreSQL.

- A moment is a whole number of microseconds since 1970 (`Moment`), an id is text.
- Each kind of object has a table of its own with the same columns (`_objects`), so that names are
  unique where the contract says so and a list reads one index; what an object says beyond them is
  JSON in `body`.
- Every object also stands in `object_ids`.  References point there, so the database itself refuses
  to lose what something else still needs.
- A table with wide rows that the hot path does not read stands apart from the narrow one that it
  does (`rendered_configs`, `rendered_contents`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware time, kept as microseconds: exact, sortable and alike in both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND


class Kind(StrEnum):
    """Objects of the REST contract; the word is also the name of the table."""

    ENTERPRISE = "enterprises"
    USER = "users"
    ROLE = "roles"
    REALM = "realms"
    AUTH_PROFILE = "auth_profiles"
    BRAND = "brands"
    MODEL = "sysmodels"
    PROJECT = "projects"
    NETWORK = "networks"
    DATASTORE = "datastores"
    IMAGE = "images"
    DEVICE = "devices"
    NETINST = "netinsts"
    VOLUME = "volume_instances"
    APP = "apps"
    APP_INSTANCE = "app_instances"
    CEP = "ceps"
    DEPLOYMENT = "deployments"
    APP_PROFILE = "app_profiles"
    ASSET_GROUP = "asset_groups"
    PROFILE_DEPLOYMENT = "profile_deployments"
    PATCH_ENVELOPE = "patch_envelopes"
    ARTIFACT = "artifacts"
    ALERT_RULE = "alert_rules"
    ALERT_CHANNEL = "alert_channels"

    @property
    def noun(self) -> str:
        """One of them, as a person calls it."""
        return _NOUNS.get(self, self.value.removesuffix("s").replace("_", " "))


_NOUNS = {
    Kind.MODEL: "model",
    Kind.NETINST: "network instance",
    Kind.APP: "app bundle",
    Kind.AUTH_PROFILE: "authorization profile",
    Kind.CEP: "certificate enrolment profile",
}

DEFAULT_NETWORK: Final = "default"
"""The state of a network that is in force on ports of its enterprise that name none."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts up only where the column is exactly INTEGER
_RowId = BigInteger().with_variant(Integer, "sqlite")


def _id(name: str = "id") -> "Column[str]":
    return Column(name, Text, nullable=False)


def _text(name: str) -> "Column[str]":
    return Column(name, Text, nullable=False, server_default=text("''"))


def _moment(name: str, *, nullable: bool = False) -> "Column[datetime]":
    return Column(name, Moment, nullable=nullable)


object_ids = Table(
    "object_ids",
    metadata,
    _id(),
    _text("kind"),
    _text("enterprise_id"),
    PrimaryKeyConstraint("id"),
)


def _objects(kind: Kind) -> Table:
    """A table for one kind.  `state` is what lists are summed up by, `device_id` who carries it."""
    return Table(
        kind.value,
        metadata,
        Column("id", Text, ForeignKey("object_ids.id"), nullable=False),
        _text("enterprise_id"),
        _text("project_id"),
        _text("name"),
        _text("title"),
        _text("device_id"),
        _text("state"),
        Column("revision", Integer, nullable=False),
        Column("revision_before", Integer, nullable=False),
        _moment("created_at"),
        _text("created_by"),
        _moment("updated_at"),
        _text("updated_by"),
        _text("body"),
        PrimaryKeyConstraint("enterprise_id", "id"),
        UniqueConstraint("enterprise_id", "name"),  # lists read this index, in this order
        Index(None, "id"),  # who knows an id alone; `object_ids` keeps it unique
        Index(None, "device_id"),
        *((UniqueConstraint("name"),) if kind in (Kind.ENTERPRISE, Kind.USER) else ()),
    )


objects: Final[Mapping[Kind, Table]] = {kind: _objects(kind) for kind in Kind}

object_references = Table(
    "object_references",
    metadata,
    Column("from_id", Text, ForeignKey("object_ids.id", ondelete="CASCADE"), nullable=False),
    Column("to_id", Text, ForeignKey("object_ids.id", ondelete="RESTRICT"), nullable=False),
    PrimaryKeyConstraint("from_id", "to_id"),
    Index(None, "to_id"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("object_id", Text, ForeignKey("object_ids.id", ondelete="CASCADE"), nullable=False),
    _text("field"),
    Column("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("object_id", "field"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("user_id", Text, ForeignKey("object_ids.id", ondelete="CASCADE"), nullable=False),
    _text("password_hash"),
    Column("must_change", Boolean, nullable=False),
    Column("failed_attempts", Integer, nullable=False, server_default=text("0")),
    _moment("changed_at"),
    PrimaryKeyConstraint("user_id"),
)

tokens = Table(
    "tokens",
    metadata,
    _id(),
    Column("token_hash", LargeBinary, nullable=False),
    Column("user_id", Text, ForeignKey("object_ids.id", ondelete="CASCADE"), nullable=False),
    _text("enterprise_id"),
    _text("kind"),  # session | api
    _moment("created_at"),
    _moment("expires_at"),
    _moment("last_used_at", nullable=True),
    _text("client"),
    # of an API token that was asked for with it; in force where the role reads secrets too
    Column("read_secrets", Boolean, nullable=False, server_default=text("false")),
    # the one that it was made with, and ends with
    Column("parent_id", Text, ForeignKey("tokens.id", ondelete="CASCADE"), nullable=True),
    _moment("ends_at", nullable=True),  # nothing extends it beyond; none: beyond expires_at
    PrimaryKeyConstraint("id"),
    UniqueConstraint("token_hash"),
    Index(None, "parent_id"),
    Index(None, "user_id"),
    Index(None, "expires_at"),
)

onboarding_certificates = Table(
    "onboarding_certificates",
    metadata,
    Column("certificate_hash", LargeBinary, nullable=False),  # SHA-256 of the DER
    _text("onboarding_key"),
    _text("pem"),
    _moment("created_at"),
    PrimaryKeyConstraint("certificate_hash"),
    Index(None, "onboarding_key"),
)

onboarding_claims = Table(  # over all tenants: who may register with this key and serial
    "onboarding_claims",
    metadata,
    _text("onboarding_key"),
    _text("serial"),
    Column("device_id", Text, ForeignKey("object_ids.id", ondelete="CASCADE"), nullable=False),
    # by the policy of the device's project: in force from the first registration on
    Column("attestation_required", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("onboarding_key", "serial"),
    UniqueConstraint("device_id"),
)

device_bindings = Table(  # kept after the device is deleted: its envelope then gets 404
    "device_bindings",
    metadata,
    _text("device_id"),
    _text("enterprise_id"),
    Column("certificate_hash", LargeBinary, nullable=False),  # SHA-256 of the DER
    Column("certificate_der", LargeBinary, nullable=False),
    Column("gone", Boolean, nullable=False),
    Column("attestation_required", Boolean, nullable=False),
    _text("onboarding_key"),
    _text("serial"),
    _moment("bound_at"),
    PrimaryKeyConstraint("device_id"),
    Index(
        "uq_device_bindings_live_certificate",
        "certificate_hash",
        unique=True,
        sqlite_where=text("gone = 0"),
        # the same holds on PostgreSQL (its migration says NOT gone); to say so here would load
        # that dialect at every start
    ),
    Index(None, "certificate_hash"),
    Index(  # who has to attest, and may never have tried
        "ix_device_bindings_has_to_attest",
        *("enterprise_id", "device_id"),
        sqlite_where=text("attestation_required = 1"),  # of PostgreSQL: as above
    ),
)

unclaimed_devices = Table(
    "unclaimed_devices",
    metadata,
    _text("onboarding_key"),
    _text("serial"),
    _text("soft_serial"),
    Column("certificate_hash", LargeBinary, nullable=False),
    Column("attempts", Integer, nullable=False),
    _moment("first_at"),
    _moment("last_at"),
    PrimaryKeyConstraint("certificate_hash"),
)

device_certificates = Table(  # ECDH, attestation, endorsement; newest of each type
    "device_certificates",
    metadata,
    _id("enterprise_id"),
    _text("device_id"),
    Column("type", Integer, nullable=False),
    Column("certificate_hash", LargeBinary, nullable=False),  # as the device computed it
    Column("pem", LargeBinary, nullable=False),
    Column("mutable", Boolean, nullable=False, server_default=text("false")),
    _moment("received_at"),
    PrimaryKeyConstraint("enterprise_id", "device_id", "type"),
    Index(None, "device_id"),
)

attestations = Table(
    "attestations",
    metadata,
    _id("enterprise_id"),
    _text("device_id"),
    Column("nonce", LargeBinary, nullable=True),
    _moment("nonce_at", nullable=True),
    Column("integrity_token", LargeBinary, nullable=False, server_default=text("''")),
    _moment("token_at", nullable=True),
    _text("state"),
    _text("detail"),
    Column("escrow", LargeBinary, nullable=True),
    Column("escrow_before", LargeBinary, nullable=True),
    # the last genuine quote
    _moment("quoted_at", nullable=True),
    *(_text(name) for name in ("versions", "pcrs", "counters", "template", "differences")),  # JSON
    _text("place"),  # JSON; empty: it told none
    Column("event_log", LargeBinary, nullable=True),  # gzip, as it came
    Column("counted_by", LargeBinary, nullable=True),  # the attestation key that made it
    Column("had_tpm", Boolean, nullable=False, server_default=text("false")),
    _text("blocked"),  # why a person shut the device out
    Column("certificates_open", Boolean, nullable=False, server_default=text("false")),
    Column("refused_certificate", LargeBinary, nullable=True),  # told of in an event
    Column("stale_told", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("enterprise_id", "device_id"),
    Index(None, "device_id"),
    Index("ix_attestations_state", "enterprise_id", "state"),
)

rendered_configs = Table(
    "rendered_configs",
    metadata,
    _id("enterprise_id"),
    _text("device_id"),
    _text("config_hash"),
    _moment("config_timestamp"),
    _text("missing"),  # JSON list of sentences: what could not be rendered
    # another one with every attempt to render: what was made from older inputs is not stored
    Column("generation", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("enterprise_id", "device_id"),
    Index(None, "device_id"),
)

rendered_contents = Table(
    "rendered_contents",
    metadata,
    _id("enterprise_id"),
    _text("device_id"),
    Column("config", LargeBinary, nullable=False),
    PrimaryKeyConstraint("enterprise_id", "device_id"),
    ForeignKeyConstraint(
        ["enterprise_id", "device_id"],
        ["rendered_configs.enterprise_id", "rendered_configs.device_id"],
        ondelete="CASCADE",
    ),
    Index(None, "device_id"),
)

device_seen = Table(
    "device_seen",
    metadata,
    _id("enterprise_id"),
    _text("device_id"),
    _moment("last_seen_at"),
    PrimaryKeyConstraint("enterprise_id", "device_id"),
    Index(None, "device_id"),
)

info_before = Table(  # of the release before; the start moves its rows to `info_latest`
    "info_latest_before",
    metadata,
    _text("device_id"),
    Column("kind", Integer, nullable=False),  # ZInfoTypes
    _text("object_id"),
    _moment("at", nullable=True),
    _moment("received_at"),
    Column("message", LargeBinary, nullable=False),
    PrimaryKeyConstraint("device_id", "kind", "object_id"),
)

metrics_before = Table(  # as above, to `metric_samples` and `metrics_latest`
    "metrics_before",
    metadata,
    Column("row", _RowId, primary_key=True, autoincrement=True),
    _text("device_id"),
    _moment("at", nullable=True),
    _moment("received_at"),
    Column("message", LargeBinary, nullable=False),
    Index("ix_metrics_device_id_row", "device_id", "row"),
)

messages = Table(  # flow logs and hardware health, as they came
    "messages",
    metadata,
    Column("row", _RowId, primary_key=True, autoincrement=True),
    _text("device_id"),
    _text("kind"),
    Column("digest", LargeBinary, nullable=False),
    _moment("received_at"),
    Column("message", LargeBinary, nullable=False),
    UniqueConstraint("device_id", "kind", "digest"),
    Index(None, "device_id", "kind", "row"),
)

log_uploads = Table(  # a file that a device sends twice is stored once
    "log_uploads",
    metadata,
    _text("device_id"),
    Column("digest", LargeBinary, nullable=False),
    _moment("received_at"),
    PrimaryKeyConstraint("device_id", "digest"),
    Index(None, "received_at"),
)

logs = Table(
    "logs",
    metadata,
    Column("row", _RowId, primary_key=True, autoincrement=True),
    _text("device_id"),
    _text("app_id"),  # empty: a log of the device itself
    Column("time_ns", BigInteger, nullable=False),  # since 1970, clock of the device
    _text("severity"),
    _text("source"),
    _text("iid"),
    Column("msgid", BigInteger, nullable=False),
    _text("content"),
    Index(None, "device_id", "app_id", "time_ns", "row"),
    Index(None, "time_ns"),
    Index(  # a line that tells which it is, is kept once, whatever file it comes in
        "uq_logs_line",
        *("device_id", "app_id", "iid", "msgid", "time_ns"),
        unique=True,
        sqlite_where=text("iid <> ''"),
        postgresql_where=text("iid <> ''"),
    ),
)

marks = Table(  # facts that every controller on this database shares
    "marks",
    metadata,
    _text("name"),
    _text("value"),
    PrimaryKeyConstraint("name"),
)

events = Table(
    "events",
    metadata,
    Column("row", _RowId, primary_key=True, autoincrement=True),
    _moment("at"),
    _text("enterprise_id"),
    _text("project_id"),
    _text("device_id"),
    _text("event_type"),
    _text("severity"),
    _text("source"),
    _text("user_name"),
    _text("object_kind"),
    _text("object_id"),
    _text("object_name"),
    _text("description"),
    _text("data"),  # JSON
    Column("origin", LargeBinary, nullable=True),  # of an event that comes once; see state_store
    Index(None, "enterprise_id", "row"),
    Index(None, "object_id", "row"),
    Index(None, "device_id", "row"),
    Index(None, "at"),
    Index("uq_events_origin", "enterprise_id", "origin", unique=True),
)

audit = Table(
    "audit",
    metadata,
    Column("row", _RowId, primary_key=True, autoincrement=True),
    _moment("at"),
    _text("enterprise_id"),
    _text("project_id"),
    _text("user_id"),
    _text("user_name"),
    _text("client"),
    _text("request_id"),
    _text("verb"),
    _text("object_kind"),
    _text("object_id"),
    _text("object_name"),
    _text("result"),
    _text("changes"),  # JSON, secrets masked
    # the chain of its enterprise: see domain/audit.py
    Column("number", BigInteger, nullable=False, server_default=text("0")),
    Column("digest", LargeBinary, nullable=False, server_default=text("''")),
    Column("seal", LargeBinary, nullable=False, server_default=text("''")),
    Index("uq_audit_number", "enterprise_id", "number", unique=True),
    Index("ix_audit_object", "enterprise_id", "object_id", "number"),
)

audit_heads = Table(  # where each chain begins and ends; who appends to it locks its row
    "audit_heads",
    metadata,
    _id("enterprise_id"),
    Column("number", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("sealed_from", BigInteger, nullable=False),
    Column("archived_number", BigInteger, nullable=False),
    Column("archived_digest", LargeBinary, nullable=False),
    Column("seal", LargeBinary, nullable=False),
    Column("acknowledged_number", BigInteger, nullable=False, server_default=text("0")),
    _text("acknowledged_digest"),  # in hex
    PrimaryKeyConstraint("enterprise_id"),
)
