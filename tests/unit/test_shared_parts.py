"""What devices have in common is encoded once, and says the same."""

import ipaddress

import pytest

from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.netinsts import NetInstConfig, NetworkInstanceKind
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.render.netinsts import network_instances
from eaves.evapi.config import EdgeDevConfig, PhysicalIO, UUIDandVersion, undated
from eaves.evapi.direct import SharedParts
from eaves.hostnames import default_leases

PORTS = tuple(
    PhysicalIO(logicallabel=f"eth{n}", phyaddrs={"Ifname": f"eth{n}", "PciLong": "0000:02:00.0"})
    for n in range(4)
)


def config_of(device: str, ports: tuple[PhysicalIO, ...]) -> EdgeDevConfig:
    return EdgeDevConfig(id=UUIDandVersion(uuid=device), device_io_list=ports, device_name=device)


def test_configs_with_a_shared_part_have_the_bytes_of_those_without() -> None:
    shared = SharedParts()
    kept, equal = shared.keep(PORTS), tuple(PORTS[:])
    for device in ("a", "b"):
        expected = undated(config_of(device, PORTS))
        assert undated(config_of(device, kept), shared) == expected
        assert undated(config_of(device, equal), shared) == expected
    assert undated(config_of("c", PORTS[:2]), shared) == undated(config_of("c", PORTS[:2]))


@pytest.mark.parametrize("number", range(40))
def test_an_automatic_subnet_leases_what_every_subnet_of_its_size_does(number: int) -> None:
    netinst = NetInstConfig(id=f"n-{number}", name="n", kind=NetworkInstanceKind.LOCAL)
    (made,) = network_instances(DeviceInputs(device=DeviceConfig(), netinsts=(netinst,)))
    assert made.ip is not None
    assert made.ip.dhcp_range is not None
    subnet = ipaddress.IPv4Network(made.ip.subnet)
    gateway = subnet.network_address + 1
    first, last = default_leases(subnet, gateway)
    told = (made.ip.gateway, made.ip.dhcp_range.start, made.ip.dhcp_range.end)
    assert told == (str(gateway), str(first), str(last))
