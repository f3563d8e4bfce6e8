"""Configuration through a local operator console.  config/compound_devconfig.proto."""

from dataclasses import dataclass, field

from eaves.evapi.config.devconfig import ConfigRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class CompoundEdgeDevConfigRequest:
    last_cmd_timestamp: int = 0
    cfg_req: ConfigRequest | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompoundEdgeDevConfig:
    timestamp: int = 0
    protected_config: bytes | None = None  # AuthContainer of a ConfigResponse, serialized
    dev_cmd: bytes | None = None  # profile.LocalDevCmd, serialized
    app_cmd_list: bytes | None = None  # profile.LocalAppCmdList, serialized
    radio_config: bytes | None = None  # profile.RadioConfig, serialized
    rest: bytes = field(default=b"", repr=False)
