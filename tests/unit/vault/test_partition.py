"""A vault that is a partition: power goes while it is made, and the next start makes it or has it.

The cuts are real: `cryptsetup` is killed at one of its calls.  What a disk makes of a torn sector
is put together from the header before and after.
"""

import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eaves.node.host import luks

KEY = bytes(range(32))
BYTES = 20 * 1024 * 1024  # a header takes 16 MiB
HEADER = 32 * 1024  # both copies
LABEL_AT, UUID_AT = 24, 168
TORN = (0, 5, 7, 8, LABEL_AT, LABEL_AT + 3, LABEL_AT + 11, LABEL_AT + 14, UUID_AT, UUID_AT + 1)

pytestmark = pytest.mark.skipif(
    shutil.which("cryptsetup", path="/usr/sbin:/sbin:/usr/bin") is None
    or shutil.which("strace") is None,
    reason="needs the packages cryptsetup-bin and strace",
)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    return blank(tmp_path)


def blank(folder: Path) -> Path:
    disk = folder / "disk"
    with disk.open("wb") as file:
        file.truncate(BYTES)
    return disk


@contextmanager
def killed_at(folder: Path, call: int) -> Generator[None]:
    """Its program ends at this one of its writes and syncs."""
    program = folder / "bin" / "cryptsetup"
    program.parent.mkdir(exist_ok=True)
    real = shutil.which("cryptsetup", path="/usr/sbin:/sbin:/usr/bin")
    program.write_text(
        "#!/bin/sh\n"
        'case "$1" in luksFormat | config) ;; *) exec ' + f'{real} "$@" ;; esac\n'
        "exec strace -qq -o /dev/null -e trace=write,fsync"
        f' -e inject=write,fsync:signal=KILL:when={call} {real} "$@"\n'
    )
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{program.parent}:/usr/sbin:/sbin:/usr/bin:/bin")
        yield


def is_cut(act: Callable[[], None]) -> bool:
    try:
        act()
    except luks.LuksFailed:
        return True
    return False


def uuid_of(disk: Path) -> bytes:
    return disk.read_bytes()[UUID_AT : UUID_AT + 36]


@pytest.mark.parametrize("call", [3, 17, 18, 35, 37, 39, 41, 43])
def test_a_format_that_is_cut_is_begun_anew_or_ended(tmp_path: Path, disk: Path, call: int) -> None:
    with killed_at(tmp_path, call):
        cut = is_cut(lambda: luks.make(disk, KEY))
    assert cut or luks.opens(disk, KEY), "another cryptsetup may write less often"
    assert not luks.is_ours(disk), "nothing is known to open it"
    assert not luks.holds(disk) or luks.is_begun(disk)
    luks.make(disk, KEY)
    luks.finish(disk)
    assert luks.is_ours(disk)
    assert luks.opens(disk, KEY)


def test_from_the_moment_a_key_opens_it_it_is_never_made_again(tmp_path: Path, disk: Path) -> None:
    luks.make(disk, KEY)
    assert luks.is_begun(disk)
    made, uuid = disk.read_bytes()[:HEADER], uuid_of(disk)
    cuts = 0
    for call in range(1, 20):
        with disk.open("r+b") as file:
            file.write(made)
        with killed_at(tmp_path, call):
            cut = is_cut(lambda: luks.finish(disk))
        if not luks.is_ours(disk):
            assert luks.is_begun(disk)
            luks.make(disk, KEY)
        assert luks.opens(disk, KEY)
        luks.finish(disk)
        assert luks.is_ours(disk)
        assert uuid_of(disk) == uuid
        cuts += cut
        if not cut:
            break
    assert cuts >= 4, "a label is more than one write"


def test_a_torn_header_is_not_taken_for_somebody_elses(disk: Path) -> None:
    luks.make(disk, KEY)
    whole = disk.read_bytes()[:HEADER]
    for size in TORN:
        with disk.open("r+b") as file:
            file.write(whole[:size].ljust(HEADER, b"\0"))
        assert not luks.is_ours(disk), size
        assert not luks.holds(disk) or luks.is_begun(disk), size


def test_what_somebody_else_encrypted_is_neither(disk: Path) -> None:
    luks.make(disk, KEY)
    for label in (b"", b"eaves", b"a-disk-of-mine"):
        with disk.open("r+b") as file:
            file.seek(LABEL_AT)
            file.write(label.ljust(48, b"\0"))
        assert luks.holds(disk) == "crypto_LUKS"
        assert not luks.is_ours(disk)
        assert not luks.is_begun(disk)
