"""Interfaces of an entry on their way to network instances and ports; modules in their order."""

from pathlib import Path

import click
import pytest

from eaves.cli.disks import in_order
from eaves.cli.json_values import Json
from eaves.cli.marketplace.entries import by_interface, interfaces_of

FIREWALL: Json = {
    "manifestJSON": {
        "interfaces": [
            {"name": "outside"},
            {"name": "inside"},
            {"name": "service", "directattach": True, "type": "ETH", "optional": True},
        ]
    }
}


def test_each_interface_goes_into_the_network_instance_that_is_named_for_it() -> None:
    netinsts = by_interface(("uplink", "inside=plant"))
    made = interfaces_of(FIREWALL, netinsts, {})
    assert [(one["intfname"], one["netinstname"]) for one in made] == [
        ("outside", "uplink"),
        ("inside", "plant"),
    ]
    assert [one["netinstname"] for one in interfaces_of(FIREWALL, {}, {})] == ["", ""]


def test_every_interface_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(click.ClickException) as told:
        interfaces_of(FIREWALL, by_interface(("middle=plant", "service=x")), {"lan": "eth1"})
    said = told.value.message
    assert "there is no direct interface lan; it has service" in said
    assert "there is no interface middle in a network instance; it has inside, outside" in said
    assert "there is no interface service in a network instance" in said


def test_a_module_comes_behind_what_it_depends_on_and_one_that_is_built_in_is_left_out(
    tmp_path: Path,
) -> None:
    found: dict[str, Path] = {}
    for name, depends in (("nat", "conntrack,nf-tables"), ("conntrack", ""), ("nf_tables", "")):
        found[name] = tmp_path / f"{name}.ko"
        found[name].write_bytes(b"\x7fELF license=GPL\0depends=" + depends.encode() + b"\0more")
    assert in_order(("nat", "crc32c", "conntrack"), found) == ["conntrack", "nf_tables", "nat"]
