"""The three pages for those who run the controller, apart from any server.

`/metrics` tells of the whole process, so it needs the token of `--metrics-token-file`; on the
loopback listener of `--metrics-listen` none is needed.  `/healthz` and `/readyz` answer anybody by
their status; the reasons are for those who may read the metrics.
"""

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from eaves.controller.observe.health import Checks
from eaves.controller.observe.meters import Meters

PATHS = ("/metrics", "/healthz", "/readyz")
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Page:
    status: int
    content_type: str
    body: bytes


@dataclass
class Surface:
    """Blocking: call it in a thread.  `token`: read anew at each use, empty when none is set."""

    meters: Meters
    alive: Checks
    ready: Checks
    token: Callable[[], str] = field(repr=False)

    def __post_init__(self) -> None:
        self._text: Callable[[], bytes] | None = None

    def page(self, path: str, authorization: str, *, trusted: bool = False) -> Page | None:
        """What `path` answers; None when it is none of ours.  `trusted`: no token is asked for."""
        if path not in PATHS:
            return None
        known = trusted or self._holds_token(authorization)
        if path == "/metrics":
            return self._metrics() if known else self._refused()
        health = (self.alive if path == "/healthz" else self.ready).ask()
        body = json.dumps(health.to_json(reasons=known), indent=1).encode() + b"\n"
        return Page(200 if health.ok else 503, JSON, body)

    def _holds_token(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        token = self.token()
        return (
            bool(token)
            and scheme.lower() == "bearer"
            and hmac.compare_digest(given.strip().encode(), token.encode())
        )

    def _refused(self) -> Page:
        why = (
            "send Authorization: Bearer with the token of --metrics-token-file"
            if self.token()
            else "metrics are not offered here; set --metrics-token-file or --metrics-listen"
        )
        return Page(401, JSON, json.dumps({"error": why}).encode() + b"\n")

    def _metrics(self) -> Page:
        from eaves.controller.observe import exposition  # noqa: PLC0415 - loaded at the first look

        if self._text is None:
            self._text = exposition.Exposition(self.meters).text
        return Page(200, exposition.CONTENT_TYPE, self._text())
