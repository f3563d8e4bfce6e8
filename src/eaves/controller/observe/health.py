"""Is this process alive, and may it be sent requests: named checks, each with its reason.

`alive` is what a supervisor restarts for, `ready` what a load balancer asks.  A check is a plain
function that returns what it found or raises what stands against it; it runs in a thread of its
own and at most once in `FRESH_S`, whoever asks how often.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

log = structlog.get_logger()

FRESH_S = 1.0

Probe = Callable[[], str]
"""Tells what it found; raises with what is wrong.  Blocks for some seconds at most."""


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    probe: Probe


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    ok: bool
    why: str


@dataclass(frozen=True, slots=True)
class Health:
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self.findings)

    def to_json(self, *, reasons: bool) -> dict[str, object]:
        """With `reasons` for those who run the controller; without for anybody."""
        return {
            "status": "ok" if self.ok else "failing",
            "checks": [
                {"name": f.name, "ok": f.ok, **({"why": f.why} if reasons else {})}
                for f in self.findings
            ],
        }


class Checks:
    """One question (alive? ready?) as a list of checks; from any thread, blocking."""

    def __init__(
        self,
        question: str,
        checks: Sequence[Check],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._question, self._checks, self._monotonic = question, tuple(checks), monotonic
        self._lock = threading.Lock()
        self._known: tuple[float, Health] | None = None
        self._told: bool | None = None

    def ask(self) -> Health:
        """Run the checks, unless they ran just now."""
        with self._lock:
            now = self._monotonic()
            if self._known is None or now - self._known[0] >= FRESH_S:
                self._known = (now, Health(tuple(_found(check) for check in self._checks)))
                self._tell(self._known[1])
            return self._known[1]

    def _tell(self, health: Health) -> None:
        """Log a turn, not each look."""
        if self._told == health.ok or (self._told is None and health.ok):
            self._told = health.ok
            return
        self._told = health.ok
        if health.ok:
            log.info("health_regained", question=self._question)
        else:
            failed = "; ".join(f"{f.name}: {f.why}" for f in health.findings if not f.ok)
            log.warning("health_lost", question=self._question, why=failed)


def _found(check: Check) -> Finding:
    try:
        return Finding(check.name, True, check.probe())
    except Exception as error:  # noqa: BLE001 - a check that fails is a finding, whatever it met
        return Finding(check.name, False, str(error) or type(error).__name__)
