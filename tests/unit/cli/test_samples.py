"""Sample images: what machines of another architecture get is theirs."""

import gzip
import io
import json
import tarfile
from pathlib import Path

from eaves.cli.samples import foreign_container


def test_a_sample_for_another_architecture_says_so_and_holds_its_program(tmp_path: Path) -> None:
    sample = foreign_container(tmp_path, b"a program for arm64", "arm64")
    assert json.loads(sample.config.read_bytes())["architecture"] == "arm64"
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(sample.layer.read_bytes()))) as layer:
        program = layer.extractfile("bin/busybox")
        assert program is not None
        assert program.read() == b"a program for arm64"
        assert layer.getmember("bin/httpd").linkname == "busybox"


def test_another_program_is_another_image(tmp_path: Path) -> None:
    one, other = (foreign_container(tmp_path, data, "arm64") for data in (b"one", b"other"))
    assert one.manifest_sha256 != other.manifest_sha256
    assert foreign_container(tmp_path, b"one", "arm64") == one
