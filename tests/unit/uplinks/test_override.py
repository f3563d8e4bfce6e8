"""Files that a person writes at the machine: what they say, and what is refused."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ports import at

from eaves.errors import EavesError
from eaves.evapi.evecommon import BondMode, DHCPType, WiFiKeyScheme
from eaves.node.uplinks.entries import entry_of, slim
from eaves.node.uplinks.model import Adapter, Bond, Entry, Medium, Source, Vlan
from eaves.node.uplinks.override import MOST_BYTES, OverrideUnusable, override_config

PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
STATIC = {
    "IfName": "eth0",
    "Logicallabel": "wan",
    "IsMgmt": True,
    "Free": True,
    "Dhcp": 1,
    "AddrSubnet": "192.0.2.7/24",
    "Gateway": "192.0.2.1",
    "DomainName": "example.org",
    "NtpServer": "192.0.2.123",
    "DnsServers": ["192.0.2.53"],
    "Proxies": [{"Type": 1, "Server": "proxy.example.org", "Port": 3128}],
    "Exceptions": "localhost,.example.org",
    "ProxyCertPEM": [base64.b64encode(PEM.encode()).decode()],
    "VLAN": None,
}


def of(*ports: dict[str, Any], version: int = 1, **more: object) -> Entry:
    data = json.dumps({"Version": version, "Ports": ports, **more}).encode()
    return entry_of(slim(override_config(data)), Source.OVERRIDE, at(1))


def test_a_static_port_behind_a_proxy() -> None:
    entry = of(STATIC)
    (port,) = entry.ports
    assert entry.usable
    assert port.ip is not None
    assert (port.label, port.cost, port.management, port.wrong) == ("wan", 0, True, "")
    assert (port.ip.dhcp, port.ip.address) == (DHCPType.Static, "192.0.2.7/24")
    assert (port.ip.gateway, port.ip.domain) == ("192.0.2.1", "example.org")
    assert (port.ip.dns, port.ip.ntp) == (("192.0.2.53",), ("192.0.2.123",))
    assert [(s.scheme, s.host, s.port) for s in port.proxy.servers] == [
        ("https", "proxy.example.org", 3128)
    ]
    assert port.proxy.roots == (PEM,)
    assert port.proxy.exceptions == ("localhost", ".example.org")


def test_case_of_names_does_not_count() -> None:
    lower = {key.lower(): value for key, value in STATIC.items()}
    assert of(lower).ports == of(STATIC).ports


def test_a_vlan_on_a_bond_whose_members_are_no_ports() -> None:
    members = [{"IfName": n, "Logicallabel": n} for n in ("eth0", "eth1")]
    bond = {
        "Logicallabel": "bond",
        "IfName": "bond0",
        "L2Type": 2,
        "Bond": {
            "AggregatedPorts": ["eth0", "eth1"],
            "Mode": 2,
            "MIIMonitor": {"Enabled": True, "Interval": 100},
            "ARPMonitor": {"Enabled": False, "Interval": 5},
        },
    }
    vlan = {
        "Logicallabel": "office",
        "IfName": "bond0.7",
        "L2Type": 1,
        "VLAN": {"ParentPort": "bond", "ID": 7},
        "IsMgmt": True,
        "Dhcp": 4,
    }
    entry = of(*members, bond, vlan)
    assert [p.wrong for p in entry.ports] == ["", "", "", ""]
    assert [p.label for p in entry.ports if p.reaches_controller] == ["office"]
    devices = {d.label: d for d in entry.devices}
    made = devices["bond"]
    assert isinstance(made, Bond)
    assert (made.members, made.mode) == (("eth0", "eth1"), BondMode.BOND_MODE_ACTIVE_BACKUP)
    assert (made.mii_interval, made.arp_interval) == (100, 0)
    assert devices["office"] == Vlan("office", "bond0.7", "bond", 7)


def test_wireless_ports() -> None:
    wifi = {
        "IfName": "wlan0",
        "IsMgmt": True,
        "Dhcp": 4,
        "WirelessCfg": {"WType": 1, "Wifi": [{"SSID": "yard", "KeyScheme": 1, "Password": "ab"}]},
    }
    modem = {
        "IfName": "wwan0",
        "IsMgmt": True,
        "Dhcp": 4,
        "Cost": 10,
        "WirelessCfg": {"WType": 2, "Cellular": [{"APN": "internet"}]},
    }
    entry = of(wifi, modem)
    media = [d.medium for d in entry.devices if isinstance(d, Adapter)]
    assert media == [Medium.WIFI, Medium.CELLULAR]
    first, second = entry.ports
    assert [(w.wifi_ssid, w.key_scheme) for w in first.wifi] == [("yard", WiFiKeyScheme.WPAPSK)]
    assert second.cellular is not None
    assert [p.apn for p in second.cellular.access_points] == ["internet"]


def test_before_version_1_each_port_is_for_management() -> None:
    assert of({"IfName": "eth0", "Dhcp": 4}, version=0).usable
    with pytest.raises(OverrideUnusable, match="no port is for management"):
        of({"IfName": "eth0", "Dhcp": 4})


@pytest.mark.parametrize(("told", "year"), [("2026-02-03T04:05:06Z", 2026), (None, None)])
def test_the_time_of_a_file_is_the_one_that_it_tells(told: str | None, year: int | None) -> None:
    told = told or "0001-01-01T00:00:00Z"  # Go's way to say none
    data = json.dumps({"TimePriority": told, "Ports": [STATIC]}).encode()
    found = override_config(data).config_timestamp
    assert (found.year if found else None) == year


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "truncated"),
        (b"{}", "names no port"),
        (b"[]", r"Expected `object`"),
        (b"[" * 100_000, "recursion"),
        (b" " * (MOST_BYTES + 1), "at most"),
        (b'{"Ports": [{"Dhcp": "client"}]}', r"Expected `int`.*ports\[0\]\.dhcp"),
        (b'{"Ports": [{"IfName": "a"}, {"IfName": "a"}]}', "name of its own"),
        (b'{"Ports": [{"Dhcp": 4}]}', "name of its own"),
        (b'{"TimePriority": "2026-01-01T00:00:00", "Ports": []}', "timezone"),
        (b'{"Ports": [{"IfName": "a", "Dhcp": 4, "ProxyCertPEM": ["%"]}]}', "base64"),
    ],
)
def test_what_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(OverrideUnusable, match=f"(?is){why}"):
        override_config(data)


NUMBERS = st.integers(-(2**33), 2**33)
PORTS = st.dictionaries(
    st.sampled_from([*STATIC, "Cost", "MTU", "L2Type", "Bond", "WirelessCfg", "Type"]),
    st.none() | st.booleans() | NUMBERS | st.text(max_size=20) | st.lists(st.text(max_size=5)),
)


@settings(max_examples=50)
@given(st.lists(PORTS, max_size=4))
def test_any_file_is_used_or_refused(ports: list[dict[str, Any]]) -> None:
    try:
        entry = of(*ports)
    except EavesError:
        return
    assert len(entry.ports) == len(ports)
