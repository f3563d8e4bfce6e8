"""Brands and models.

One file for each brand.  A model names its ports one by one; a port without a physical address is
one whose address is not publicly known: import the model, then draft the addresses from a node.
Figures in `attr` that admission compares (`memory`, `storage`, `Cpus`) are given only where every
machine of the model has them; where they depend on the order, `memoryMax` and its like say what is
possible.  `source` says what kind of document the facts come from, `seen` whether this project ran
on the machine.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from eaves.controller.catalogue.files import (
    Entry,
    MalformedEntryError,
    entries,
    only,
    revision,
    stable_id,
)
from eaves.controller.domain.contract.catalogue import (
    AdapterUsage,
    IoMember,
    IoType,
    ModelArchType,
    SysBrand,
    SysModel,
    SysModelState,
    Vfs,
)
from eaves.controller.domain.contract.envelope import Origin

BRAND_KEYS = frozenset({"name", "title", "description", "maker"})
FILE_KEYS = frozenset({"brand", "models"})
MODEL_KEYS = frozenset(
    {"name", "title", "description", "version", "arch", "url", "status"}
    | {"attr", "ports", "source", "addresses", "seen"}
)
ADDRESS_KEYS = {
    "if": "Ifname",
    "pci": "PciLong",
    "serial": "Serial",
    "irq": "Irq",
    "ioports": "Ioports",
    "usb": "UsbAddr",
    "product": "UsbProduct",
}
PORT_KEYS = frozenset(
    {"label", "print", "type", "usage", "group", "parent", "cost", "vfs", *ADDRESS_KEYS}
)
SOURCE = "factsFrom"
ADDRESSES = "addressesFrom"
SEEN = "seenOnHardware"
FROM_NODE = "not public: draft them from a node"


@dataclass(frozen=True)
class Hardware:
    brands: tuple[SysBrand, ...]
    models: tuple[SysModel, ...]

    def find_brand(self, *, brand_id: str = "", name: str = "") -> SysBrand | None:
        return next((b for b in self.brands if b.id == brand_id or b.name == name), None)

    def find_model(self, *, model_id: str = "", name: str = "") -> SysModel | None:
        return next((m for m in self.models if m.id == model_id or m.name == name), None)


@cache
def hardware() -> Hardware:
    """Every brand and model that ships, ordered by brand and name.  Raises MalformedEntryError."""
    brands: list[SysBrand] = []
    models: list[SysModel] = []
    for where, document in entries("models"):
        only(document, FILE_KEYS, where)
        brand = _brand(document["brand"], where)
        brands.append(brand)
        models += sorted(_models(document["models"], brand, where), key=lambda one: one.name)
    return Hardware(tuple(brands), tuple(models))


def _brand(entry: Entry, where: str) -> SysBrand:
    only(entry, BRAND_KEYS, where)
    return SysBrand(
        id=stable_id("brand", entry["name"]),
        name=entry["name"],
        title=entry["title"],
        description=entry.get("description", ""),
        system_mfg_name=entry.get("maker", ""),
        origin_type=Origin.GLOBAL,
        state=SysModelState.ACTIVE,
        revision=revision(1),
    )


def _models(listed: list[Entry], brand: SysBrand, where: str) -> Iterator[SysModel]:
    for entry in listed:
        at = f"{where}: {entry.get('name')}"
        only(entry, MODEL_KEYS, at)
        attr = {key: str(text) for key, text in entry.get("attr", {}).items()}
        ports = tuple(_port(port, at) for port in entry["ports"])
        addresses = entry.get("addresses", "")
        if not addresses:
            addresses = FROM_NODE if any(not port.phyaddrs for port in ports) else entry["source"]
        yield SysModel(
            id=stable_id("model", entry["name"]),
            name=entry["name"],
            title=entry["title"],
            description=entry.get("description", ""),
            brand_id=brand.id,
            brand_name=brand.name,
            type=ModelArchType(entry["arch"]),
            attr={
                **attr,
                SOURCE: entry["source"],
                ADDRESSES: addresses,
                SEEN: "yes" if entry.get("seen", False) else "no",
            },
            io_member_list=ports,
            product_url=entry.get("url", ""),
            product_status=entry.get("status", "production"),
            state=SysModelState.ACTIVE,
            origin_type=Origin.GLOBAL,
            revision=revision(entry.get("version", 1)),
        )


def _port(port: Mapping[str, Any], at: str) -> IoMember:
    only(port, PORT_KEYS, f"{at}: port {port.get('label')}")
    kind = IoType(f"IO_TYPE_{port['type']}")
    usage = AdapterUsage(f"ADAPTER_USAGE_{port.get('usage', 'UNSPECIFIED')}")
    if not kind.known or not usage.known:
        raise MalformedEntryError(f"{at}: port {port['label']}: {kind.value}, {usage.value}")
    return IoMember(
        logicallabel=port["label"],
        phylabel=str(port.get("print", port["label"])),
        ztype=kind,
        usage=usage,
        assigngrp=port.get("group", ""),
        parentassigngrp=port.get("parent", ""),
        phyaddrs={name: str(port[key]) for key, name in ADDRESS_KEYS.items() if port.get(key)},
        cost=port.get("cost", 0),
        vfs=Vfs(count=port["vfs"]) if "vfs" in port else None,
    )
