"""Words that several parts of the configuration share.  config/devcommon.proto."""

from dataclasses import dataclass, field

from eaves.evapi.evecommon import PhyIoType


@dataclass(frozen=True, slots=True, kw_only=True)
class UUIDandVersion:
    uuid: str = ""  # lower-case UUID text
    version: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOpsCmd:
    counter: int = 0  # a value that differs from the stored one triggers
    desired_state: bool = False  # stored, not interpreted
    ops_time: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigItem:
    key: str = ""
    value: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EthVF:
    index: int = 0
    mac: str = ""
    vlan_id: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    type: PhyIoType = PhyIoType.PhyIoNoop
    name: str = ""
    eth_vf: EthVF | None = None
    interface_order: int = 0
    rest: bytes = field(default=b"", repr=False)
