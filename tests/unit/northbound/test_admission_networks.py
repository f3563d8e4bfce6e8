"""Texts of networks and network instances that devices write into files of other programs."""

from collections.abc import Iterable

import pytest

from eaves.controller.domain.admission import Refusal, admit_netinst, admit_network
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.networks import NetConfig
from eaves.controller.domain.contract.projects import Tag
from eaves.hostnames import domain_of

PROJECT = Tag(id="project", name="project", title="Project")
DEVICE = DeviceConfig(id="device", name="device", title="Device")


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("example.com", "example.com"),
        ("http://example.com", "example.com"),
        ("", ""),
        ("http://a/b", "a/b"),
        ("://x", "://x"),
    ],
)
def test_a_domain_may_be_written_like_a_url(text: str, domain: str) -> None:
    assert domain_of(text) == domain


def members(refusals: Iterable[Refusal]) -> set[str]:
    return {refusal.member for refusal in refusals}


def test_names_and_servers_that_devices_write_down_are_checked_all_at_once() -> None:
    bad = NetInstConfig.from_json(
        {
            "name": "nat",
            "title": "NAT",
            "deviceId": "device",
            "kind": "LOCAL",
            "ip": {
                "subnet": "10.1.0.0/24",
                "domain": "http://x\nuser=root",
                "dns": ["9.9.9.9", "not-an-ip", "fe80::1%x\ny"],
                "ntp": "a b",
                "ntpServers": [{"server": "time.example.org"}, {"server": "192.0.2.1,x"}],
            },
            "dnsList": [
                {"hostname": "h,10.9.9.9\ndhcp-script=/x\nhost-record=h2", "addrs": ["10.1.0.9"]},
                {"hostname": "db.", "addrs": ["10.1.0.9", "x"]},
                {"hostname": "a" * 64},
            ],
        }
    )
    refusals = admit_netinst(bad, None, device=DEVICE, model=None, siblings=())
    assert members(refusals) == {
        "ip.domain",
        "ip.dns[1]",
        "ip.dns[2]",
        "ip.ntp",
        "ip.ntpServers[1].server",
        "dnsList[0].hostname",
        "dnsList[1].addrs[1]",
        "dnsList[2].hostname",
    }
    network = NetConfig.from_json(
        {
            "name": "net",
            "title": "Net",
            "ip": {"domain": "a/b", "dns": ["x"], "ntp": "a;b"},
            "dnsList": [{"hostname": "a b"}],
        }
    )
    refusals = admit_network(network, None, project=PROJECT)
    assert members(refusals) == {"ip.domain", "ip.dns[0]", "ip.ntp", "dnsList[0].hostname"}
