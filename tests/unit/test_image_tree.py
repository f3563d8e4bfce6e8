"""The root of an image, as far as nothing is built."""

import shlex
from pathlib import Path

import pytest
from support.image_builds import script


@pytest.mark.parametrize("folder", ["/work/eaves", "/home/some body's/eaves"])
def test_a_source_is_compiled_wherever_it_stands(folder: str) -> None:
    flags = script("tree").compiler_flags(Path(folder))
    assert f"-ffile-prefix-map={folder}=." in shlex.split(flags)
