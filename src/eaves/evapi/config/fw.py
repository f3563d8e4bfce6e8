"""Access control entries of app interfaces.  config/fw.proto."""

from dataclasses import dataclass, field

from eaves.evapi.codec import OpenEnum


class ACEDirection(OpenEnum):
    BOTH = 0
    INGRESS = 1
    EGRESS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ACEMatch:
    type: str = ""
    value: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ACEAction:
    drop: bool = False
    limit: bool = False
    limitrate: int = 0
    limitunit: str = ""
    limitburst: int = 0
    portmap: bool = False
    app_port: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ACE:
    matches: tuple[ACEMatch, ...] = ()
    actions: tuple[ACEAction, ...] = ()
    name: str = ""
    id: int = 0
    dir: ACEDirection = ACEDirection.BOTH
    rest: bytes = field(default=b"", repr=False)
