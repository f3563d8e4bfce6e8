"""The demonstration on the node's own system, as far as nothing boots."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.os_updates import Release

from eaves.cli.demo.computer import Forward
from eaves.cli.demo.on_image import FILES, Images, images_in
from eaves.errors import Rejected


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
