"""What a helper that parses a stranger's file can do besides: nothing."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Final

import pytest
from support.rest import Json

from eaves.node.host.process import CommandFailed, run
from eaves.node.host.scripts import prison
from eaves.node.storage.sandbox import INPUT, NOBODY, OUTPUT, run_parser, run_unpacker

pytestmark = pytest.mark.host

PROBE: Final = f"""
import json, os, resource, socket
told = {{}}
status = dict(l.split(":", 1) for l in open("/proc/self/status") if ":" in l)
told["uid"], told["groups"] = os.getuid(), os.getgroups()
told["caps"] = {{k: status[k].strip() for k in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")}}
told["no_new_privs"] = status["NoNewPrivs"].strip()
told["links"] = [name for _, name in socket.if_nameindex()]
told["pid"], told["fsize"] = os.getpid(), resource.getrlimit(resource.RLIMIT_FSIZE)[0]
def fails(do):
    try:
        do()
    except OSError as error:
        return error.__class__.__name__ + " " + str(error.errno)
    return "done"
told["connect"] = fails(lambda: socket.create_connection(("127.0.0.1", int(os.environ["PORT"])), 1))
told["kill"] = fails(lambda: os.kill(int(os.environ["OTHER"]), 0))
told["shadow"] = fails(lambda: open("/etc/shadow"))
told["secret"] = fails(lambda: open(os.environ["SECRET"]))
told["setuid"] = fails(lambda: os.setuid(0))
told["unshare"] = fails(lambda: os.chroot("/"))
told["input"] = open("{INPUT}").read()
print(json.dumps(told))
"""


@pytest.fixture
def given(tmp_path: Path) -> Path:
    path = tmp_path / "given"
    path.write_text("what was given")
    path.chmod(0o644)  # as content is; its folder is closed
    tmp_path.chmod(0o700)
    return path


async def probed(given: Path, monkeypatch: pytest.MonkeyPatch) -> Json:
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    secret = given.with_name("secret")
    secret.write_text("secret")
    told = {"PORT": server.sockets[0].getsockname()[1], "OTHER": os.getpid(), "SECRET": secret}
    for name, value in told.items():
        monkeypatch.setenv(name, str(value))
    try:
        done = await run_parser([sys.executable, "-I", "-c", PROBE], read=given, timeout_s=20)
    finally:
        server.close()
        await server.wait_closed()
    assert done.code == 0, done.err
    found: Json = json.loads(done.out)
    return found


async def test_a_parser_has_no_network_no_powers_and_only_its_file(
    given: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await probed(given, monkeypatch)
    assert (told["uid"], told["groups"]) == (NOBODY, [])
    assert set(told["caps"].values()) == {"0" * 16}
    assert told["no_new_privs"] == "1"
    assert told["links"] == ["lo"]
    assert told["connect"].startswith("OSError"), told["connect"]  # its own lo is down
    assert told["kill"].startswith("ProcessLookupError")  # it sees nobody else
    assert told["pid"] < 10
    for word in ("shadow", "secret", "setuid", "unshare"):
        assert told[word].startswith("PermissionError"), word
    assert told["fsize"] == 1024**2
    assert told["input"] == "what was given"


async def test_a_proxy_script_has_no_network_and_no_powers_either() -> None:
    looks = "echo Pid: $$; exec cat /proc/self/status /proc/self/net/dev"
    done = await run([*prison(), "sh", "-c", looks], timeout_s=20)
    told = dict(line.split(":", 1) for line in done.out.splitlines() if ":" in line)
    assert set(told["Uid"].split()) == set(told["Gid"].split()) == {str(NOBODY)}
    assert told["Groups"].split() == []
    assert {told[f"Cap{word}"].strip() for word in ("Eff", "Prm", "Bnd", "Inh", "Amb")} == {
        "0" * 16
    }
    assert told["NoNewPrivs"].strip() == "1"
    assert done.out.startswith("Pid: 1\n")  # it sees nobody else
    links = done.out.partition("Inter-|")[2].splitlines()[2:]
    assert [line.split(":")[0].strip() for line in links] == ["lo"]


async def test_a_parser_that_writes_without_end_is_stopped(given: Path) -> None:
    out = given.with_name("out")
    out.touch()
    out.chmod(0o666)
    endless = ["sh", "-c", f"exec cat /dev/zero > {OUTPUT}"]
    done = await run_parser(endless, read=given, write=out, timeout_s=20, file_bytes=1 << 20)
    assert done.code != 0
    assert out.stat().st_size <= 1 << 20


async def test_a_parser_that_takes_memory_without_end_is_stopped(given: Path) -> None:
    hungry = [sys.executable, "-I", "-c", "bytearray(1 << 30)"]
    done = await run_parser(hungry, read=given, timeout_s=20, memory_bytes=256 << 20)
    assert "MemoryError" in done.err


@pytest.mark.parametrize("unpacker", [False, True], ids=["parser", "unpacker"])
async def test_a_helper_that_never_ends_is_ended_and_leaves_nothing(
    given: Path, *, unpacker: bool
) -> None:
    mark = f"{3600 + os.getpid() % 1000}.{int(unpacker)}"
    argv = ["sleep", mark]
    helper = (
        run_unpacker(argv, timeout_s=0.5)
        if unpacker
        else run_parser(argv, read=given, timeout_s=0.5)
    )
    with pytest.raises(CommandFailed, match="no end after"):
        await helper
    async with asyncio.timeout(60):
        while True:
            if not _running(mark):
                break
            await asyncio.sleep(0.02)


def _running(word: str) -> list[str]:
    found: list[str] = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = line.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if word in words:
            found.append(" ".join(words))
    return found
