"""What is written down of a change: an event for people, an audit row for proof."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from eaves.controller.domain.audit import AuditEntry
from eaves.controller.domain.contract.base import Contract, JsonObject
from eaves.controller.northbound.work import Work
from eaves.controller.store.events import Event, insert_audit, insert_events
from eaves.controller.store.tables import Kind

EVENT_WORDS = {
    Kind.BRAND: "BRAND",
    Kind.MODEL: "MODEL",
    Kind.PROJECT: "PROJECT",
    Kind.NETWORK: "NETWORK",
    Kind.DATASTORE: "DATASTORE",
    Kind.IMAGE: "IMAGE",
    Kind.DEVICE: "EDGE_NODE",
    Kind.NETINST: "NETWORK_INSTANCE",
    Kind.VOLUME: "VOLUME_INSTANCE",
    Kind.APP: "EDGE_APP",
    Kind.APP_INSTANCE: "APP_INSTANCE",
    Kind.DEPLOYMENT: "DEPLOYMENT",
    Kind.APP_PROFILE: "APP_PROFILE",
    Kind.ASSET_GROUP: "ASSET_GROUP",
    Kind.PROFILE_DEPLOYMENT: "PROFILE_DEPLOYMENT",
    Kind.PATCH_ENVELOPE: "PATCH_ENVELOPE",
    Kind.ARTIFACT: "ARTIFACT",
    Kind.ALERT_RULE: "ALERT_RULE",
    Kind.ALERT_CHANNEL: "ALERT_CHANNEL",
    Kind.USER: "USER",
    Kind.ROLE: "ROLE",
    Kind.REALM: "REALM",
    Kind.AUTH_PROFILE: "AUTHPROFILE",
    Kind.ENTERPRISE: "ENTERPRISE",
    Kind.CEP: "CERTIFICATE_ENROLLMENT_PROFILE",
}
MOST_TOLD = 16 * 1024  # bytes of one value in the audit log: a manifest may be of megabytes
UNREMARKABLE = frozenset({"revision", "id"})


@dataclass(frozen=True)
class Entry:
    """A change of one object; what it holds is public, secrets are taken out before."""

    kind: Kind
    noun: str
    object_id: str
    object_name: str
    what: str  # created, changed, deleted, activated, ...
    project_id: str = ""
    device_id: str = ""
    before: Contract | None = None
    after: Contract | None = None
    secrets: JsonObject = field(default_factory=dict[str, object])  # which changed, never to what

    @property
    def in_project(self) -> str:
        """A project lies in itself: who sees some projects only hears of no other."""
        return self.object_id if self.kind is Kind.PROJECT else self.project_id


def changed_members(before: Contract | None, after: Contract | None) -> JsonObject:
    """Each member that differs, as {"member": [before, after]}; very large ones by their digest."""
    same = _same_members(before, after)
    old = before.to_json(without=same) if before is not None else {}
    new = after.to_json(without=same) if after is not None else {}
    return {
        name: [_told(old.get(name)), _told(new.get(name))]
        for name in sorted({*old, *new} - UNREMARKABLE)
        if old.get(name) != new.get(name)
    }


def _same_members(before: Contract | None, after: Contract | None) -> frozenset[str]:
    """Attributes that hold the very same value in both: most, where one is a copy of the other."""
    if before is None or after is None or type(before) is not type(after):
        return frozenset()
    old, new = before.__dict__, after.__dict__
    as_often = before.model_fields_set ^ after.model_fields_set
    return frozenset(
        name for name in old.keys() & new.keys() if old[name] is new[name] and name not in as_often
    )


def _told(value: object) -> object:
    if not isinstance(value, str | list | dict):
        return value
    text = json.dumps(value, sort_keys=True).encode()
    if len(text) <= MOST_TOLD:
        return value  # pyright: ignore[reportUnknownVariableType] - what JSON holds is not looked at
    return {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}


async def note(work: Work, entry: Entry) -> None:
    await note_all(work, (entry,))


async def note_all(work: Work, entries: Sequence[Entry]) -> None:
    """As `note`, for what one transaction did to many objects."""
    told = [(one, changed_members(one.before, one.after) | one.secrets) for one in entries]
    await insert_events(work.db, [_event(work, *one) for one in told])
    for one in told:
        await insert_audit(work.db, _audit(work, *one))


def _event(work: Work, entry: Entry, changes: JsonObject) -> Event:
    who = work.principal
    return Event(
        at=work.now,
        enterprise_id=who.scope.enterprise,
        event_type=f"{EVENT_WORDS[entry.kind]}_{entry.what.upper().replace(' ', '_')}",
        description=f"{entry.noun} {entry.object_name}: {entry.what} by {who.user_name}",
        severity="SEVERITY_INFO",
        source="USER",
        project_id=entry.in_project,
        device_id=entry.device_id,
        user_name=who.user_name,
        object_kind=entry.kind.value,
        object_id=entry.object_id,
        object_name=entry.object_name,
        data=json.dumps({"changed": sorted(changes)}),
    )


def _audit(work: Work, entry: Entry, changes: JsonObject) -> AuditEntry:
    who = work.principal
    return AuditEntry(
        at=work.now,
        enterprise_id=who.scope.enterprise,
        verb=entry.what,
        result="done",
        project_id=entry.in_project,
        user_id=who.user_id,
        user_name=who.user_name,
        client=who.client,
        request_id=work.request_id,
        object_kind=entry.kind.value,
        object_id=entry.object_id,
        object_name=entry.object_name,
        changes=json.dumps(changes),
    )
