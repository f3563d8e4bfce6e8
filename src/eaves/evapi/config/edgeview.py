"""Remote troubleshooting sessions.  config/edgeview.proto."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class DevDebugAccessPolicy:
    allow_dev: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppDebugAccessPolicy:
    allow_app: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalEndPointPolicy:
    allow_ext: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeViewConfig:
    token: str = field(default="", repr=False)
    disp_cert_pem: tuple[bytes, ...] = ()
    dev_policy: DevDebugAccessPolicy | None = None
    app_policy: AppDebugAccessPolicy | None = None
    ext_policy: ExternalEndPointPolicy | None = None
    generation_id: int = 0
    rest: bytes = field(default=b"", repr=False)
