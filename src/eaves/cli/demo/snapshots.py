"""Check of a snapshot: a disk is written to, kept, written over and gone back to."""

from eaves.cli.demo.checking import SLOW_S, demand
from eaves.cli.demo.scene import MACHINE_PORT, Scene

YAML = "6-snapshot.yaml"
WORD = "/cgi-bin/word"


def snapshot_is_rolled_back(scene: Scene) -> str:
    _write(scene, "old")
    scene.apply(YAML, ACTIVATE="false")
    scene.until("the snapshot is taken", lambda: _state(scene) == "CREATED", SLOW_S)
    _write(scene, "new")
    scene.apply(YAML, ACTIVATE="true")
    scene.until("the machine answers with what it had", lambda: _word(scene) == "old", SLOW_S)
    scene.until("the snapshot is active", lambda: _state(scene) == "ACTIVE", SLOW_S)
    return "the disk of the machine said 'old', then 'new'; back to the snapshot it says 'old'"


def _write(scene: Scene, word: str) -> None:
    kept = scene.until("the machine keeps a word", lambda: _word(scene, f"?{word}"), SLOW_S)
    demand(kept == word, f"the disk of the machine says {kept!r}, {word!r} was written")


def _word(scene: Scene, query: str = "") -> str:
    return scene.get(MACHINE_PORT, WORD + query).strip()


def _state(scene: Scene) -> str:
    taken = scene.intended("instance", "machine").available_snapshots
    return next((one.state for one in taken if one.name == "before"), "")
