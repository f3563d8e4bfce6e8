"""Updates of the machine of these tests: a good one, bad ones that are left, others refused."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.image_builds import SECOND, Images, Store, script, update_key, variant
from support.image_control import NODELESS_S, UPDATE_S, Eaves, answers, until
from support.image_machine import ImageMachine
from support.scenarios import EVIDENCE

from eaves.node.baseos.bundle import END
from eaves.node.baseos.slots import Slot
from eaves.node.installer.layout import LEAST_DISK, partition_layout

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(4800),
    pytest.mark.usefixtures("disk_is_told"),
]

FULL = pytest.mark.full
Told = Callable[[str, object], None]


@pytest.mark.usefixtures("updated", "apps_go_on")
def test_an_update_is_tried_tested_and_committed(eaves: Eaves) -> None:
    assert eaves.runs(SECOND, Slot.ACTIVE)


def test_an_app_runs_on_the_new_version(
    app: ImageMachine, updated: ImageMachine, eaves: Eaves
) -> None:
    assert app is updated
    until("answering", lambda: answers(app.web_port))
    assert eaves.runs(SECOND, Slot.ACTIVE)


@pytest.mark.usefixtures("online", "apps_go_on")
def test_an_update_that_panics_is_left_and_says_why(
    images: Images, eaves: Eaves, store: Store, record_property: Told
) -> None:
    version = "3.0-test"
    variant(images, version, "rdinit=/none", store.files, rootless=True)
    is_left(eaves, store, version, record_property)


@pytest.mark.parametrize(
    ("version", "words"),
    [
        pytest.param(
            "4.0-test", "systemd.mask=eaves-node.service", id="without a node", marks=FULL
        ),
        pytest.param("5.0-test", "module_blacklist=virtio_net", id="without a network", marks=FULL),
        pytest.param(
            "6.0-test", "systemd.unit=emergency.target", id="that cannot go on", marks=FULL
        ),
        pytest.param("7.0-test", "systemd.unit=sysinit.target", id="that gets nowhere", marks=FULL),
        pytest.param(
            "8.0-test", "systemd.mask=eaves-mounts.service", id="without its disk", marks=FULL
        ),
        pytest.param("5.1-test", "cgroup_disable=memory", id="that is not well"),
        pytest.param(
            "17.0-test",
            "systemd.setenv=PYTHONHOME=/none",
            id="whose node ends as it starts",
            marks=FULL,
        ),
    ],
)
@pytest.mark.usefixtures("online", "apps_go_on")
def test_an_update_is_left_and_says_why(
    images: Images, eaves: Eaves, store: Store, version: str, words: str, record_property: Told
) -> None:
    made = variant(images, version, words, store.files)
    is_left(eaves, store, version, record_property)
    made.unlink()


def is_left(eaves: Eaves, store: Store, version: str, record_property: Told) -> None:
    """By the machine itself, for the one that was good."""
    before = eaves.running()
    eaves.upgrade(store, f"{version}.eos", version)
    until("left", lambda: bool(eaves.why_left(version)), UPDATE_S + NODELESS_S)
    record_property(EVIDENCE, eaves.why_left(version))
    assert eaves.runs(before, Slot.ACTIVE)
    assert version in eaves.run("why", "device", "on-image")


def of_a_stranger(images: Images, version: str, folder: Path) -> None:
    somebody = ec.generate_private_key(ec.SECP256R1())
    variant(images, version, "", folder, somebody, rootless=True)


def with_other_bytes(images: Images, version: str, folder: Path) -> None:
    made = variant(images, version, "", folder, rootless=True)
    with made.open("r+b") as file:
        file.seek(-(1 << 20), os.SEEK_END)  # within its kernel image
        file.write(b"other bytes")


def with_another_root(images: Images, version: str, folder: Path) -> None:
    made = variant(images, version, "", folder, rootless=True)
    with made.open("r+b") as file:
        file.seek(-len(END) - 1, os.SEEK_END)  # the last of its root
        file.write(b"!")


def that_does_not_fit(images: Images, version: str, folder: Path) -> None:
    """Signed, and whole; its root has as many bytes as the slot, whose last block is not for it."""
    slot = next(one for one in partition_layout(LEAST_DISK) if one.name == "IMGB")
    root = folder / "root.img"
    with root.open("wb") as file:
        file.truncate(slot.size)
    with root.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    said = json.loads((images.second / "manifest.json").read_bytes())
    said |= {"version": version, "root": {"size": slot.size, "sha256": digest}}
    raw = json.dumps(said).encode()
    made, kernel = folder / f"{version}.eos", images.second / "uki.efi"
    scripts = script("artifact")
    scripts.write_bundle(made, raw, scripts.sign(update_key(), raw), kernel, root)
    root.unlink()


def older_than_the_bar(images: Images, version: str, folder: Path) -> None:
    variant(images, version, "", folder, rootless=True, epoch=0)


def of_another_name(images: Images, version: str, folder: Path) -> None:
    made = variant(images, "99.0-test", "", folder, rootless=True)
    shutil.move(made, folder / f"{version}.eos")


@pytest.mark.parametrize(
    ("version", "make", "says"),
    [
        pytest.param("9.0-test", of_a_stranger, "signed", id="of a stranger"),
        pytest.param("10.0-test", with_other_bytes, "sha256", id="with other bytes"),
        pytest.param("11.0-test", older_than_the_bar, "older", id="older than the bar"),
        pytest.param("12.0-test", of_another_name, "99.0-test", id="of another version"),
        pytest.param("18.0-test", with_another_root, "root.img has sha256", id="with another root"),
        pytest.param(
            "19.0-test", that_does_not_fit, "a slot here holds", id="that does not fit", marks=FULL
        ),
    ],
)
@pytest.mark.usefixtures("online", "apps_go_on")
def test_an_update_that_may_not_run_is_refused_and_says_why(
    images: Images,
    eaves: Eaves,
    store: Store,
    version: str,
    make: Callable[[Images, str, Path], None],
    says: str,
    record_property: Told,
) -> None:
    """Nothing is booted, and what runs goes on."""
    before, booted = eaves.running(), eaves.boot_time()
    make(images, version, store.files)
    eaves.upgrade(store, f"{version}.eos", version)

    until("refused", lambda: bool(eaves.why_left(version)), UPDATE_S)
    record_property(EVIDENCE, eaves.why_left(version))
    assert says in eaves.why_left(version)
    assert eaves.runs(before, Slot.ACTIVE)
    assert eaves.boot_time() == booted
    (store.files / f"{version}.eos").unlink()


@pytest.mark.usefixtures("online", "apps_go_on")
def test_what_is_not_what_the_controller_named_is_never_written(
    images: Images, eaves: Eaves, store: Store, record_property: Told
) -> None:
    """Its signature and its bytes are good: they are others than were asked for."""
    before, booted, version = eaves.running(), eaves.boot_time(), "20.0-test"
    made = variant(images, version, "", store.files, rootless=True)
    named = hashlib.sha256(b"another update").hexdigest()
    eaves.upgrade(store, made.name, version, named)
    until("refused", lambda: named in eaves.error(version), UPDATE_S)
    record_property(EVIDENCE, eaves.error(version))
    assert hashlib.sha256(made.read_bytes()).hexdigest() in eaves.error(version)
    assert eaves.runs(before, Slot.ACTIVE)
    assert eaves.boot_time() == booted

    eaves.withdraw()
    until("asked for no more", lambda: not eaves.error(version))
    made.unlink()
