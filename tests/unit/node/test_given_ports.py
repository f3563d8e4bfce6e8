"""Files that tell a node its network before, or beside, a controller."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.ports import adapter, config
from wire import golden

from eaves.errors import EavesError
from eaves.evapi.bootstrap import PARTS, open_bootstrap
from eaves.evapi.certs import ZCertType, encode_z_cert, published
from eaves.evapi.config import (
    BootstrapConfig,
    EdgeDevConfig,
    decode_bootstrap_config,
    encode_bootstrap_config,
    encode_edge_dev_config,
)
from eaves.evapi.envelope import controller_sender, seal
from eaves.evapi.errors import CertificateTimeInvalid
from eaves.evapi.keys import KeySigner
from eaves.node.runtime.given_ports import BOOTSTRAP, OVERRIDES, GivenPorts
from eaves.node.uplinks import ledger as lists
from eaves.node.uplinks.entries import entry_of, slim
from eaves.node.uplinks.model import Entry, Source

ROOT = golden.pem("root-certificate")
FILE = {"Version": 1, "Ports": [{"IfName": "eth0", "IsMgmt": True, "Dhcp": 4}]}


def signed(payload: bytes, certificate: str = "ctrl-signing", by: str = "ctrl-signing") -> bytes:
    pem = golden.pem(f"{certificate}.cert")
    listed = (
        published(pem, ZCertType.CERT_TYPE_CONTROLLER_SIGNING),
        published(golden.pem("intermediate"), ZCertType.CERT_TYPE_CONTROLLER_INTERMEDIATE),
    )
    return encode_bootstrap_config(
        BootstrapConfig(
            signed_config=seal(payload, controller_sender(KeySigner(golden.private_key(by)), pem)),
            controller_certs=tuple(encode_z_cert(one) for one in listed),
        )
    )


WHOLE = config(adapter("eth0"))
GOOD = signed(encode_edge_dev_config(WHOLE))


class Node:
    """The list of candidates as the uplinks keep it."""

    def __init__(self, folder: Path) -> None:
        self.now = golden.NOW
        self.ledger: lists.Ledger = ()
        self.entered = 0
        self.configured = False
        self.folder = folder
        self.given = self.started()

    def started(self) -> GivenPorts:
        return GivenPorts(
            self.folder, ROOT, lambda: self.now, self, self.first, lambda: self.configured
        )

    def first(self, told: EdgeDevConfig) -> None:
        self.enter(entry_of(slim(told), Source.BOOTSTRAP, self.now))

    def enter(self, entry: Entry) -> None:
        self.entered += 1
        self.ledger = lists.enter(self.ledger, entry)

    def withdraw(self, source: Source) -> None:
        self.ledger = lists.withdraw(self.ledger, source)

    def write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def told(self) -> list[tuple[str, str]]:
        self.given.look()
        return [(k.entry.source.value, k.marks.error) for k in self.ledger]


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def override(node: Node, source: Source, **more: object) -> None:
    node.write(OVERRIDES[source], json.dumps({**FILE, **more}).encode())


def test_the_file_of_a_foreign_controller_is_opened() -> None:
    found = open_bootstrap(golden.data("bootstrap_config"), ROOT, golden.NOW)
    assert [a.name for a in found.system_adapter_list] == ["eth0"]
    assert found.config_timestamp is not None


def test_nothing_but_the_network_and_properties_is_read() -> None:
    told = EdgeDevConfig(
        device_name="n", maintenance_mode=True, system_adapter_list=WHOLE.system_adapter_list
    )
    found = open_bootstrap(signed(encode_edge_dev_config(told)), ROOT, golden.NOW)
    assert found == EdgeDevConfig(system_adapter_list=WHOLE.system_adapter_list)
    assert "system_adapter_list" in PARTS


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x01",
        GOOD[:-7],
        signed(encode_edge_dev_config(WHOLE), by="device"),
        signed(encode_edge_dev_config(WHOLE), "device", "device"),
        signed(b"\xff\xff"),
    ],
    ids=["empty", "no message", "cut", "another key", "not by the root", "no configuration"],
)
def test_a_file_that_the_controller_did_not_sign_so_is_told_and_not_used(
    node: Node, data: bytes
) -> None:
    with pytest.raises(EavesError):
        open_bootstrap(data, ROOT, golden.NOW)
    node.write(BOOTSTRAP, data)
    ((source, error),) = node.told()
    assert source == "bootstrap"
    assert error.startswith("bootstrap-config.pb is not used: ")
    assert not any(k.entry.usable for k in node.ledger)


def test_the_file_may_come_without_the_encryption_certificate() -> None:
    assert len(decode_bootstrap_config(GOOD).controller_certs) == 2
    assert open_bootstrap(GOOD, ROOT, golden.NOW) == WHOLE


def test_a_clock_that_is_wrong_is_told_and_the_file_taken_once_it_is_set(node: Node) -> None:
    node.now = datetime.fromtimestamp(0, golden.NOW.tzinfo)
    with pytest.raises(CertificateTimeInvalid):
        open_bootstrap(GOOD, ROOT, node.now)
    node.write(BOOTSTRAP, GOOD)
    assert "correct the clock" in node.told()[0][1]
    node.now = golden.NOW
    assert node.told() == [("bootstrap", "")]


def test_a_configuration_of_the_controller_makes_the_file_old(node: Node) -> None:
    node.configured = True
    node.write(BOOTSTRAP, GOOD)
    assert node.told() == []


def test_files_of_a_person_are_not_read_beside_that_of_the_controller(node: Node) -> None:
    override(node, Source.OVERRIDE)
    assert node.told() == [("override", "")]
    node.write(BOOTSTRAP, GOOD)
    assert node.told() == [("bootstrap", "")]


def test_the_same_files_are_entered_once(node: Node) -> None:
    override(node, Source.OVERRIDE)
    override(node, Source.USB, TimePriority="2020-01-01T00:00:00Z")
    first = node.told()
    node.now += timedelta(hours=1)
    assert node.told() == first == [("override", ""), ("usb", "")]
    assert node.entered == 2


def test_a_newer_file_stands_above_an_older_one_and_above_an_older_controller(node: Node) -> None:
    when: Callable[[int], str] = lambda year: f"{year}-01-01T00:00:00Z"  # noqa: E731 - as data
    node.enter(entry_of(slim(WHOLE), Source.CONTROLLER, golden.NOW))
    override(node, Source.OVERRIDE, TimePriority=when(golden.NOW.year - 1))
    override(node, Source.USB, TimePriority=when(golden.NOW.year + 1))
    assert [source for source, _ in node.told()] == ["usb", "zedagent", "override"]
    node.enter(entry_of(slim(config(adapter("eth7"))), Source.CONTROLLER, golden.NOW))
    assert node.told()[0][0] == "zedagent"  # whatever comes later from it is on top


def test_a_file_that_cannot_be_used_is_told_last_and_mended_in_place(node: Node) -> None:
    node.enter(entry_of(slim(WHOLE), Source.CONTROLLER, golden.NOW))
    node.write(OVERRIDES[Source.USB], b'{"Ports": 7}')
    (_, error) = node.told()[1]
    assert "DevicePortConfig/usb.json is not used: Expected `array`" in error
    override(node, Source.USB, TimePriority="2019-01-01T00:00:00Z")
    assert node.told() == [("zedagent", ""), ("usb", "")]


def test_a_file_that_is_taken_away_is_withdrawn(node: Node) -> None:
    override(node, Source.OVERRIDE)
    node.told()
    (node.folder / OVERRIDES[Source.OVERRIDE]).unlink()
    assert node.told() == []
    override(node, Source.OVERRIDE)
    assert node.told() == [("override", "")]
    (node.folder / OVERRIDES[Source.OVERRIDE]).unlink()
    node.given = node.started()  # also when the node was not there to see it
    assert node.told() == []
