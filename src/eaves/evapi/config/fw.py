"""Access control entries of app interfaces.  config/fw.proto."""

from dataclasses import dataclass, field

from eaves.evapi.codec import OpenEnum


class ACEDirection(OpenEnum):
    BOTH = 0
    INGRESS = 1
    EGRESS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ACEMatch:
    type: str = ""  # ip, host, eidset, protocol, lport, fport, adapter
    value: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ACEAction:
    drop: bool = False
    limit: bool = False
    limitrate: int = 0  # packets for each limitunit
    limitunit: str = ""  # second, minute or hour
    limitburst: int = 0
    portmap: bool = False
    app_port: int = 0  # port of the app that the matched device port maps to
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ACE:
    matches: tuple[ACEMatch, ...] = ()
    actions: tuple[ACEAction, ...] = ()
    name: str = ""
    id: int = 0
    dir: ACEDirection = ACEDirection.BOTH
    rest: bytes = field(default=b"", repr=False)
