"""The demonstration on the node's own system, as far as nothing boots."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.os_updates import Release

from eaves.cli.demo.computer import Forward
from eaves.cli.demo.on_image import (
    BY_TPM,
    FILES,
    OPENED,
    Error,
    Images,
    Software,
    images_in,
    runs,
    stage_of,
    why_left,
)
from eaves.errors import Rejected
from eaves.node.vault.states import Event


def test_a_folder_without_images_is_refused_with_what_makes_them(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"first/disk\.raw is missing: `make demo NODE=image`"):
        images_in(tmp_path)
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert images_in(tmp_path).disk == tmp_path / "first/disk.raw"


def test_the_version_of_an_update_is_that_of_its_manifest(tmp_path: Path) -> None:
    update = tmp_path / "system.eos"
    update.write_bytes(Release("7.5-demo", ec.generate_private_key(ec.SECP256R1())).pack())
    assert Images.version(update) == "7.5-demo"


def test_a_port_is_led_to_the_guest_from_one_address() -> None:
    assert Forward("10.0.0.2", 8080, 80).text() == ",hostfwd=tcp:10.0.0.2:8080-:80"


@pytest.mark.parametrize(
    ("seen", "stage"),
    [
        (Software(short_version="1.0", sw_status="DEVICE_SW_STATUS_UPDATED"), ""),
        (
            Software(
                short_version="2.0", sw_status="DEVICE_SW_STATUS_DOWNLOADING", download_progress=74
            ),
            "2.0: downloading, 50 % here",
        ),
        (
            Software(short_version="2.0", sw_status="DEVICE_SW_STATUS_DOWNLOADING"),
            "2.0: downloading",
        ),
        (
            Software(
                short_version="2.0",
                sw_status="DEVICE_SW_STATUS_UPDATING",
                partition_label="IMGB",
                partition_state="inprogress",
            ),
            "2.0: updating, IMGB inprogress",
        ),
    ],
)
def test_how_far_an_update_is(seen: Software, stage: str) -> None:
    assert stage_of((seen,), "2.0") == stage


def test_a_version_runs_once_it_is_no_trial_and_is_left_once_the_node_says_why() -> None:
    trial = Software(activated=True, short_version="2.0", partition_state="inprogress")
    good = Software(activated=True, short_version="2.0", partition_state="active")
    assert [runs((one,), "2.0") for one in (trial, good)] == [False, True]
    assert not runs((good,), "1.0")
    bad = Software(
        short_version="3.0", sw_status="DEVICE_SW_STATUS_FAILED", sw_error=Error("it panicked")
    )
    assert why_left((good, bad), "3.0") == "it panicked"
    assert not why_left((good,), "2.0")


def test_who_opened_the_vault_is_read_from_what_the_node_says() -> None:
    assert OPENED in Event.UNSEALED
    assert OPENED in Event.RECOVERED
    assert BY_TPM in Event.UNSEALED
    assert BY_TPM not in Event.RECOVERED
