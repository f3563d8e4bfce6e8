"""What is told of an incident: subject and text of a mail, JSON of a webhook, and its signature."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from eaves.controller.domain.contract.base import JsonObject, rfc3339

SUBJECT_MOST: Final = 200  # characters
NAMED: Final = 3  # in the subject of a mail about many


class What(StrEnum):
    """Why something is sent."""

    OPENED = "opened"
    CLOSED = "closed"
    TEST = "test"  # of a channel
    MAIL = "mail"  # of the controller itself, to people


@dataclass(frozen=True, slots=True)
class Incident:
    """`object_kind`: as events say it, `devices` or `app_instances`."""

    id: str
    enterprise_id: str
    rule_id: str
    rule_name: str
    condition: str  # word of the contract
    severity: str
    project_id: str
    device_id: str
    device_name: str
    object_kind: str
    object_id: str
    object_name: str
    text: str
    opened_at: datetime
    closed_at: datetime | None = None
    closed_why: str = ""
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""

    @property
    def about(self) -> str:
        """The object as a person says it."""
        if self.object_id == self.device_id:
            return f"node {self.device_name}"
        return f"app instance {self.object_name} on node {self.device_name}"


@dataclass(frozen=True, slots=True)
class Message:
    """`payload`: the JSON of a webhook; empty for what only goes by mail."""

    subject: str
    text: str
    payload: str = ""


def of_incident(incident: Incident, what: What) -> Message:
    closed = what is What.CLOSED
    word = "over" if closed else incident.severity
    subject = f"[{word}] {incident.rule_name}: {incident.about}"
    lines = [
        f"{incident.about}: {incident.text}",
        "",
        f"rule      {incident.rule_name} ({incident.condition})",
        f"severity  {incident.severity}",
        f"since     {rfc3339(incident.opened_at)}",
    ]
    if closed and incident.closed_at is not None:
        lines[0] = f"{incident.about}: {incident.closed_why}; it was: {incident.text}"
        lines.append(f"until     {rfc3339(incident.closed_at)}")
    lines.append(f"incident  {incident.id}")
    payload: JsonObject = {"what": what.value, "incident": shown(incident)}
    return Message(one_line(subject), "\n".join(lines) + "\n", json.dumps(payload))


def of_several(told: Sequence[Message]) -> Message:
    """One mail in place of these, which are about incidents of one rule."""
    if len(told) == 1:
        return told[0]
    firsts = [one.text.partition("\n")[0] for one in told]
    head = told[0].subject.partition(": ")[0]
    about = [one.subject.partition(": ")[2] for one in told[:NAMED]]
    more = f" and {len(told) - NAMED} more" if len(told) > NAMED else ""
    subject = f"{head}: {len(told)} incidents: {', '.join(about)}{more}"
    shared = [line for line in told[0].text.splitlines() if line.startswith(_SHARED)]
    return Message(one_line(subject), "\n".join([*firsts, "", *shared]) + "\n")


_SHARED: Final = ("rule ", "severity ")


def shown(incident: Incident) -> JsonObject:
    """As REST and webhooks tell it."""
    over, known = incident.closed_at, incident.acknowledged_at
    return {
        "id": incident.id,
        "open": over is None,
        "ruleId": incident.rule_id,
        "ruleName": incident.rule_name,
        "condition": incident.condition,
        "severity": f"SEVERITY_{incident.severity.upper()}",
        "projectId": incident.project_id,
        "deviceId": incident.device_id,
        "deviceName": incident.device_name,
        "objectKind": incident.object_kind,
        "objectId": incident.object_id,
        "objectName": incident.object_name,
        "text": incident.text,
        "openedAt": rfc3339(incident.opened_at),
        **({} if over is None else {"closedAt": rfc3339(over), "closedWhy": incident.closed_why}),
        "acknowledged": known is not None,
        **(
            {}
            if known is None
            else {"acknowledgedAt": rfc3339(known), "acknowledgedBy": incident.acknowledged_by}
        ),
    }


def of_test(channel: str, user: str, at: datetime) -> Message:
    text = f"{user} tries channel {channel} at {rfc3339(at)}: it works."
    payload = {"what": What.TEST.value, "channel": channel, "text": text}
    return Message(one_line(f"[test] {channel}"), text + "\n", json.dumps(payload))


def one_line(text: str) -> str:
    """A header of a mail: printable, without line ends."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain.split())[:SUBJECT_MOST]


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 over the seconds since 1970, a dot, and the body; in hexadecimal."""
    signed = str(timestamp).encode() + b"." + body
    return hmac.digest(secret.encode(), signed, hashlib.sha256).hex()
