"""What signing in needs beside users, passwords and tokens."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from eaves.controller.store.tables import Moment, metadata


def _of(name: str) -> "Column[str]":
    """The object that a row belongs to, and goes with."""
    return Column(name, Text, ForeignKey("object_ids.id", ondelete="CASCADE"), nullable=False)


used_states = Table(  # somebody came back from a provider of identities with it
    "used_states",
    metadata,
    Column("state_hash", LargeBinary, nullable=False),  # SHA-256
    Column("expires_at", Moment, nullable=False),  # it is too old then anyhow
    PrimaryKeyConstraint("state_hash"),
    Index(None, "expires_at"),
)

identities = Table(  # who somebody is at a provider
    "identities",
    metadata,
    _of("profile_id"),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    _of("user_id"),
    PrimaryKeyConstraint("profile_id", "issuer", "subject"),
    Index(None, "user_id"),
)

second_factors = Table(  # the secret itself stands with the other sealed ones
    "second_factors",
    metadata,
    _of("user_id"),
    Column("confirmed", Boolean, nullable=False),
    Column("last_step", BigInteger, nullable=False),  # of 30 s; a code holds once
    Column("made_at", Moment, nullable=False),
    Column("wrong_codes", Integer, nullable=False, server_default=text("0")),  # in a row
    Column("wrong_at", Moment, nullable=False, server_default=text("0")),  # the last of them
    PrimaryKeyConstraint("user_id"),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    _of("user_id"),
    Column("code_hash", LargeBinary, nullable=False),  # SHA-256 of 80 random bits
    PrimaryKeyConstraint("user_id", "code_hash"),
)

guesses = Table(  # wrong passwords and codes, for all processes
    "guesses",
    metadata,
    _of("user_id"),
    Column("address", Text, nullable=False),
    Column("failures", Integer, nullable=False),  # since a quarter of an hour without any
    Column("last_at", Moment, nullable=False),
    Column("minute_failures", Integer, nullable=False),  # in the minute that began at:
    Column("minute_at", Moment, nullable=False),
    PrimaryKeyConstraint("user_id", "address"),
    Index(None, "last_at"),
)

earlier_passwords = Table(
    "earlier_passwords",
    metadata,
    _of("user_id"),
    Column("changed_at", Moment, nullable=False),
    Column("password_hash", Text, nullable=False),
    PrimaryKeyConstraint("user_id", "changed_at"),
)

visits = Table(  # beside the user: to come and go is no change of it
    "visits",
    metadata,
    _of("user_id"),
    Column("signed_in_at", Moment, nullable=False),  # the last time
    Column("signed_out_at", Moment),
    PrimaryKeyConstraint("user_id"),
)
