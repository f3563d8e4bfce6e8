"""`eaves node vault` on the machine itself: what a person before it sees and can do."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner
from support.vault_ground import OTHER_LOADER, Machine, machine, values_of

from eaves.node.main import command

pytestmark = pytest.mark.host


@pytest.fixture
def ground(tmp_path: Path) -> Generator[Machine]:
    with machine(tmp_path) as one:
        yield one
    structlog.reset_defaults()


def run(ground: Machine, *words: str, typed: str = "", fails: bool = False) -> str:
    here = ("--state-dir", str(ground.disk), "--tpm", ground.chip.tcti, "vault")
    done = CliRunner().invoke(command, [*here, *words], input=typed)
    assert (done.exit_code != 0) == fails, done.output
    return done.output


def test_a_person_before_the_machine_reads_recovers_and_changes_the_vault(
    ground: Machine, tmp_path: Path
) -> None:
    assert "there is none yet: the node makes it when it starts" in run(ground, "status")
    assert "there is none" in run(ground, "recovery-key", fails=True)
    ground.vault()  # as the node does
    (ground.disk / "vault" / "file").write_text("kept")
    assert "vault open; opened by 1 of tpm, escrow" in run(ground, "status")
    key = run(ground, "recovery-key").splitlines()[0]
    run(ground, "lock")
    assert not (ground.disk / "vault" / "file").exists()
    assert "vault open" in run(ground, "unlock")

    ground.power_cut(OTHER_LOADER)
    assert "vault locked: PCR 4 differs" in run(ground, "unlock", fails=True)
    told = json.loads(run(ground, "status", "-o", "json"))
    assert (told["phase"], told["differs"], told["open"]) == ("locked", [4], False)
    wrong = run(ground, "recover", "--key-file", "-", typed=key[:-1], fails=True)
    assert "it has 36 letters and digits, 35 were given" in wrong
    (tmp_path / "key").write_text(key)
    assert "vault open" in run(ground, "recover", "--key-file", str(tmp_path / "key"))
    assert (ground.disk / "vault" / "file").read_text() == "kept"

    rotated = run(ground, "rotate", "--needed", "2")
    assert "opened by 2 of tpm, escrow, recovery" in rotated
    assert json.loads(run(ground, "status", "-o", "json"))["generation"] == 2
    assert "the TPM must be one" in run(ground, "rotate", "--holder", "escrow", fails=True)
    fewer = ("rotate", "--needed", "1", "--holder", "tpm", "--holder", "recovery")
    assert "1 of 2 shares of its key are here" in run(ground, *fewer, fails=True)
    assert "opened by 1 of tpm, recovery" in run(ground, *fewer, "--key-file", "-", typed=key)

    refused = run(ground, "expect", "4=beef", fails=True)
    assert "'4=beef' is not a PCR and its SHA-256 value" in refused
    usual = values_of(((4, b"loader 1"),))[4].hex()
    assert "an update that is expected" in run(ground, "expect", f"4={usual}")
    ground.power_cut()
    assert "vault open" in run(ground, "status")
    assert "an update that is expected" not in run(ground, "reseal")
    ground.power_cut(OTHER_LOADER)
    assert "PCR 4 differs" in run(ground, "status")
