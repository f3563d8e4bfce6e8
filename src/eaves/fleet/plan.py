"""What a configuration asks of a simulated device: a small value, kept in place of the whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.config import (
    AppInstanceConfig,
    EdgeDevConfig,
    PhyIoMemberUsage,
    PhyIoType,
    decode_edge_dev_config,
)
from eaves.evapi.config_items import PROPERTIES


@dataclass(frozen=True, slots=True)
class Port:
    label: str
    ifname: str
    group: str
    type: PhyIoType
    usage: PhyIoMemberUsage


@dataclass(frozen=True, slots=True)
class AppWish:
    app_id: str
    name: str
    version: str
    activate: bool
    restarts: int  # counters: another value than the last one triggers
    purges: int
    volumes: tuple[str, ...]
    vifs: tuple[tuple[str, str], ...]  # name inside the app, network instance
    memory_mib: int


@dataclass(frozen=True, slots=True)
class Named:
    """A network instance, volume or content tree."""

    id: str
    name: str
    version: str = ""
    number: int = 0  # type of a network instance, generation of a volume
    size_bytes: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """`items`: the configuration items that were set; the others rest at their defaults."""

    timestamp: datetime | None = None
    epoch: int = 0
    reboots: int = 0
    maker: str = ""
    product: str = ""
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    ports: tuple[Port, ...] = ()
    management: frozenset[str] = frozenset()  # labels
    items: Mapping[str, str] = field(default_factory=dict[str, str])
    apps: tuple[AppWish, ...] = ()
    networks: tuple[Named, ...] = ()
    volumes: tuple[Named, ...] = ()
    trees: tuple[Named, ...] = ()

    def interval_s(self, key: str) -> float:
        """An interval in force: as configured if in range, else its default."""
        row = PROPERTIES[key]
        try:
            number = int(self.items.get(key, row.default))
        except ValueError:
            number = int(row.default)
        return float(number if row.least <= number <= row.most else row.default)


def plan_of(config: bytes) -> Plan:
    """Raises MalformedMessage."""
    return _plan(decode_edge_dev_config(config))


def _plan(config: EdgeDevConfig) -> Plan:
    return Plan(
        timestamp=config.config_timestamp,
        epoch=config.controller_epoch,
        reboots=config.reboot.counter if config.reboot else 0,
        maker=config.manufacturer,
        product=config.product_name,
        names={
            "device_name": config.device_name,
            "project_name": config.project_name,
            "project_id": config.project_id,
            "enterprise_name": config.enterprise_name,
            "enterprise_id": config.enterprise_id,
        },
        ports=tuple(
            Port(
                io.logicallabel or io.phylabel,
                io.phyaddrs.get("ifname", ""),
                io.assigngrp,
                io.ptype,
                io.usage,
            )
            for io in config.device_io_list
        ),
        management=frozenset(a.name for a in config.system_adapter_list if a.uplink),
        items={item.key: item.value for item in config.config_items},
        apps=tuple(_app(app) for app in config.apps),
        networks=tuple(
            Named(
                n.uuidandversion.uuid if n.uuidandversion else "",
                n.displayname,
                n.uuidandversion.version if n.uuidandversion else "",
                int(n.inst_type),
            )
            for n in config.network_instances
        ),
        volumes=tuple(
            Named(v.uuid, v.display_name, number=v.generation_count, size_bytes=v.maxsizebytes)
            for v in config.volumes
        ),
        trees=tuple(
            Named(
                t.uuid,
                t.display_name,
                number=t.generation_count,
                size_bytes=t.max_size_bytes,
                sha256=t.sha256,
            )
            for t in config.content_info
        ),
    )


def _app(app: AppInstanceConfig) -> AppWish:
    return AppWish(
        app_id=app.uuidandversion.uuid if app.uuidandversion else "",
        name=app.displayname,
        version=app.uuidandversion.version if app.uuidandversion else "",
        activate=app.activate,
        restarts=app.restart.counter if app.restart else 0,
        purges=app.purge.counter if app.purge else 0,
        volumes=tuple(v.uuid for v in app.volume_ref_list),
        vifs=tuple((i.name, i.network_id) for i in app.interfaces),
        memory_mib=app.fixedresources.memory // 1024 if app.fixedresources else 0,
    )
