"""What lists filter, sort and sum up by: narrow rows beside the objects that devices carry.

An object's row is wide, since it holds the whole body; to look through a hundred thousand of them
costs ten times as much as to look through these.  They are written where the object is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from eaves.controller.store.tables import Kind, Moment, metadata

# in the order of code points, as SQLite and Python sort
_Word = Text().with_variant(Text(collation="C"), "postgresql")


@dataclass(frozen=True, slots=True)
class Members:
    """JSON members of one kind of object that have a column of that name.

    `numbers` hold whole numbers and booleans, `words` texts; `state` is the one that the list is
    summed up by, unless `summed` names another.  `indexes`: by name, columns behind the enterprise.
    """

    state: str
    words: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    summed: str = ""
    indexes: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @property
    def summed_by(self) -> str:
        return self.summed or self.state


MEMBERS: Final[Mapping[Kind, Members]] = {
    Kind.DEVICE: Members(
        "adminState",
        (
            *("modelId", "serialno", "obkey", "deploymentTag", "description", "utype"),
            *("clusterID", "assetId", "location", "configLock"),
        ),
        ("cpu", "memory", "storage", "thread"),
        indexes={
            "serial": ("serialno", "id"),
            "run_state": ("project_id", "reported_state", "last_seen_at", "name"),
            "model": ("project_id", "modelId"),
        },
    ),
    Kind.NETINST: Members(
        "kind",
        ("type", "port", "networkPolicyId", "description", "clusterID"),
        ("deviceDefault", "forwardLldp", "mtu"),
    ),
    Kind.VOLUME: Members(
        "type",
        ("label", "image", "accessmode", "description", "contentTreeId"),
        ("sizeBytes", "cleartext", "multiattach", "implicit"),
    ),
    Kind.APP_INSTANCE: Members(
        "appType",
        ("appId", "deploymentType", "bundleversion", "description", "clusterID"),
        ("activate", "remoteConsole", "startDelayInSeconds"),
        summed="activate",
    ),
}


def _word(name: str) -> "Column[str]":
    return Column(name, _Word, nullable=False, server_default=text("''"))


def _listed(kind: Kind) -> Table:
    members = MEMBERS[kind]
    return Table(
        f"listed_{kind.value}",
        metadata,
        _word("enterprise_id"),
        Column("id", _Word, ForeignKey("object_ids.id", ondelete="CASCADE"), nullable=False),
        _word("project_id"),
        _word("device_id"),
        _word("name"),
        _word("title"),
        _word(members.state),
        *(_word(name) for name in members.words),
        *(
            Column(name, BigInteger, nullable=False, server_default=text("0"))
            for name in members.numbers
        ),
        _word("tags"),  # JSON, without blanks
        _word("created_by"),
        Column("created_at", Moment, nullable=False),
        Column("updated_at", Moment, nullable=False),
        *_contact(kind),
        *_told(kind),
        PrimaryKeyConstraint("enterprise_id", "id"),
        Index(None, "enterprise_id", "name", "id"),
        Index(None, "enterprise_id", "project_id", members.state),
        Index(f"ix_listed_{kind.value}_sum", "enterprise_id", members.summed_by, "project_id"),
        Index(f"ix_listed_{kind.value}_title", "enterprise_id", "title", "id"),
        *(
            Index(f"ix_listed_{kind.value}_{name}", "enterprise_id", *columns)
            for name, columns in members.indexes.items()
        ),
        Index(None, "id"),
        sqlite_with_rowid=False,
    )


def _contact(kind: Kind) -> tuple["Column[Any]", ...]:
    """What the run state of a device is made of, beside the time."""
    if kind is not Kind.DEVICE:
        return ()
    return (
        Column("last_seen_at", Moment, nullable=True),  # as in device_seen
        Column("reported_state", Integer, nullable=True),  # ZDeviceState; NULL: said nothing yet
    )


def _told(kind: Kind) -> tuple["Column[Any]", ...]:
    """What stands deep inside of a body, and is looked for over all of them."""
    if kind is Kind.DEVICE:
        return _word("place"), _word("port_tags")
    return (_word("port_tags"),) if kind is Kind.NETINST else ()


listed: Final[Mapping[Kind, Table]] = {kind: _listed(kind) for kind in MEMBERS}
