"""Ports and other I/O of a device: what is there and what it is for.  config/devmodel.proto."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eaves.evapi.config.devcommon import EthVF
from eaves.evapi.evecommon import BondMode, LacpRate, PhyIoMemberUsage, PhyIoType


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemAdapter:
    name: str = ""  # logical label of a PhysicalIO, VLAN or bond
    free_uplink: bool = False
    uplink: bool = False
    network_uuid: str = ""  # a NetworkConfig
    addr: str = ""
    alias: str = ""
    lower_layer_name: str = ""
    cost: int = 0  # 0 preferred, 255 last
    shared_labels: tuple[str, ...] = ()
    allow_local_modifications: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhyIOUsagePolicy:
    free_uplink: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VfList:
    vf_count: int = 0
    data: tuple[EthVF, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicalIO:
    """`phyaddrs` has the keys ifname, pcilong, serial, irq, ioports, usbaddr, usbproduct."""

    ptype: PhyIoType = PhyIoType.PhyIoNoop
    phylabel: str = ""
    phyaddrs: Mapping[str, str] = field(default_factory=dict[str, str])
    logicallabel: str = ""
    assigngrp: str = ""  # assigned together; empty: never assignable
    usage: PhyIoMemberUsage = PhyIoMemberUsage.PhyIoUsageNone
    usage_policy: PhyIOUsagePolicy | None = None
    cbattr: Mapping[str, str] = field(default_factory=dict[str, str])
    vflist: VfList | None = None
    parentassigngrp: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VlanAdapter:
    logicallabel: str = ""
    interface_name: str = ""
    lower_layer_name: str = ""
    vlan_id: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MIIMonitor:
    interval: int = 0
    updelay: int = 0
    downdelay: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArpMonitor:
    interval: int = 0
    ip_targets: tuple[str, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BondAdapter:
    logicallabel: str = ""
    interface_name: str = ""
    lower_layer_names: tuple[str, ...] = ()
    bond_mode: BondMode = BondMode.BOND_MODE_UNSPECIFIED
    mii: MIIMonitor | None = None
    arp: ArpMonitor | None = None
    lacp_rate: LacpRate = LacpRate.LACP_RATE_UNSPECIFIED
    rest: bytes = field(default=b"", repr=False)
