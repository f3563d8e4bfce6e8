"""What an image tells of its boot; and what of a configuration waits for another system."""

from pathlib import Path

import pytest

from eaves.evapi.config import AppInstanceConfig, ContentTree, DatastoreConfig, EdgeDevConfig
from eaves.evapi.flows.poll import AttestFirst, DeviceUnknown, Unchanged, Unreachable
from eaves.node.baseos.booted import ImageIncomplete, read_booted
from eaves.node.baseos.hold import held_back
from eaves.node.baseos.trial import Answer
from eaves.node.runtime.conversation import answer_of

BOOT = "SLOT=b\nSLOT_A=/dev/vda2\nSLOT_B=/dev/vda3\nESP_MOUNT=/efi\nP3=/dev/vda6\n"
SYSTEM = 'NAME="Eaves OS"\nIMAGE_VERSION=1.2-amd64\nEAVES_EPOCH=3\nEAVES_FLAVOUR=standard\n'


def files(folder: Path, boot: str, system: str) -> tuple[Path, Path]:
    (folder / "boot.env").write_text(boot)
    (folder / "os-release").write_text(system)
    return folder / "boot.env", folder / "os-release"


def test_a_machine_of_another_system_has_no_slots(tmp_path: Path) -> None:
    assert read_booted(tmp_path / "none", tmp_path / "os-release") is None


def test_the_running_system_is_what_its_root_says(tmp_path: Path) -> None:
    booted = read_booted(*files(tmp_path, BOOT, SYSTEM))
    assert booted is not None
    assert (booted.running.letter, booted.running.version) == ("b", "1.2-amd64")
    assert (booted.running.epoch, booted.running.flavour) == (3, "standard")
    assert booted.slots == (Path("/dev/vda2"), Path("/dev/vda3"))
    assert booted.persist == Path("/dev/vda6")


@pytest.mark.parametrize(
    ("boot", "system", "said"),
    [
        (BOOT.replace("SLOT=b", "SLOT=c"), SYSTEM, "names no slot"),
        (BOOT.replace("P3=/dev/vda6\n", ""), SYSTEM, "does not say P3"),
        (BOOT, SYSTEM.replace("EAVES_EPOCH=3", "EAVES_EPOCH=x"), "EAVES_EPOCH"),
        (BOOT, "", "IMAGE_VERSION"),
    ],
)
def test_an_image_that_is_not_whole_says_what_it_lacks(
    tmp_path: Path, boot: str, system: str, said: str
) -> None:
    with pytest.raises(ImageIncomplete, match=said):
        read_booted(*files(tmp_path, boot, system))


def test_apps_stay_as_they_are_while_content_of_the_update_is_fetched() -> None:
    old, new = AppInstanceConfig(displayname="old"), AppInstanceConfig(displayname="new")
    first, second = ContentTree(uuid="a"), ContentTree(uuid="b")
    stores = DatastoreConfig(id="1", fqdn="old"), DatastoreConfig(id="1", fqdn="new")
    before = EdgeDevConfig(apps=(old,), content_info=(first,), datastores=stores[:1])
    config = EdgeDevConfig(apps=(new,), content_info=(second,), datastores=stores[1:])
    held = held_back(config, before)
    assert held.apps == (old,)
    assert held.content_info == (first, second)
    assert held.datastores == stores[1:]


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        (Unchanged(), Answer.WELL),
        (AttestFirst("403"), Answer.PUT_OFF),
        (DeviceUnknown("404"), Answer.PUT_OFF),
        (Unreachable("refused", temporary=True), Answer.PUT_OFF),
        (Unreachable("no route", temporary=False), Answer.NONE),
    ],
)
def test_what_an_answer_says_of_the_controller(
    answer: Unchanged | AttestFirst | DeviceUnknown | Unreachable, means: Answer
) -> None:
    assert answer_of(answer) is means
