"""One request that writes: who asks, when, in which transaction, and what it changed so far."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from eaves.controller.domain.admission import Refusal
from eaves.controller.domain.authz import EVERYTHING, Rights
from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.scope import Scope
from eaves.controller.keys import KeyStore
from eaves.controller.store.events import Event
from eaves.controller.store.objects import Stamp
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId

T = TypeVar("T", bound=Contract)

Random = Callable[[int], bytes]
Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Principal:
    """Who makes a request; made by authorization only."""

    user_id: str
    user_name: str
    scope: Scope  # for what this request needs
    token_id: str
    token_kind: str  # session | api
    client: str
    must_change_password: bool
    rights: Rights = EVERYTHING  # in the enterprise of the scope
    home: str = ""  # the enterprise of this request; `scope` may look at one below it
    reads_secrets: bool = False  # the token was made for it; what of, the rights say


@dataclass(frozen=True)
class Work:
    """A transaction of one request."""

    db: Db
    principal: Principal
    now: datetime
    request_id: str
    random: Random
    keys: KeyStore
    changed: set[DeviceId] = field(default_factory=set[DeviceId])  # to be rendered
    told: set[DeviceId] = field(default_factory=set[DeviceId])  # the device side reads them again
    render_later: bool = False  # by whoever began the transaction: policies, then rendering
    touched: dict[str, str] = field(default_factory=dict[str, str])  # that policies are to look at
    render_jobs: list[str] = field(default_factory=list[str])  # that this request left behind
    alarms: list[Event] = field(default_factory=list[Event])  # told even where it is refused
    realms: tuple[str, ...] = ()  # that an enterprise is to have

    @property
    def scope(self) -> Scope:
        return self.principal.scope

    @property
    def stamp(self) -> Stamp:
        return Stamp(at=self.now, by=self.principal.user_name)

    @property
    def render_job(self) -> str:
        """The job that renders what this request changed; empty when that is done already."""
        return self.render_jobs[-1] if self.render_jobs else ""

    def new_id(self) -> str:
        return str(uuid.UUID(bytes=self.random(16), version=4))


@dataclass(frozen=True)
class Prepared(Generic[T]):
    """An object as it would be stored, and every reason not to."""

    wanted: T
    refusals: tuple[Refusal, ...]
    references: frozenset[str] | None = frozenset()  # None: those that are stored
    project_id: str = ""
    device_id: str = ""
    state: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)  # by field
    secret_fields: frozenset[str] | None = None  # all that it may have; None: any
    after: Callable[[], Awaitable[None]] | None = None  # once it is stored, before rendering
