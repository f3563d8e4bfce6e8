"""The unit file of `eaves node install`."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from eaves.node.install import node_words, unit_text
from eaves.node.main import command
from eaves.node.settings import HostNetwork, Settings

SETTINGS = Settings(Path("/etc/eaves/node"), Path("/var/lib/eaves/node"), Path("/run/x"), "node")


def test_the_service_shares_the_mounts_of_the_machine() -> None:
    """A mount namespace of its own would hide apps from the next start."""
    text = unit_text("/usr/bin/eaves node", SETTINGS)
    private = ("PrivateTmp", "ProtectHome", "ProtectSystem", "ReadWritePaths", "PrivateDevices")
    assert not [word for word in private if word in text]
    assert "KillMode=process" in text


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "eaves-node.service"
    unit.write_text(unit_text("/bin/true", SETTINGS))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert "eaves-node.service" not in done.stderr, done.stderr


def test_the_service_uses_the_tpm_that_the_node_was_told_of() -> None:
    """Else a node that was told to use none would find that of the machine at its next start."""
    assert "--tpm" not in node_words(SETTINGS)
    assert node_words(replace(SETTINGS, tpm=""))[-2:] == ["--tpm", "none"]
    swtpm = replace(SETTINGS, tpm="swtpm:port=1", event_log=Path("/run/log"))
    assert node_words(swtpm)[-4:] == ["--tpm", "swtpm:port=1", "--event-log", "/run/log"]


def test_what_was_handed_over_is_so_at_every_start_of_the_service() -> None:
    assert "--host-network" not in node_words(SETTINGS)
    handed = replace(SETTINGS, host_network=HostNetwork.MANAGED, interfaces=("eth1", "eth2"))
    assert node_words(handed)[-6:] == [
        "--host-network",
        "managed",
        "--interface",
        "eth1",
        "--interface",
        "eth2",
    ]


def test_the_word_that_the_unit_holds_is_understood() -> None:
    """Without an interface it goes no further than to the question for one."""
    done = CliRunner().invoke(command, ["--host-network", HostNetwork.MANAGED, "diag"])
    assert "give both or neither" in done.output
