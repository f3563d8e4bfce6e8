"""The same source gives the same system: elsewhere, days later, for somebody else."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support.image_builds import ROOT, left_out, why_not
from support.image_others import PACKAGES
from support.scenarios import EVIDENCE

pytestmark = [pytest.mark.vm, pytest.mark.timeout(4800)]

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
SOMEBODY = 12345  # the source is of this user, who lets nobody read it
TIME = "1790000000"
SAME = ("root.img", "uki.efi", "installer.efi", "manifest.json", "pcrs.json", "sbom.json")


def build(source: Path, out: Path, key: Path, *options: str, **environment: str) -> None:
    argv = [sys.executable, "image/build.py", "--version", "1.0-same", "--media", "none"]
    argv += ["--time", TIME, "--out", str(out), "--key", str(key), *options]
    where: Mapping[str, str] = {"PYTHONPATH": str(source / "src"), **environment}
    subprocess.run(argv, cwd=source, check=True, env={**os.environ, **where})


def copy_source(target: Path) -> None:
    """What stands under version control, as somebody has it whose files are private."""
    target.mkdir()
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    packed = subprocess.run(
        ["tar", "--create", "--null", "--files-from=-"],
        input=names.stdout, cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(["tar", "--extract"], input=packed.stdout, cwd=target, check=True)
    subprocess.run(["chmod", "-R", "go=", str(target)], check=True)
    subprocess.run(["chown", "-R", f"{SOMEBODY}:{SOMEBODY}", str(target)], check=True)
    (target / ".venv").symlink_to(ROOT / ".venv")


def test_the_same_source_gives_the_same_bytes(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The second build has none of what the first one kept, but the packages as they came."""
    why = why_not() or ("" if FAKETIME else "needs the package libfaketime")
    if why:
        left_out(why)
    first, second, key = tmp_path / "first", tmp_path / "second", tmp_path / "update.key"
    build(ROOT, first, key)
    elsewhere, cache = tmp_path / "some other place", tmp_path / "cache"
    copy_source(elsewhere)
    cache.mkdir()
    subprocess.run(["cp", "--archive", str(PACKAGES), str(cache / "packages")], check=True)
    build(
        *(elsewhere, second, key, "--cache", str(cache)),
        LD_PRELOAD=str(FAKETIME),
        FAKETIME="+3d",
        NO_FAKE_STAT="1",  # the times of files are what they are
        USER="somebody",
        TZ="Pacific/Auckland",
    )
    for name in SAME:
        assert (first / name).read_bytes() == (second / name).read_bytes(), f"{name} differs"
    record_property(EVIDENCE, f"{', '.join(SAME)} are the same")
