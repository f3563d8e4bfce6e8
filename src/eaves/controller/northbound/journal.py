"""What is written down of a change: an event for people, an audit row for proof."""

import hashlib
import json
from dataclasses import dataclass, field

from eaves.controller.domain.audit import AuditEntry
from eaves.controller.domain.contract.base import Contract, JsonObject
from eaves.controller.northbound.work import Work
from eaves.controller.store.events import Event, insert_audit, insert_event
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


def changed_members(before: Contract | None, after: Contract | None) -> JsonObject:
    """Each member that differs, as {"member": [before, after]}; very large ones by their digest."""
    old = before.to_json() if before is not None else {}
    new = after.to_json() if after is not None else {}
    return {
        name: [_told(old.get(name)), _told(new.get(name))]
        for name in sorted({*old, *new} - UNREMARKABLE)
        if old.get(name) != new.get(name)
    }


def _told(value: object) -> object:
    if not isinstance(value, str | list | dict):
        return value
    text = json.dumps(value, sort_keys=True).encode()
    if len(text) <= MOST_TOLD:
        return value  # pyright: ignore[reportUnknownVariableType] - what JSON holds is not looked at
    return {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}


async def note(work: Work, entry: Entry) -> None:
    changes = changed_members(entry.before, entry.after) | entry.secrets
    who = work.principal
    # a project lies in itself: who sees some projects only hears of no other
    project_id = entry.object_id if entry.kind is Kind.PROJECT else entry.project_id
    await insert_event(
        work.db,
        Event(
            at=work.now,
            enterprise_id=who.scope.enterprise,
            event_type=f"{EVENT_WORDS[entry.kind]}_{entry.what.upper().replace(' ', '_')}",
            description=f"{entry.noun} {entry.object_name}: {entry.what} by {who.user_name}",
            severity="SEVERITY_INFO",
            source="USER",
            project_id=project_id,
            device_id=entry.device_id,
            user_name=who.user_name,
            object_kind=entry.kind.value,
            object_id=entry.object_id,
            object_name=entry.object_name,
            data=json.dumps({"changed": sorted(changes)}),
        ),
    )
    await insert_audit(
        work.db,
        AuditEntry(
            at=work.now,
            enterprise_id=who.scope.enterprise,
            verb=entry.what,
            result="done",
            project_id=project_id,
            user_id=who.user_id,
            user_name=who.user_name,
            client=who.client,
            request_id=work.request_id,
            object_kind=entry.kind.value,
            object_id=entry.object_id,
            object_name=entry.object_name,
            changes=json.dumps(changes),
        ),
    )
