"""A rule as decisions are made by it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from eaves.controller.domain.contract.alerts import AlertCondition, AlertRule
from eaves.controller.domain.contract.statuses import Severity

METERED: Final = frozenset({AlertCondition.CPU, AlertCondition.MEMORY, AlertCondition.DISK})
SILENCE: Final = frozenset({AlertCondition.NODE_SUSPECT, AlertCondition.NODE_OFFLINE})
BELOW: Final = 5.0
"""Percent under its threshold that a metric must fall to where the rule does not say."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`since`: from when on; a reboot before that is not told.  `channels`: their ids."""

    id: str
    name: str
    enterprise_id: str
    condition: AlertCondition
    since: datetime
    project_id: str = ""
    selector: tuple[tuple[str, str], ...] = ()
    threshold: float = 0.0
    clear_below: float = 0.0
    hold: timedelta = timedelta(0)
    clear: timedelta = timedelta(0)
    severity: str = "warning"  # as events hold it
    channels: tuple[str, ...] = ()

    @property
    def metered(self) -> bool:
        return self.condition in METERED

    def is_about(self, project_id: str, tags: Mapping[str, str]) -> bool:
        if self.project_id and self.project_id != project_id:
            return False
        return all(tags.get(key) == value for key, value in self.selector)


def rule_of(
    stored: AlertRule, enterprise_id: str, since: datetime, channels: tuple[str, ...]
) -> Rule:
    return Rule(
        id=stored.id,
        name=stored.name,
        enterprise_id=enterprise_id,
        condition=stored.condition,
        since=since,
        project_id=stored.project_id,
        selector=tuple(sorted(stored.selector.items())),
        threshold=stored.threshold,
        clear_below=stored.clear_below or max(stored.threshold - BELOW, 0.0),
        hold=timedelta(seconds=stored.hold_seconds),
        clear=timedelta(seconds=stored.clear_seconds),
        severity=_WORDS.get(stored.severity, "warning"),
        channels=channels,
    )


_WORDS: Final = {
    Severity.NOTICE: "notice",
    Severity.WARNING: "warning",
    Severity.ERROR: "error",
}
