"""`eaves demo --tpm`: a node whose boot is measured, under a policy that enforces attestation.

Boots are played, and the text says so: swtpm is extended by what a boot would measure.  Keys,
quotes, verification and refusals are those of the product.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from eaves.cli.demo.boots import CHANGES, Chain, Machine, free_pair
from eaves.cli.demo.place import Place
from eaves.cli.demo.processes import RUN_VARIABLE
from eaves.cli.demo.remains import Record
from eaves.cli.demo.sandbox import close_in, make_network
from eaves.cli.demo.scene import NODE_NAME, Scene
from eaves.cli.demo.tell import Teller

DEVICE: Final = "demo-node"
WAIT_S: Final = 180.0
TAMPERED: Final = "init=/bin/sh"


@contextmanager
def measured_stage(place: Place, record: Record) -> Generator[tuple[Scene, Machine]]:
    """Network and machine for the time of the block; processes are ended by `remains.remove`."""
    make_network(place)
    machine = Machine(
        place.folder / "machine",
        place.host,
        {RUN_VARIABLE: record.token},
        free_pair(place.host),
    )
    close_in(place, machine.port, machine.port + 1)
    with machine:
        yield Scene(place, record, 0), machine


class MeasuredStory:
    """`holds`: every line of evidence so far does."""

    def __init__(self, scene: Scene, machine: Machine, tell: Teller) -> None:
        self._scene, self._machine, self._tell = scene, machine, tell
        self.holds = True

    def tell_all(self) -> None:
        self._scene.start_controller()
        self._scene.log_in()
        self._tell.step(1, "A project that enforces attestation, and the record of a node")
        self._tell.command("apply", "-f", ".../measured.yaml")
        for line in self._scene.apply("measured.yaml").splitlines():
            self._tell.say(line)
        out = str(self._scene.place.config_dir)
        self._scene.eaves("onboarding", DEVICE, "--out", out)
        self._first_boot()
        self._accepted()
        self._tampered()
        self._meant()
        self._disk_alone()

    def _first_boot(self) -> None:
        self._tell.step(2, "The node is powered on for the first time")
        self._tell.say(
            "boots are played here: a TPM in software (swtpm) is extended by what firmware, boot"
        )
        self._tell.say(
            "loader and kernel would measure; the node, its keys and its quotes are real"
        )
        self._machine.boot(Chain())
        self._start_node()
        shown = self._until_shown("FAIL_NO_PCR")
        self._evidence("a boot that nobody accepted gets no configuration", shown[0])
        keys = next(line for line in self._status() if "TPM" in line)
        self._evidence("where its keys are", keys.strip())
        held = private_keys(self._scene.place.node_dir)
        self._evidence(
            "no private key is on its disk", ", ".join(held) or "none found", holds=not held
        )

    def _accepted(self) -> None:
        self._tell.step(3, "A person looks at what it measured, and accepts it for the model")
        self._order("accept", DEVICE, "--as", "golden")
        self._evidence("it attests under ENFORCE", self._until_shown(": PASS")[0])
        self._evidence("the node says so too", self._until_status("attested"))

    def _tampered(self) -> None:
        self._tell.step(4, f"Somebody boots it with {TAMPERED} (a simulated tampering)")
        self._boot(CHANGES["command line"](Chain()))
        named = next(line for line in self._until_shown(TAMPERED) if TAMPERED in line).strip()
        self._evidence(
            "it is refused, with PCR and entry of the event log", named, holds="PCR 12" in named
        )
        self._evidence("the node gets nothing and says why", self._until_status("NOT attested"))

    def _meant(self) -> None:
        self._tell.step(5, "The change was meant: one action accepts it")
        self._order("accept", DEVICE, "--as", "second")
        self._boot(CHANGES["command line"](Chain()))
        self._evidence("the same boot passes now", self._until_shown(": PASS")[0])

    def _disk_alone(self) -> None:
        self._tell.step(6, "Its disk in another machine")
        self._scene.stop_node()
        with Machine(
            self._machine.folder.with_name("other-machine"),
            self._machine.address,
            self._machine.environment,
            self._machine.port,
        ) as other:
            self._machine.power_off()
            other.boot(Chain())
            said = self._scene.start_node_that_ends(*_options(other))
        self._evidence("it is nobody there", said, holds="holds no device key" in said)

    # What it is made of

    def _boot(self, chain: Chain) -> None:
        self._scene.stop_node()
        self._machine.boot(chain)
        self._start_node()

    def _start_node(self) -> None:
        self._scene.start_node(*_options(self._machine))

    def _order(self, *words: str) -> None:
        self._tell.command("attestation", *words)
        self._tell.say(self._scene.eaves("attestation", *words).strip())

    def _until_shown(self, text: str) -> list[str]:
        """Lines of `eaves attestation show` once `text` is among them."""

        def shown() -> list[str]:
            found = self._scene.eaves("attestation", "show", DEVICE)
            return found.splitlines() if text in found else []

        return self._scene.until(f"the controller says {text}", shown, WAIT_S)

    def _status(self) -> list[str]:
        done = self._scene.try_eaves("node", "--name", NODE_NAME, "status")
        return done.stdout.splitlines() if done.returncode == 0 else []

    def _until_status(self, begins: str) -> str:
        def found() -> str:
            lines = (line.strip() for line in self._status())
            return next((line for line in lines if line.startswith(begins)), "")

        return self._scene.until(f"the node's status says {begins}", found, WAIT_S)

    def _evidence(self, what: str, shown: str, *, holds: bool = True) -> None:
        self.holds = self.holds and holds
        self._tell.evidence(what, holds=holds, shown=shown)


def _options(machine: Machine) -> tuple[str, ...]:
    return ("--tpm", machine.tcti, "--event-log", str(machine.event_log))


def private_keys(folder: Path) -> list[str]:
    """Files below `folder` that hold one."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.name for path in files if b"PRIVATE KEY" in path.read_bytes())
