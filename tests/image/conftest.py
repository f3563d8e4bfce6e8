"""Boots of the OS image.

The short form runs with `make test`; `make test-image` runs all, `FULL=1` takes hours.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.controller import Process, free_port, running
from support.image_builds import OUT, Images, Store, both, why_not
from support.image_disk import ImageDisk, partitions
from support.image_machine import ImageMachine, image_machine
from support.scenarios import EVIDENCE, report_text, scenarios_of

from eaves.cli.demo.datastore import datastore
from eaves.cli.samples import container_image

HOST = "10.0.2.2"  # as guests of QEMU's user network see this machine's loopback


@pytest.fixture(scope="session")
def images() -> Images:
    why = why_not()
    if why:
        pytest.skip(why)
    return both()


@pytest.fixture(scope="module")
def controller(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    assert images.installer.exists()
    folder: Path = tmp_path_factory.mktemp("controller")
    password = folder / "password"
    password.write_text("a password of these tests\n")
    process = Process(folder / "state")
    process.options = (
        *("--device-server", f"{HOST}:{process.device_port}"),
        *("--admin-password-file", str(password)),
    )
    with running(process):
        yield process


@pytest.fixture(scope="module")
def store(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """What devices fetch from: the second version, and a container."""
    folder = tmp_path_factory.mktemp("store")
    (folder / "files").mkdir()
    shutil.copyfile(images.second / "system.eos", folder / "files" / "second.eos")
    sample = container_image(tmp_path_factory.mktemp("samples"))
    shutil.copytree(sample.layout, folder / "oci" / "samples" / "hello")
    with datastore(folder, "127.0.0.1") as port:
        yield Store(folder / "files", f"http://{HOST}:{port}")


@pytest.fixture(scope="module")
def machine(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageMachine]:
    assert images.installer.exists()
    with image_machine(tmp_path_factory.mktemp("machine"), web_port=free_port()) as machine:
        yield machine


@pytest.fixture
def disk_is_told(
    machine: ImageMachine, record_property: Callable[[str, object], None]
) -> Iterator[None]:
    """What the loader would take now, as evidence in the report."""
    yield
    if not machine.disk.exists() or "EFI System" not in partitions(machine.disk):
        return  # it is told by the failure
    entries = ", ".join(one.name for one in ImageDisk(machine.disk).entries())
    record_property(EVIDENCE, f"boot {len(machine.boots)} of this machine; {entries}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Beside the images that were tested."""
    path = OUT.parent / "report.md"
    if told := scenarios_of(terminalreporter.stats):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(report_text(told))
        terminalreporter.write_line(f"report: {path}")


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> None:
    """The machine of a module goes on from one of its tests to the next; it ends with the module,
    which the check of the whole session sees.
    """
