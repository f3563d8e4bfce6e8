"""What an image installs: each list is in the lock, and the usual one has what every node needs."""

from pathlib import Path

import pytest

IMAGE = Path(__file__).parents[2] / "image"
USUAL, RADIO = "packages.txt", "packages.radio.txt"


def names(file: str, arch: str = "amd64") -> set[str]:
    """Of the packages that a list asks for on machines of `arch`."""
    lines = (line.partition("#")[0].split() for line in (IMAGE / file).read_text().splitlines())
    return {words[0] for words in lines if words and arch in (words[1:] or [arch])}


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
@pytest.mark.parametrize("file", [USUAL, RADIO])
def test_what_is_asked_for_is_locked(file: str, arch: str) -> None:
    lines = (line.split() for line in (IMAGE / "packages.lock").read_text().splitlines())
    assert names(file, arch) <= {words[1] for words in lines if words[0] == arch}


def test_the_usual_image_authenticates_wired_ports() -> None:
    assert "wpasupplicant" in names(USUAL)  # 802.1X is no matter of radios
    assert not names(USUAL) & names(RADIO)
