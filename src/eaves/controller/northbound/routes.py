"""One operation that is served: method, path below the base path, endpoint, and what it needs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from fastapi.responses import Response

from eaves.controller.domain.authz import Area, Needs, Rule, Verb
from eaves.controller.domain.contract.base import Contract
from eaves.controller.northbound.context import Context
from eaves.controller.store.tables import Kind

Endpoint = Callable[[Context, Request], Awaitable[Response]]

READ_DEVICES: Final = Rule(Area.DEVICE, Verb.READ)
READ_INSTANCES: Final = Rule(Area.APP_INSTANCE, Verb.READ)
CHANGE_DEVICES: Final = Rule(Area.DEVICE, Verb.UPDATE)
CHANGE_INSTANCES: Final = Rule(Area.APP_INSTANCE, Verb.UPDATE)
CHANGE_STORAGE: Final = Rule(Area.STORAGE, Verb.UPDATE)
RUN_DEVICES: Final = Rule(Area.DEVICE, Verb.EXECUTE)
RUN_INSTANCES: Final = Rule(Area.APP_INSTANCE, Verb.EXECUTE)
READ_ENTERPRISE: Final = Rule(Area.ENTERPRISE, Verb.READ)


AREAS: Final[Mapping[Kind, Area]] = {
    Kind.ENTERPRISE: Area.ENTERPRISE,
    Kind.USER: Area.USER,
    Kind.ROLE: Area.USER,
    Kind.REALM: Area.USER,
    Kind.AUTH_PROFILE: Area.USER,
    Kind.BRAND: Area.DEVICE,
    Kind.MODEL: Area.DEVICE,
    Kind.PROJECT: Area.DEVICE,
    Kind.NETWORK: Area.DEVICE,
    Kind.DATASTORE: Area.STORAGE,
    Kind.IMAGE: Area.STORAGE,
    Kind.DEVICE: Area.DEVICE,
    Kind.NETINST: Area.DEVICE,
    Kind.VOLUME: Area.DEVICE,
    Kind.APP: Area.EDGE_APP,
    Kind.APP_INSTANCE: Area.APP_INSTANCE,
    Kind.CEP: Area.DEVICE,
    Kind.DEPLOYMENT: Area.DEVICE,
    Kind.APP_PROFILE: Area.EDGE_APP,
    Kind.ASSET_GROUP: Area.DEVICE,
    Kind.PROFILE_DEPLOYMENT: Area.APP_INSTANCE,
    Kind.PATCH_ENVELOPE: Area.APP_INSTANCE,
    Kind.ARTIFACT: Area.STORAGE,
    Kind.ALERT_RULE: Area.DEVICE,
    Kind.ALERT_CHANNEL: Area.DEVICE,
}


def reads(kind: Kind) -> Rule:
    return Rule(AREAS[kind], Verb.READ)


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str  # a template below the base path
    endpoint: Endpoint
    needs: Needs
    takes: type[Contract] | None = None  # the body of an addition of ours
    gives: str = ""  # what an addition may answer besides JSON
    headers: tuple[tuple[str, str], ...] = ()  # of an addition: names, and what they mean
    query: tuple[tuple[str, str], ...] = ()  # as `headers`
