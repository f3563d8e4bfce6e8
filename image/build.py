"""`make image`: from packages.lock and this source to everything that a device boots from.

    out/eaves-os-VERSION-ARCH/
        system.eos          update artifact (HTTP datastores); oci/ the same as an OCI artifact
        disk.raw disk.qcow2 a device, already installed
        installer.raw       for a USB stick; installer.iso for optical and virtual drives, and
                            for firmware that boots by HTTP
        manifest.json pcrs.json sbom.json
        measurements.json   for `eaves attestation expect`, and its signature

The same inputs give the same bytes of root.img and uki.efi, also in another folder, on another day,
for another user. Root, on a Debian host; no loop device and no mount but one tmpfs.
"""

import argparse
import ctypes
import hashlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import fetch
import foreign
import media
import tree
import uki
from artifact import sign, update_key, write_bundle
from cryptography.hazmat.primitives.asymmetric import ec
from verity import make_root

from eaves.node.baseos.bundle import FORMAT, read_manifest

HERE = Path(__file__).parent
PROJECT = HERE.parent
FLAVOUR = "standard"
SECURITY_EPOCH = 1
MEDIA = ("all", "disk", "installer", "none")  # besides the update: everything, one, nothing
CLONE_NEWNS = 0x0002_0000  # of unshare(2)
MOST_SLOT = 350 * 1000 * 1000  # bytes; a larger one needs a reason and another number here
INITRD = ("init", "modules", "drivers", "watchdogs")  # below image/initrd
APPLETS = (  # of busybox, as its first program calls them; the kernel looks for one in /sbin
    *("bin/cat", "bin/dd", "bin/grep", "bin/head", "bin/losetup", "bin/mkdir", "bin/mount"),
    *("bin/od", "bin/readlink", "bin/sh", "bin/sleep", "bin/switch_root", "bin/tr", "bin/umount"),
    *("bin/modprobe", "sbin/modprobe"),
)
STUBS = {"amd64": "linuxx64.efi.stub", "arm64": "linuxaa64.efi.stub"}
LOADERS = {"amd64": "systemd-bootx64.efi", "arm64": "systemd-bootaa64.efi"}
CONSOLES = {  # the last one that is there is the one that programs write to
    "amd64": "console=tty0 console=ttyS0,115200",
    "arm64": "console=tty0 console=ttyS0,115200 console=ttyAMA0,115200",
}
COMMAND_LINE = (
    "quiet panic=1 oops=panic hung_task_panic=1"
    " systemd.show_status=auto systemd.gpt_auto=no rd.systemd.gpt_auto=no"
    " systemd.watchdog_sec=60 lockdown=integrity"
)


class Wish(NamedTuple):
    version: str
    arch: str
    key: Path
    out: Path
    cache: Path
    time: int  # SOURCE_DATE_EPOCH
    radio: bool
    secure_boot: Path | None  # folder of image/secureboot-keys
    media: str  # one of MEDIA


def main() -> int:
    wish = read_wish()
    began = time.monotonic()
    os.environ.update(SOURCE_DATE_EPOCH=str(wish.time), LC_ALL="C", TZ="UTC")
    os.umask(0o022)
    with staging() as work, foreign.emulated(wish.arch, work):
        build(wish, work)
    print(f"image: {wish.out} in {time.monotonic() - began:.0f} s")
    return 0


def read_wish() -> Wish:
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", required=True)
    parser.add_argument("--arch", choices=sorted(STUBS), default="amd64")
    parser.add_argument("--key", type=Path, default=PROJECT / "build/image/update.key")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("/var/cache/eaves-image"))
    parser.add_argument("--time", type=int, default=int(os.environ.get("SOURCE_DATE_EPOCH", "0")))
    parser.add_argument("--radio", action="store_true")
    parser.add_argument("--secure-boot", type=Path)
    parser.add_argument("--media", choices=MEDIA, default=MEDIA[0])
    said = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit(f"image: a root file system is made by root: sudo {' '.join(sys.argv)}")
    name = f"eaves-os-{said.version.removesuffix(f'-{said.arch}')}-{said.arch}"
    out = said.out or PROJECT / "build/image" / name
    return Wish(
        said.version, said.arch, said.key, out.resolve(), said.cache, said.time or last_change(),
        said.radio, said.secure_boot, said.media,
    )  # fmt: skip


def last_change() -> int:
    """Of the source: the time that everything in the image has."""
    told = subprocess.run(
        ["git", "-C", str(PROJECT), "log", "-1", "--format=%ct"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return int(told) if told.isdigit() else (PROJECT / "pyproject.toml").stat().st_mtime_ns // 10**9


def own_mounts() -> None:
    """What is mounted from now on nobody else sees, and it goes with this process."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "image: no mount namespace of its own")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


@contextmanager
def staging() -> Iterator[Path]:
    """A tmpfs: fast, private, and its folders list what was made first the same way each time."""
    own_mounts()
    work = Path("/run/eaves-image") / str(os.getpid())
    work.mkdir(parents=True, exist_ok=True)  # a killed one leaves the folder
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3g,mode=700", "tmpfs", work], check=True)
    try:
        yield work
    finally:
        subprocess.run(["umount", "--lazy", work], check=True)
        work.rmdir()


def build(wish: Wish, work: Path) -> None:
    wish.out.mkdir(parents=True, exist_ok=True)
    private, public = update_key(wish.key)
    lists = [HERE / "packages.txt", *([HERE / "packages.radio.txt"] if wish.radio else [])]
    locked = fetch.read_lock(HERE / "packages.lock", wish.arch)
    installed = tuple(one for one in locked if not one.how)
    files = dict(zip(locked, fetch.fetch(locked, wish.cache / "packages"), strict=True))
    repository = wish.cache / f"repository-{os.getpid()}"  # hard links into the cache
    root = work / "root"
    unpacked = [files[one] for one in locked if one.how == "unpack"]
    names = fetch.wanted_names(lists, wish.arch)
    tar = wish.cache / f"installed-{wish.arch}-{key_of(names, locked)}.tar"
    try:
        fetch.make_repository((files[one] for one in installed), repository, wish.arch)
        tree.make_tree(repository, names, unpacked, root, tar, wish.arch)
    finally:
        shutil.rmtree(repository, ignore_errors=True)
    boot = work / "boot"
    boot.mkdir()
    for name in (STUBS[wish.arch], LOADERS[wish.arch]):
        shutil.copyfile(root / "usr/lib/systemd/boot/efi" / name, boot / name)
    release = tree.take_kernel(root, boot)
    make_initrd(root, release, boot / "initrd", wish)
    os_release = os_release_text(wish)
    tree.install_node(root, PROJECT, os_release, [public], wish.arch, wish.cache / "pip")
    media.write_sbom(root, locked, wish.out / "sbom.json", wish.version)
    tree.finish(root, wish.time)
    image = wish.out / "root.img"
    tree.put_in_order(root, work / "ordered")
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"eaves-os/{wish.arch}/{wish.version}")
    root_hash, offset = make_root(work / "ordered", image, name, wish.time)
    if image.stat().st_size > MOST_SLOT:
        raise SystemExit(f"image: the root has {image.stat().st_size} bytes, at most {MOST_SLOT}")
    (boot / "os-release").write_text(os_release)
    line = f"{CONSOLES[wish.arch]} {COMMAND_LINE} eaves.root={root_hash} eaves.hash_offset={offset}"
    kernels = {
        "uki.efi": make_kernel(wish, boot, line),
        "installer.efi": make_kernel(wish, boot, f"{line} eaves.mode=install"),
    }
    for name, data in kernels.items():
        (wish.out / name).write_bytes(data)
    raw = manifest(wish, image, kernels["uki.efi"], root_hash, offset)
    signature = sign(private, raw)
    (wish.out / "manifest.json").write_bytes(raw)
    write_bundle(wish.out / "system.eos", raw, signature, wish.out / "uki.efi", image)
    loader = signed(wish, boot / LOADERS[wish.arch])
    write_pcrs(wish, loader, kernels)
    write_measurements(wish, private, loader, kernels["uki.efi"])
    made = media.Made(wish.out, wish.arch, wish.version, loader, raw, signature, wish.secure_boot)
    if wish.media in ("all", "disk"):
        media.write_disk(made)
    if wish.media in ("all", "installer"):
        media.write_medium(made)
    if wish.media == "all":
        media.write_others(made)


def key_of(names: tuple[str, ...], locked: tuple[fetch.Locked, ...]) -> str:
    """Of everything that decides what the installed packages look like."""
    said = repr((names, locked, inspect.getsource(tree.bootstrap)))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def os_release_text(wish: Wish) -> str:
    return (
        'ID=eaves-os\nNAME="Eaves OS"\n'
        f'PRETTY_NAME="Eaves OS {wish.version}"\n'
        f"IMAGE_ID=eaves\nIMAGE_VERSION={wish.version}\nVERSION_ID={wish.version}\n"
        f"EAVES_EPOCH={SECURITY_EPOCH}\nEAVES_FLAVOUR={FLAVOUR}\n"
    )


def make_initrd(root: Path, release: str, target: Path, wish: Wish) -> None:
    """busybox, veritysetup with its libraries, and the modules of disks and file systems."""
    folder = target.with_name("initrd.d")
    for name in ("bin", "sbin", f"lib/modules/{release}"):
        (folder / name).mkdir(parents=True)
    shutil.copyfile(root / "bin/busybox", folder / "bin/busybox")
    (folder / "bin/busybox").chmod(0o755)
    for name in APPLETS:
        (folder / name).symlink_to("/bin/busybox")
    for name in INITRD:
        shutil.copy(HERE / "initrd" / name, folder / name)
    copy_program(root, "sbin/veritysetup", folder, foreign.TRIPLETS[wish.arch])
    lines = "".join((HERE / "initrd" / name).read_text() for name in INITRD[1:]).splitlines()
    wanted = [line.split()[0] for line in lines if line]
    for name in modules_of(root, release, wanted):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, path)
    for name in ("modules.builtin", "modules.order"):
        shutil.copyfile(
            root / "lib/modules" / release / name, folder / "lib/modules" / release / name
        )
    subprocess.run(["depmod", "-b", str(folder), release], check=True)
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (wish.time, wish.time), follow_symlinks=False)
        if path.is_symlink():
            continue
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    packed = subprocess.run(
        ["cpio", "--quiet", "--reproducible", "--owner=0:0", "-o", "-H", "newc"],
        input="\n".join(names).encode(), cwd=folder, capture_output=True, check=True,
    ).stdout  # fmt: skip
    subprocess.run(["zstd", "-q", "-f", "-T1", "-12", "-o", str(target)], input=packed, check=True)


def copy_program(root: Path, name: str, folder: Path, triplet: str) -> None:
    """With its loader, and the libraries that it and they need; nothing of the tree is run."""
    sources = {name: root / name}
    wanted = [name]
    while wanted:
        loader, names = needs(sources[wanted.pop()])
        if loader:  # a link to where libraries are, which may begin with a slash
            sources[loader.lstrip("/")] = root / "lib" / triplet / Path(loader).name
        known = {Path(one).name for one in sources}
        fresh = [f"lib/{triplet}/{one}" for one in names if one not in known]
        sources.update({one: root / one for one in fresh})
        wanted += fresh
    for one, source in sources.items():
        target = folder / one
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o755)


def needs(program: Path) -> tuple[str, list[str]]:
    """The loader that it asks for, if it is no library, and names of libraries."""
    told = subprocess.run(
        ["readelf", "--wide", "--program-headers", "--dynamic", str(program)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    loader = re.search(r"program interpreter: (.+?)\]", told)
    names = re.findall(r"\(NEEDED\).*\[(.+?)\]", told)
    return loader[1] if loader else "", names


def modules_of(root: Path, release: str, wanted: list[str]) -> list[str]:
    """Files of these modules and of all they need; built-in ones have none."""
    found: dict[str, None] = {}
    for module in wanted:
        told = subprocess.run(
            ["modprobe", "-d", str(root), "-S", release, "--show-depends", module],
            capture_output=True, text=True, check=False,
        ).stdout  # fmt: skip
        for line in told.splitlines():
            kind, _, path = line.partition(" ")
            if kind == "insmod":
                found[str(Path(path.split()[0]).relative_to(root))] = None
    return list(found)


def make_kernel(wish: Wish, boot: Path, line: str) -> bytes:
    (boot / "cmdline").write_text(line)
    target = boot / "made.efi"
    parts = {
        ".osrel": "os-release",
        ".cmdline": "cmdline",
        ".linux": "vmlinuz",
        ".initrd": "initrd",
    }
    uki.make_uki(
        boot / STUBS[wish.arch],
        {name: boot / file for name, file in parts.items()},
        target,
        f"{foreign.TRIPLETS[wish.arch]}-objcopy",
    )
    return signed(wish, target)


def signed(wish: Wish, program: Path) -> bytes:
    """With the signature that Secure Boot asks for, where it is wished."""
    if wish.secure_boot is None:
        return program.read_bytes()
    target = program.with_suffix(".signed")
    keys = ["--key", str(wish.secure_boot / "db.key"), "--cert", str(wish.secure_boot / "db.crt")]
    subprocess.run(["sbsign", *keys, "--output", str(target), str(program)], check=True)
    return target.read_bytes()


def manifest(wish: Wish, image: Path, kernel: bytes, root_hash: str, offset: int) -> bytes:
    said = {
        "format": FORMAT,
        "version": wish.version,
        "arch": foreign.MACHINES[wish.arch],
        "flavour": FLAVOUR,
        "epoch": SECURITY_EPOCH,
        "root": {"size": image.stat().st_size, "sha256": fetch.digest(image)},
        "uki": {"size": len(kernel), "sha256": hashlib.sha256(kernel).hexdigest()},
        "root_hash": root_hash,
        "hash_offset": offset,
        "measures": uki.measures(kernel),
    }
    raw = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    read_manifest(raw)
    return raw


def pcrs(wish: Wish, loader: bytes, kernel: bytes) -> dict[int, str]:
    """Of the image alone: 0, 2, 3 and 7 are of the firmware, 1 and 5 are not promised.

    A signed image is meant for Secure Boot.
    """
    return {
        4: uki.pcr_4(loader, kernel, secure_boot=wish.secure_boot is not None),
        9: uki.pcr_9(kernel),
        11: uki.pcr_11(kernel),
    }


def write_pcrs(wish: Wish, loader: bytes, kernels: dict[str, bytes]) -> None:
    said = {
        name: {str(pcr): value for pcr, value in pcrs(wish, loader, kernel).items()}
        for name, kernel in kernels.items()
    }
    text = json.dumps(said, indent=2, sort_keys=True) + "\n"
    (wish.out / "pcrs.json").write_text(text)


def write_measurements(
    wish: Wish, key: ec.EllipticCurvePrivateKey, loader: bytes, kernel: bytes
) -> None:
    """For `eaves attestation expect`: nobody has to accept what this update measures."""
    values = pcrs(wish, loader, kernel)
    said = {
        "format": "eaves-measurements/1",
        "imageSha256": fetch.digest(wish.out / "system.eos"),
        "eveVersion": wish.version,
        "PCRValues": [
            {"index": pcr, "type": "PCR_TYPE_HASH", "value": value} for pcr, value in values.items()
        ],
    }
    document = json.dumps(said, indent=1, sort_keys=True).encode()
    (wish.out / "measurements.json").write_bytes(document)
    (wish.out / "measurements.json.sig").write_bytes(sign(key, document))


if __name__ == "__main__":
    raise SystemExit(main())
