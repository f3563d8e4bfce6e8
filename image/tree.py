"""The root of the system: packages, the node, our own files; less what a device does not need.

Unpacked into a tmpfs, whose folders list their files in the order in which they were made: so the
same packages give the same bytes of file system wherever and by whomever they are built.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import foreign
import source
from fetch import SUITE

HERE = Path(__file__).parent
GONE = (  # patterns below the root
    "usr/share/doc/*",
    "usr/share/man/*",
    "usr/share/info/*",
    "usr/share/locale/*",
    "usr/share/lintian",
    "usr/share/bash-completion",
    "usr/share/zoneinfo/right",
    "usr/share/perl*",
    "usr/lib/*/perl*",
    "usr/bin/perl*",
    "usr/bin/apt*",
    "usr/bin/dpkg*",
    "usr/sbin/dpkg*",
    "usr/lib/apt",
    "usr/lib/dpkg",
    "etc/apt",
    "etc/dpkg",
    "var/lib/apt",
    "var/lib/dpkg",
    "var/cache/*",
    "var/log/*",
    "boot/*",
    "usr/bin/login",
    "usr/sbin/agetty",
    "usr/sbin/getty",
    "usr/sbin/sulogin",
    "usr/lib/systemd/systemd-sulogin-shell",
    "usr/bin/su",
    "usr/bin/passwd",
    "usr/bin/chsh",
    "usr/bin/chfn",
    "usr/bin/newgrp",
    "usr/bin/sg",
    "usr/bin/gpasswd",
    "usr/lib/systemd/system-generators/*[!g]-generator",  # debug: masks on the command line
    "etc/machine-id",
    "var/lib/dbus/machine-id",
    "etc/hostname",
    "etc/resolv.conf",
    "usr/share/qemu/*.dtb",
    "usr/share/qemu/opensbi*",
    "usr/share/qemu/hppa*",
    "usr/share/qemu/s390*",
    "usr/share/qemu/skiboot*",
    "usr/share/qemu/u-boot*",
)
MASKED = (  # units that a device has no use for; pcrphase would change PCR 11 after the stub
    "getty.target",
    "debug-shell.service",
    "systemd-pcrphase.service",
    "systemd-pcrphase-sysinit.service",
    "systemd-logind.service",
    "systemd-user-sessions.service",
    "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-binfmt.service",
    "proc-sys-fs-binfmt_misc.automount",
    "systemd-udev-settle.service",
    "e2scrub_reap.service",
    "e2scrub_all.timer",
    "dpkg-db-backup.timer",
    "systemd-sysusers.service",  # they are made when the image is
    "systemd-random-seed.service",  # it would be gone with the next boot
    "systemd-network-generator.service",
    "dev-mqueue.mount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "wpa_supplicant.service",  # the node starts one for each port that needs it
)
DRIVERS = (  # below kernel/; a folder that is not listed goes
    "arch",
    "block",
    "crypto",
    "fs/autofs",
    "fs/erofs",
    "fs/ext4",
    "fs/fat",
    "fs/fuse",
    "fs/isofs",
    "fs/jbd2",
    "fs/nls",
    "fs/overlayfs",
    "fs/squashfs",
    "fs/vfat",
    "fs/efivarfs",
    "fs/crypto",
    "kernel",
    "lib",
    "mm",
    "net/bridge",
    "net/8021q",
    "net/802",
    "net/core",
    "net/dns_resolver",
    "net/ipv4",
    "net/ipv6",
    "net/llc",
    "net/netfilter",
    "net/packet",
    "net/sched",
    "net/vmw_vsock",
    "net/wireless",
    "net/mac80211",
    "net/rfkill",
    "net/tls",
    "net/xfrm",
    "net/key",
    "drivers/acpi",
    "drivers/ata",
    "drivers/block",
    "drivers/bus",
    "drivers/char",
    "drivers/clk",
    "drivers/cpufreq",
    "drivers/crypto",
    "drivers/dma",
    "drivers/edac",
    "drivers/firmware",
    "drivers/gpio",
    "drivers/gpu/drm/virtio",
    "drivers/hid",
    "drivers/hwmon",
    "drivers/hwtracing",
    "drivers/i2c",
    "drivers/idle",
    "drivers/input",
    "drivers/iommu",
    "drivers/leds",
    "drivers/md",
    "drivers/mfd",
    "drivers/mmc",
    "drivers/net",
    "drivers/nvdimm",
    "drivers/nvme",
    "drivers/pci",
    "drivers/pinctrl",
    "drivers/platform",
    "drivers/power",
    "drivers/powercap",
    "drivers/ptp",
    "drivers/pwm",
    "drivers/regulator",
    "drivers/rtc",
    "drivers/scsi",
    "drivers/spi",
    "drivers/thermal",
    "drivers/tty",
    "drivers/usb",
    "drivers/vfio",
    "drivers/vhost",
    "drivers/virt",
    "drivers/virtio",
    "drivers/watchdog",
    "security",
    "virt",
)


def make_tree(
    repository: Path,
    names: Iterable[str],
    unpacked: Iterable[Path],
    root: Path,
    tar: Path,
    arch: str,
) -> None:
    """Installed packages by mmdebstrap, the others as they are.

    `tar`: what was installed is kept there, and taken from there the next time.
    """
    if not tar.exists():
        bootstrap(repository, names, tar, arch, root.parent)
    root.mkdir()
    unpack = ["tar", "--extract", "--numeric-owner", "--preserve-permissions", "--xattrs"]
    subprocess.run([*unpack, f"--directory={root}", f"--file={tar}"], check=True)
    # `dpkg-deb --extract` would put a folder in the place of the link /lib.
    unpack += ["--keep-directory-symlink", f"--directory={root}"]
    for package in unpacked:
        told = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", str(package)], check=True, capture_output=True
        )
        subprocess.run(unpack, input=told.stdout, check=True)


def bootstrap(repository: Path, names: Iterable[str], tar: Path, arch: str, staging: Path) -> None:
    """`staging` is in memory: dpkg flushes every file that it unpacks."""
    made = staging / "installed.tar"
    subprocess.run(
        [
            "mmdebstrap", "--quiet", "--mode=root", "--variant=essential", "--skip=check/qemu",
            f"--architectures={arch}", f"--include={','.join(names)}", SUITE, str(made),
            f"deb [trusted=yes] copy:{repository} ./", "--dpkgopt=force-unsafe-io",
            '--aptopt=APT::Sandbox::User "root"',
        ],
        check=True, env={**os.environ, "TMPDIR": str(staging), "SOURCE_DATE_EPOCH": "0"},
    )  # fmt: skip
    tar.parent.mkdir(parents=True, exist_ok=True)
    partial = tar.with_suffix(f".{os.getpid()}")
    shutil.copyfile(made, partial)
    made.unlink()
    for old in tar.parent.glob(f"installed-{arch}-*.tar"):  # of another lock
        old.unlink()
    partial.replace(tar)


def take_kernel(root: Path, out: Path) -> str:
    """Move the kernel out of the tree, and trim its modules; answers its release."""
    kernel = next(iter(sorted((root / "boot").glob("vmlinuz-*"))), None)
    if kernel is None:
        raise SystemExit("image: no kernel among the packages; see packages.lock")
    release = kernel.name.removeprefix("vmlinuz-")
    shutil.copyfile(kernel, out / "vmlinuz")
    modules = root / "lib/modules" / release
    subprocess.run(["depmod", "-b", str(root), release], check=True)
    kept = kept_modules((modules / "modules.dep").read_text())
    for path in sorted(modules.glob("kernel/**/*.ko")):
        if str(path.relative_to(modules)) not in kept:
            path.unlink()
    subprocess.run(["depmod", "-b", str(root), release], check=True)
    return release


def kept_modules(needs: str) -> set[str]:
    """`needs`: modules.dep.  Those of the folders that are kept, and all that they need."""
    told = (line.partition(":") for line in needs.splitlines())
    below = {name: rest.split() for name, _, rest in told}
    folders = tuple(f"kernel/{name}/" for name in DRIVERS)
    kept = {name for name in below if name.startswith(folders)}
    return kept.union(*(below[name] for name in kept))


def compiler_flags(project: Path) -> str:
    """As a shell reads them: the folder, which what is compiled does not tell, may have blanks."""
    flags = ["-O2", f"-ffile-prefix-map={project}=.", "-fdebug-prefix-map=/tmp=."]
    return shlex.join([*flags, "-Wl,--build-id=none"])


def install_node(
    root: Path, project: Path, version: str, keys: Iterable[Path], arch: str, cache: Path
) -> None:
    """The node's Python below /usr/lib/eaves, by the digests of its lock.

    `cache`: of pip.  That of the user holds what was compiled with whatever flags.
    """
    target = root / "usr/lib/eaves"
    python = project / ".venv/bin/python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-warn-script-location", "--no-compile", "--target", str(target)]
    pip += ["--cache-dir", str(cache)]
    env = {**os.environ, "CFLAGS": compiler_flags(project), "PYTHONHASHSEED": "0"}
    lock = project / "requirements/node.lock"
    if arch == foreign.native():
        subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True, env=env)
    else:
        foreign.install_libraries(pip, lock, root, arch, root.parent)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", str(project)], check=True, env=env)
    shutil.rmtree(target / "bin", ignore_errors=True)
    for folder in source.NOT_OF_A_NODE:  # the console if it was built
        shutil.rmtree(target / "eaves" / folder, ignore_errors=True)
    for library in target.rglob("*.so"):
        strip = f"{foreign.TRIPLETS[arch]}-strip"
        subprocess.run([strip, "--strip-unneeded", str(library)], check=True)
    for record in target.glob("*.dist-info/RECORD"):
        record.unlink()  # names what was just removed
    for record in target.glob("*.dist-info/direct_url.json"):
        record.unlink()  # names the folder it was built in
    release = root / "usr/lib/os-release"
    release.write_text(version)
    folder = root / "usr/share/eaves/update-keys"
    folder.mkdir(parents=True)
    for key in keys:
        shutil.copyfile(key, folder / key.name)


def finish(root: Path, epoch: int) -> None:
    """Our own files over it, what is not needed away, everything of one time."""
    subprocess.run(
        ["cp", "-a", "--no-preserve=ownership,timestamps", f"{HERE}/rootfs/.", root], check=True
    )
    # A checkout has the modes of whoever made it.
    for ours in (HERE / "rootfs").rglob("*"):
        path = root / ours.relative_to(HERE / "rootfs")
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or ours.stat().st_mode & 0o100 else 0o644)
    root.chmod(0o755)
    for pattern in GONE:
        # A pattern without a wildcard would not find a link that leads nowhere.
        for path in sorted(root.glob(pattern)) if "*" in pattern else [root / pattern]:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    for name in ("efi", "var/lib/eaves", "var/lib/eaves/node", "etc/eaves/node"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "etc/machine-id").touch()
    (root / "etc/hostname").write_text("eaves\n")
    (root / "etc/resolv.conf").symlink_to("../run/eaves/resolv.conf")
    subprocess.run(
        [
            "chroot", str(root), "/usr/bin/python3", "-m", "compileall", "-q",
            "--invalidation-mode", "unchecked-hash", "/usr/lib/eaves", "/usr/lib/python3.11",
        ],
        check=True,
    )  # fmt: skip
    read = subprocess.run(
        ["chroot", str(root), "/usr/bin/python3", "-P", "-m", "eaves.prepared"],
        env={**os.environ, "PYTHONHASHSEED": "0"}, check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    (root / "usr/share/eaves/imports").write_text(read.stdout.replace("\n/", "\n").lstrip("/"))
    subprocess.run(
        ["systemctl", f"--root={root}", "--quiet", "preset-all"],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    for unit in MASKED:
        link = root / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    for path in [root, *root.rglob("*")]:
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def put_in_order(root: Path, ordered: Path) -> None:
    """The same tree, made in the order of its names: what was installed first must not tell."""
    ordered.mkdir()
    names = ["--sort=name", "--numeric-owner", "--xattrs"]
    packed = subprocess.Popen(
        ["tar", "--create", *names, f"--directory={root}", "."], stdout=subprocess.PIPE
    )
    subprocess.run(
        ["tar", "--extract", "--numeric-owner", "--preserve-permissions", "--xattrs",
         f"--directory={ordered}"],
        stdin=packed.stdout, check=True,
    )  # fmt: skip
    if packed.wait():
        raise SystemExit(f"image: {root} cannot be read whole")
