"""The life of a node with a TPM as real processes, under a policy that enforces attestation.

Boots are played by the boot simulator: swtpm is extended by what a boot would measure, then the
node starts.  Everything else is the product: node, controller, command line.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.line import NETS, Line

from eaves.cli.demo.boots import CHANGES, Chain, Machine
from eaves.cli.demo.place import free_net, routed_nets

pytestmark = [pytest.mark.system, pytest.mark.host]

WORLD = """\
kind: project
name: vault
attestationPolicy:
  attestationPolicy: {type: ATTEST_POLICY_TYPE_ENFORCE}
---
kind: brand
name: any-maker
---
kind: model
name: measured-computer
brand: any-maker
type: AMD64
attr: {Cpus: "4", memory: 4G, storage: 8G}
ioMemberList:
  - ztype: IO_TYPE_ETH
    phylabel: eth0
    logicallabel: eth0
    assigngrp: eth0
    phyaddrs: {Ifname: eth0}
    usage: ADAPTER_USAGE_MANAGEMENT
    usagePolicy: {FreeUplink: true}
---
kind: device
name: first
project: vault
model: measured-computer
serialno: "@SERIAL@"
configItem:
  - {key: timer.config.interval, stringValue: "5"}
"""


@dataclass
class Measured:
    line: Line
    machine: Machine

    def power_cycle(self, chain: Chain, *options: str) -> None:
        """The power goes, the machine boots `chain`, the node starts."""
        self.line.cut_power()
        self.line.plug_in()
        self.machine.boot(chain)
        self.start(*options)

    def start(self, *options: str, wait: bool = True) -> None:
        self.line.node_options = options or (
            *("--tpm", self.machine.tcti),
            *("--event-log", str(self.machine.event_log)),
        )
        self.line.start_node(wait=wait)

    def shown(self) -> str:
        return self.line.eaves("attestation", "show", "first")

    def until_refused(self) -> str:
        """By its own words; what the controller tells a person then."""
        self.line.until(
            "the node knows that it is refused",
            lambda: "quote failed its policy" in self.line.status().controller.attestation_error,
        )
        assert not self.line.online()
        return self.shown()

    def until_attested(self) -> None:
        self.line.until("the node is attested", lambda: self.line.status().controller.attested_at)
        self.line.until("the node is on line", self.line.online)

    def ends_with(self, log: str) -> str:
        """The node process gives up by itself; what it said last."""
        assert self.line._node is not None
        assert self.line._node.wait(30) != 0
        return (self.line.root / log).read_text().splitlines()[-1]


@pytest.fixture
def measured(tmp_path: Path) -> Iterator[Measured]:
    line = Line(tmp_path, f"tpm{os.getpid() % 100_000}", free_net(routed_nets(), NETS))
    with Machine(tmp_path / "machine", line.host) as machine:
        try:
            line.plug_in()
            line.start_controller()
            line.log_in()
            line.apply(WORLD, serial=f"TPM-{line.name}")
            line.eaves("onboarding", "first", "--out", str(tmp_path / "config"))
            yield Measured(line, machine)
        finally:
            line.cut_power()
            line.stop_controller()


def test_what_a_node_booted_decides_what_it_gets(measured: Measured) -> None:
    line, machine = measured.line, measured.machine

    # The first boot: genuine, and nobody said yet that it is what the model may boot.
    machine.boot(Chain())
    measured.start()
    assert "FAIL_NO_PCR" in measured.until_refused()
    assert "TPM 2.0 at swtpm" in line.status().device.keys
    assert line.status().controller.config_hash == ""
    line.eaves("attestation", "accept", "first", "--as", "golden")

    # A reboot of the same: attested anew, because the token was in memory only.
    measured.power_cycle(Chain())
    measured.until_attested()
    assert re.search(r"PASS, attested \d+\w+ ago; enforced", measured.shown())
    assert re.search(r"attested \d+ \w+ ago", line.eaves("node", "--name", line.name, "status"))
    accepted = line.status().controller.config_hash
    assert accepted

    # A changed boot chain: no configuration, and the controller names what changed.
    measured.power_cycle(CHANGES["command line"](Chain()))
    shown = measured.until_refused()
    assert re.search(r"PCR 12: entry \d+ EV_IPL root=PARTLABEL=IMGA ro quiet init=/bin/sh", shown)

    # The change was meant.
    line.eaves("attestation", "accept", "first", "--as", "second")
    measured.power_cycle(CHANGES["command line"](Chain()))
    measured.until_attested()
    assert "PASS" in measured.shown()

    # The disk alone is nobody: not without the TPM, not in another machine.
    line.cut_power()
    line.plug_in()
    measured.start("--tpm", "none", wait=False)
    assert "was started without a TPM" in measured.ends_with("node.log")
    with Machine(line.root / "other machine", line.host) as other:
        other.boot(Chain())
        measured.start(*("--tpm", other.tcti, "--event-log", str(other.event_log)), wait=False)
        assert "holds no device key" in measured.ends_with("node.log")
    assert not (line.state / "identity" / "device.key.pem").exists()
