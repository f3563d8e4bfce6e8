"""A vault that apps filled, on a machine whose root may all that root may."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support.encrypted_disk import make_image, mounted

from eaves.node.containers.spec import CAPABILITIES
from eaves.node.host.luks import MOUNTED

pytestmark = pytest.mark.guest


def test_what_apps_fill_has_room_for_what_the_node_writes_down(tmp_path: Path) -> None:
    """They are root, as it is, with less of what root may."""
    subprocess.run(["modprobe", "loop"], check=True, timeout=120)
    allowed = ",".join(f"+{name.removeprefix('CAP_').lower()}" for name in CAPABILITIES)
    as_app = ("setpriv", f"--bounding-set=-all,{allowed}", f"--inh-caps=-all,{allowed}")
    with mounted(make_image(tmp_path / "disk.img"), tmp_path / "disk", MOUNTED) as at:
        fill = ("dd", "if=/dev/zero", f"of={at}/app", "bs=4k", "conv=fsync")
        done = subprocess.run([*as_app, *fill], check=False, capture_output=True, timeout=60)
        assert b"No space left" in done.stderr, done.stderr
        assert shutil.disk_usage(at).free == 0

        line = os.urandom(256 * 1024)
        (at / "stdout.log").write_bytes(line)
        with (at / "stdout.log").open("rb") as file:
            os.fsync(file.fileno())
        assert (at / "stdout.log").read_bytes() == line
