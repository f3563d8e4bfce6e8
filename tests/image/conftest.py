"""Boots of the OS image.

The short form runs with `make test`: the tests with the marker `short`.  `make test-image` runs
all but those with the marker `full`, which are like others; `FULL=1` runs all, for hours.

One machine has one life, of which each test tells a step.  What a step needs of those before it is
a fixture: a test that runs alone lives through them, and a step that failed fails what follows
without another wait.
"""

import shutil
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from support.controller import Process, free_port, running
from support.image_builds import (
    FIRST,
    FULL,
    HOW_LONG,
    REPORT,
    SECOND,
    SHORT,
    Images,
    PackagesMissing,
    Store,
    both,
    ledger,
    left_out,
    why_not,
)
from support.image_control import UPDATE_S, Eaves, answers, until
from support.image_disk import ImageDisk, partitions
from support.image_machine import ImageMachine, boots_begun, image_machine
from support.image_world import LONG_S, world
from support.scenarios import BOOTS, EVIDENCE, report_text, scenario_of

from eaves.cli.demo.datastore import datastore
from eaves.cli.samples import container_image
from eaves.node.baseos.slots import Slot

HERE = Path(__file__).parent
HOST = "10.0.2.2"  # as guests of QEMU's user network see this machine's loopback
MACHINE = pytest.StashKey[ImageMachine]()
PARTS = pytest.StashKey[list[pytest.TestReport]]()
LEDGER = ledger()
PASSED = LEDGER.passed() if HOW_LONG == FULL else {}
INSTALLED = "installed"  # the fixture below
BEGUN = pytest.StashKey[int]()  # boots before a test


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of several runs each ends with tests that take turns, so that all end together."""
    items.sort(key=lambda item: item.path.parent == HERE and takes_turns(item))
    left = [one for one in items if one.path.parent == HERE and is_left_out(one)]
    if left:
        items[:] = [one for one in items if one not in left]
        config.hook.pytest_deselected(items=left)


def takes_turns(item: pytest.Item) -> bool:
    """Any run's machine will do; others have one of their own, for all tests of their file."""
    return INSTALLED in getattr(item, "fixturenames", ())


def is_left_out(item: pytest.Item) -> bool:
    if HOW_LONG == SHORT:
        return item.get_closest_marker("short") is None
    if HOW_LONG == FULL:
        return item.nodeid in PASSED
    return item.get_closest_marker("full") is not None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before the steps that this test is the first to ask for."""
    item.stash[BEGUN] = boots_begun()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What was seen is kept as soon as its test is over."""
    report = yield
    parts = item.stash.setdefault(PARTS, [])
    parts.append(report)
    if call.when == "teardown":
        LEDGER.add(scenario_of(parts))
    return report


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """The machine takes no processor from what comes after these tests."""
    if nextitem is not None and nextitem.path.parent != HERE and MACHINE in item.config.stash:
        item.config.stash[MACHINE].power_cut()


@pytest.fixture(scope="session")
def images() -> Images:
    why = why_not()
    if why:
        left_out(why)
    try:
        return both()
    except PackagesMissing as error:
        if HOW_LONG != SHORT:
            raise
        pytest.skip(str(error))  # a mirror that is away is no fault of a change


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """What devices fetch from: updates, which tests put there, and a container."""
    folder = tmp_path_factory.mktemp("store")
    (folder / "files").mkdir()
    sample = container_image(tmp_path_factory.mktemp("samples"))
    shutil.copytree(sample.layout, folder / "oci" / "samples" / "hello")
    with datastore(folder, "127.0.0.1") as port:
        yield Store(folder / "files", f"http://{HOST}:{port}")


@pytest.fixture(scope="session")
def eaves(controller: Process, tmp_path_factory: pytest.TempPathFactory) -> Eaves:
    eaves = Eaves(tmp_path_factory.mktemp("home"), controller)
    state = controller.state_dir
    eaves.run(
        *("login", f"https://localhost:{controller.rest_port}"),
        *("--ca", str(state / "root-certificate.pem")),
        *("--password-file", str(state.parent / "password")),
    )
    eaves.apply("world", world())
    return eaves


@pytest.fixture(scope="session")
def machine(
    images: Images, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ImageMachine]:
    assert images.installer.exists()
    port = 0 if HOW_LONG == SHORT else free_port()
    with image_machine(tmp_path_factory.mktemp("machine"), web_port=port) as machine:
        pytestconfig.stash[MACHINE] = machine
        yield machine
    machine.disk.unlink(missing_ok=True)  # its console is kept


@pytest.fixture(scope="session")
def installed(
    machine: ImageMachine, images: Images, eaves: Eaves, tmp_path_factory: pytest.TempPathFactory
) -> ImageMachine:
    """From a medium, without a word; then it is off."""
    medium = tmp_path_factory.mktemp("medium") / "installer.raw"
    eaves.put_on_medium(images, medium)
    machine.blank_disk()
    machine.power_on(medium=medium)
    machine.wait_installed()
    medium.unlink()
    return machine


@pytest.fixture(scope="session")
def online(installed: ImageMachine, eaves: Eaves) -> ImageMachine:
    """By itself."""
    installed.power_on()
    until("online with its first version", lambda: eaves.runs(FIRST, Slot.ACTIVE))
    installed.online_s = time.monotonic() - installed.boots[-1]
    return installed


@pytest.fixture(scope="session")
def app(online: ImageMachine, eaves: Eaves, store: Store) -> ImageMachine:
    """A container answers through its port map."""
    eaves.add_app(store.url)
    until("answering", lambda: answers(online.web_port))
    return online


@pytest.fixture(scope="session")
def updated(online: ImageMachine, images: Images, eaves: Eaves, store: Store) -> ImageMachine:
    """To the second version, which is good."""
    shutil.copyfile(images.second / "system.eos", store.files / "second.eos")
    eaves.upgrade(store, "second.eos", SECOND)
    until("committed", lambda: eaves.runs(SECOND, Slot.ACTIVE), UPDATE_S)
    return online


@pytest.fixture
def apps_go_on(machine: ImageMachine, eaves: Eaves) -> Iterator[None]:
    """What ran before runs after; the short form has none."""
    yield
    if eaves.has_app:
        until("answering all the same", lambda: answers(machine.web_port))


@pytest.fixture
def long_trial(eaves: Eaves) -> Iterator[None]:
    """What is on trial is not committed before the test is over."""
    eaves.apply("world", world(LONG_S))
    yield
    eaves.apply("world", world())


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
    """Beside the images that were tested: all that is known of them."""
    if scenarios := LEDGER.told():
        REPORT.write_text(report_text(scenarios.values()))
        terminalreporter.write_line(f"report: {REPORT}")


@pytest.fixture(autouse=True)
def boots_are_told(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Iterator[None]:
    yield
    record_property(BOOTS, boots_begun() - request.node.stash[BEGUN])


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> None:
    """The machine goes on from one test to the next; it ends with the session, whose check sees
    that.
    """
