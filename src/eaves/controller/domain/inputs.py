"""Everything that the configuration of one device is made from, as values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.contract.catalogue import SysModel
from eaves.controller.domain.contract.datastores import DatastoreInfo, ImageConfig
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.enrolment import SCEPProfile
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.networks import NetConfig
from eaves.controller.domain.contract.patches import PatchEnvelope
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.secrets import SecretName
from eaves.controller.domain.signed_images import ANY_IMAGE, ImageTrust
from eaves.controller.domain.snapshots import Snapshot
from eaves.evapi.direct import SharedParts
from eaves.evapi.keys import KeyAgreement

T = TypeVar("T")


@dataclass(frozen=True)
class DeviceInputs:
    """Objects carry their ids.  Lookups by id; `images` by id and by name; secrets are sealed."""

    device: DeviceConfig
    enterprise_id: str = ""
    enterprise_name: str = ""
    project: Tag | None = None
    model: SysModel | None = None
    networks: Mapping[str, NetConfig] = field(default_factory=dict[str, NetConfig])
    netinsts: tuple[NetInstConfig, ...] = ()
    volumes: tuple[VolInstConfig, ...] = ()
    instances: tuple[AppInstance, ...] = ()
    bundles: Mapping[str, App] = field(default_factory=dict[str, App])
    images: Mapping[str, ImageConfig] = field(default_factory=dict[str, ImageConfig])
    datastores: Mapping[str, DatastoreInfo] = field(default_factory=dict[str, DatastoreInfo])
    envelopes: Mapping[str, PatchEnvelope] = field(default_factory=dict[str, PatchEnvelope])
    enrolments: Mapping[str, SCEPProfile] = field(default_factory=dict[str, SCEPProfile])
    snapshots: Mapping[str, tuple[Snapshot, ...]] = field(  # by instance
        default_factory=dict[str, tuple[Snapshot, ...]]
    )
    secrets: Mapping[SecretName, bytes] = field(default_factory=dict[SecretName, bytes], repr=False)
    ecdh_pem: bytes = b""  # certificate of the device; empty until it has sent it
    ecdh_hash: bytes = b""  # 16 bytes, as the device computed it
    trust: ImageTrust = field(default=ANY_IMAGE, repr=False)  # which images its project lets in
    held: bytes = field(default=b"", repr=False)  # in force while it is locked; else empty
    epoch: int = 0  # of the controller's memory: another one after a backup was restored
    # parts that devices of one reading have in common, rendered once; says nothing of its own
    memo: dict[object, object] = field(
        default_factory=dict[object, object], repr=False, compare=False
    )
    shared: SharedParts = field(default_factory=SharedParts, repr=False, compare=False)

    def another(
        self,
        device: DeviceConfig,
        *,
        project: Tag | None,
        model: SysModel | None,
        netinsts: tuple[NetInstConfig, ...],
        volumes: tuple[VolInstConfig, ...],
        instances: tuple[AppInstance, ...],
        ecdh: tuple[bytes, bytes],  # certificate and hash
        trust: ImageTrust,
        held: bytes,
    ) -> "DeviceInputs":
        """Of another device of the same reading: what is not named here both have in common."""
        made = object.__new__(DeviceInputs)
        # a frozen dataclass sets its fields one by one, which takes ten times as long
        made.__dict__.update(
            self.__dict__,
            device=device,
            project=project,
            model=model,
            netinsts=netinsts,
            volumes=volumes,
            instances=instances,
            ecdh_pem=ecdh[0],
            ecdh_hash=ecdh[1],
            trust=trust,
            held=held,
        )
        return made

    def once(self, what: str, of: tuple[object, ...], make: Callable[[], T]) -> T:
        """What follows from these objects alone: made once for all devices that have them.

        They are told by what they are, not by what they say: readers give equal parts as one.
        """
        key = (what, *map(id, of))
        known = self.memo.get(key)
        if known is None:
            # with what it was made of, so that nothing else gets the number of one of them
            known = self.memo[key] = (of, make())
        return cast("tuple[object, T]", known)[1]

    def once_encoded(self, what: str, of: tuple[object, ...], make: Callable[[], T]) -> T:
        """As `once`, of what stands in the configuration as it is: it is encoded once as well."""
        return self.once(what, of, lambda: self.shared.keep(make()))


@dataclass(frozen=True, slots=True)
class ContentPlace:
    """Where devices fetch what the controller keeps for them, and which roots they trust there."""

    server: str = ""  # host:port
    root_pem: bytes = b""


def _no_key(_datastore_id: str, _device_id: str) -> str:
    return ""


@dataclass(frozen=True)
class ControllerFacts:
    """What the controller itself adds to every configuration."""

    controllercert_confighash: str
    ecdh_hash: bytes  # 16 bytes: of the certificate that new cipher blocks use
    ecdh_key: KeyAgreement = field(repr=False)
    open_secret: Callable[[str, bytes], bytes] = field(repr=False)  # (purpose, sealed) -> clear
    content: Callable[[], ContentPlace] = field(default=ContentPlace, repr=False)
    content_key: Callable[[str, str], str] = field(default=_no_key, repr=False)  # datastore, device
    # AES keys by ECDH certificate of the device: to agree on one costs more than all the rest
    agreed: dict[bytes, bytes] = field(
        default_factory=dict[bytes, bytes], repr=False, compare=False
    )
