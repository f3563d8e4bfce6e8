"""Small configurations of a whole node, from few choices: apps, network instances, ports."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from support.ports import adapter, nic
from support.ports import network as ip_network

from eaves.evapi.config import (
    ACE,
    ACEMatch,
    Adapter,
    AppInstanceConfig,
    ContentTree,
    DatastoreConfig,
    DsType,
    EdgeDevConfig,
    Format,
    NetworkAdapter,
    NetworkInstanceConfig,
    UUIDandVersion,
    VmConfig,
    Volume,
    VolumeContentOrigin,
    VolumeContentOriginType,
    VolumeRef,
    ZNetworkInstType,
)
from eaves.evapi.config.appconfig import InstanceOpsCmd
from eaves.evapi.evecommon import Ipspec

APPS = (0, 1, 2)
MACHINE = 2  # that app is a virtual machine, the others are containers
NETWORKS = (0, 1, 2)
SWITCH = 2  # that one is a switch, on the last port
PORTS = ("eth0", "eth1", "eth2", "eth3")
DISKS, IMAGES = "disks", "images"


@dataclass(frozen=True, slots=True)
class AppWish:
    """One app.  Other volumes come with another purge."""

    active: bool = True
    restarts: int = 0
    purges: int = 0
    networks: tuple[int, ...] = (0,)
    entries: int = 1  # of its access list
    memory_mib: int = 128


@dataclass(frozen=True, slots=True)
class Wish:
    """What the controller wants of a node."""

    ports: tuple[str, ...] = ("eth0",)
    networks: frozenset[int] = frozenset({0})
    apps: Mapping[int, AppWish] = field(default_factory=dict[int, AppWish])


def uuid(kind: int, number: int) -> str:
    return f"{kind:08d}-0000-4000-8000-{number:012d}"


def device(wish: Wish) -> EdgeDevConfig:
    return EdgeDevConfig(
        apps=tuple(_app(n, app) for n, app in sorted(wish.apps.items())),
        network_instances=tuple(_network(n) for n in sorted(wish.networks)),
        volumes=tuple(_volume(n, app) for n, app in sorted(wish.apps.items())),
        content_info=tuple(_tree(n) for n in sorted(wish.apps)),
        datastores=(
            DatastoreConfig(id=IMAGES, d_type=DsType.DsContainerRegistry, fqdn="docker://r.test"),
            DatastoreConfig(id=DISKS, d_type=DsType.DsHttp, fqdn="http://d.test"),
        ),
        device_io_list=tuple(nic(name) for name in PORTS),
        system_adapter_list=tuple(adapter(name, cost=n) for n, name in enumerate(wish.ports)),
        networks=(ip_network(),),
    )


def _app(number: int, wish: AppWish) -> AppInstanceConfig:
    return AppInstanceConfig(
        uuidandversion=UUIDandVersion(uuid=uuid(1, number), version="1"),
        displayname=f"app-{number}",
        activate=wish.active,
        fixedresources=VmConfig(memory=wish.memory_mib << 10, vcpus=1),
        restart=InstanceOpsCmd(counter=wish.restarts),
        purge=InstanceOpsCmd(counter=wish.purges),
        volume_ref_list=(
            VolumeRef(uuid=uuid(3, number), generation_count=wish.purges, mount_dir="/"),
        ),
        interfaces=tuple(
            NetworkAdapter(
                name=f"eth{index}",
                network_id=uuid(2, network),
                acls=tuple(_entry(n) for n in range(1, wish.entries + 1)),
            )
            for index, network in enumerate(wish.networks)
        ),
    )


def _entry(number: int) -> ACE:
    return ACE(id=number, matches=(ACEMatch(type="ip", value=f"203.0.113.{number}"),))


def _network(number: int) -> NetworkInstanceConfig:
    if number == SWITCH:
        return NetworkInstanceConfig(
            uuidandversion=UUIDandVersion(uuid=uuid(2, number), version="1"),
            displayname=f"switch-{number}",
            inst_type=ZNetworkInstType.ZnetInstSwitch,
            activate=True,
            port=Adapter(name=PORTS[-1]),
        )
    return NetworkInstanceConfig(
        uuidandversion=UUIDandVersion(uuid=uuid(2, number), version="1"),
        displayname=f"net-{number}",
        inst_type=ZNetworkInstType.ZnetInstLocal,
        activate=True,
        port=Adapter(name="uplink") if number == 0 else None,
        ip=Ipspec(subnet=f"10.{100 + number}.0.0/24"),
    )


def _volume(number: int, wish: AppWish) -> Volume:
    return Volume(
        uuid=uuid(3, number),
        generation_count=wish.purges,
        origin=VolumeContentOrigin(
            type=VolumeContentOriginType.VCOT_DOWNLOAD, download_content_tree_id=uuid(4, number)
        ),
        display_name=f"volume-{number}",
    )


def _tree(number: int) -> ContentTree:
    machine = number == MACHINE
    return ContentTree(
        uuid=uuid(4, number),
        ds_id=DISKS if machine else IMAGES,
        url=f"disk-{number}" if machine else f"image:{number}",
        iformat=Format.QCOW2 if machine else Format.CONTAINER,
        sha256=f"{number:064x}",
        display_name=f"content-{number}",
    )
