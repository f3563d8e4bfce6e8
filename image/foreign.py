"""An image for machines of another architecture than that of the machine which builds it.

Its packages are installed by their own scripts, which QEMU runs: the kernel is told so for as long
as the image is built.  The node's libraries are the wheels that the lock names; the one that has
none is compiled for it.
"""

import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}  # of binutils and of folders
PYTHON = "3.11"  # of the suite that the image is made of
OLDEST_GLIBC, GLIBC = 17, 36  # minor versions: of the oldest wheels, and of that suite
COMPILED = "tpm2-pytss"
# A program of 64 bits, lowest byte first, of any system; the last two bytes name the machine.
_PROGRAM = r"\x7fELF\x02\x01\x01" + r"\x00" * 9 + r"\x02\x00"
_ALIKE = r"\xff\xff\xff\xff\xff\xff\xff\x00" + r"\xff" * 8 + r"\xfe\xff\xff\xff"
_NUMBERS = {"amd64": r"\x3e\x00", "arm64": r"\xb7\x00"}


def native() -> str:
    """The architecture of this machine."""
    return next(arch for arch, machine in MACHINES.items() if machine == platform.machine())


@contextmanager
def emulated(arch: str, work: Path) -> Iterator[None]:
    """Programs of `arch` run here meanwhile."""
    if arch == native():
        yield
        return
    emulator = Path(f"/usr/bin/qemu-{MACHINES[arch]}-static")
    if not emulator.exists():
        raise SystemExit(f"image: {emulator} is missing: packaging/ensure-packages --with-arm64")
    door, name = work / "binfmt", f"eaves-{os.getpid()}"
    door.mkdir()
    subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(door)], check=True)
    try:
        # F: the emulator is opened now; the root that it is to be used in has none.
        text = f":{name}:M::{_PROGRAM}{_NUMBERS[arch]}:{_ALIKE}:{emulator}:F"
        (door / "register").write_text(text)
        try:
            yield
        finally:
            (door / name).write_text("-1")
    finally:
        subprocess.run(["umount", str(door)], check=True)


def apt(arch: str, cache: Path) -> list[str]:
    """The command that gets packages of `arch`: this machine's lists have none of another one."""
    argv = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "-o", "Acquire::http::Timeout=30"]
    if arch == native():
        return argv
    state = cache / f"apt-{arch}"
    for name in ("lists/partial", "archives/partial"):
        (state / name).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    for option in (
        f"APT::Architecture={arch}",
        f"APT::Architectures::={arch}",
        f"Dir::State={state}",
        f"Dir::State::lists={state}/lists",
        f"Dir::State::status={state}/status",
        f"Dir::Cache={state}",
    ):
        argv += ["-o", option]
    subprocess.run([*argv, "update"], check=True)
    return argv


def install_libraries(pip: list[str], lock: Path, root: Path, arch: str, work: Path) -> None:
    """Of the node, by the digests of its lock; `pip`: the command with where it installs to."""
    wheels, compiled = work / "wheels.lock", work / "compiled.lock"
    others, one = divide(lock.read_text(), COMPILED)
    wheels.write_text(others)
    compiled.write_text(one)
    pip = [*pip, "--no-deps", "--require-hashes"]
    argv = [*pip, "--only-binary=:all:", f"--python-version={PYTHON}", "--implementation=cp"]
    argv += [f"--platform={name}" for name in platforms(arch)]
    subprocess.run([*argv, "-r", str(wheels)], check=True)
    # What pip keeps of it is this machine's, and this one must not be kept as that.
    subprocess.run(
        [*pip, "--no-cache-dir", "-r", str(compiled)], check=True, env=compiler(root, arch, work)
    )


def divide(lock: str, name: str) -> tuple[str, str]:
    """A lock without one of its packages, and that one."""
    parts = re.split(r"^(?=\S)", lock, flags=re.MULTILINE)
    mine = [part for part in parts if part.startswith(f"{name}==")]
    return "".join(part for part in parts if part not in mine), "".join(mine)


def platforms(arch: str) -> list[str]:
    machine = MACHINES[arch]
    versions = range(GLIBC, OLDEST_GLIBC - 1, -1)
    return [*(f"manylinux_2_{minor}_{machine}" for minor in versions), f"manylinux2014_{machine}"]


def compiler(root: Path, arch: str, work: Path) -> Mapping[str, str]:
    """The environment in which extensions become those of `arch`, with the libraries of `root`.

    Headers are this machine's: on machines of 64 bits they say the same.
    """
    triplet, here, seen = TRIPLETS[arch], TRIPLETS[native()], work / "seen"
    include, library = seen / "usr/include", seen / "usr/lib" / here  # where pkg-config looks
    for folder in (include, library):
        folder.mkdir(parents=True)
    for name in ("tss2", "json-c"):
        (include / name).symlink_to(f"/usr/include/{name}")
    (include / triplet).symlink_to(f"/usr/include/{here}")  # Python asks for its pyconfig.h there
    for path in (root / "usr/lib" / triplet).glob("libtss2-*.so.?"):
        (library / path.with_suffix("").name).symlink_to(path)
    return {
        **os.environ,
        "CC": f"{triplet}-gcc",
        "LDSHARED": f"{triplet}-gcc -shared",
        "CFLAGS": f"-O2 -I{include} -ffile-prefix-map={work}=.",
        "LDFLAGS": "-Wl,--build-id=none",
        "PKG_CONFIG_SYSROOT_DIR": str(seen),
        "PYTHONHASHSEED": "0",
    }
