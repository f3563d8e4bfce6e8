"""The emulator's command line.  Pure: golden tests catch every reordering a guest would notice.

Each disk and each interface has a PCIe root port of its own, disks first, in configured order.
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from eaves.errors import Rejected
from eaves.node.domains.items import Domain, Firmware, overhead_kib
from eaves.node.host.accel import Accel
from eaves.node.host.process import APP_OOM_SCORE
from eaves.node.refs import emulator_uid

EMULATOR = "qemu-system-x86_64"
LONGEST_SOCKET_PATH = 107  # sun_path of Linux, with its final zero
USB_FIRST = "usb"
FIRST_PORT_SLOT = 2  # of bus 0; lower ones belong to the machine

# For what becomes QEMU, or the TPM of its guest; their keeper has the node's score.
LIKE_AN_APP = f"echo {APP_OOM_SCORE} >/proc/self/oom_score_adj"
# Keeps QEMU and writes its exit code, whatever happens to the node meanwhile.
# A guest with a device of its own has all its memory locked: QEMU may do that also as nobody.
# What a guest can write without end goes through a pipe, of which so many bytes are kept; the rest
# is read all the same, so that nobody waits for it.  The keeper holds both ends (3 and 4: there are
# at most two) until QEMU is gone: no reader is left waiting where QEMU never opened its end.
KEEPER = (
    "ulimit -l unlimited 2>/dev/null; "
    'out="$1"; ulimit -c "$2" 2>/dev/null; shift 2; end=3; '
    'while [ "$1" != -- ]; do mkfifo -m 600 "$1"; eval "exec $end<>\\"\\$1\\""; exec 5<"$1"; '
    '{ head -c "$3" >"$2"; cat >/dev/null; } <&5 3>&- 4>&- 5<&- & '
    "exec 5<&-; end=$((end + 1)); shift 3; done; shift; "
    f'({LIKE_AN_APP}; exec "$@" 3>&- 4>&-); '
    'echo $? > "$out.new"; mv "$out.new" "$out"; exec 3>&- 4>&-; wait'
)
LARGEST_CORE_BYTES = 512 << 20
LARGEST_CORE_WITH_GUEST = "unlimited"
SHELL_BLOCK = 512  # what `ulimit -c` counts in
LARGEST_TRACE_BYTES = 64 << 20
LARGEST_FIRMWARE_LOG_BYTES = 1 << 20
GRAPHICS = "0000:00:02.0"  # where Intel's integrated graphics always are
OPTION_ROMS = Path("/usr/share/eaves/option-roms")


@dataclass(frozen=True, slots=True)
class DiskFile:
    path: Path
    format: str  # "qcow2", "raw"
    read_only: bool
    cdrom: bool


@dataclass(frozen=True, slots=True)
class Ovmf:
    code: Path
    variables: Path  # the app's own copy


@dataclass(frozen=True, slots=True)
class Place:
    """What the host decides: where things are on this machine."""

    folder: Path  # run state: sockets, pid file
    console: Path
    accel: Accel
    disks: tuple[DiskFile, ...]
    seed: Path | None
    ovmf: Ovmf | None
    licence: tuple[Path, ...] = ()  # tables of this machine's firmware
    kernel: Path | None = None
    ramdisk: Path | None = None
    tpm_state: Path | None = None  # None: the guest has no TPM

    @property
    def trace(self) -> Path:
        return self.console.with_name("trace.log")

    @property
    def firmware_log(self) -> Path:
        return self.console.with_name("firmware.log")

    @property
    def gdb(self) -> Path:
        return self.folder / "gdb.sock"

    @property
    def tpm(self) -> Path:
        return self.folder / "tpm.sock"

    @property
    def qmp(self) -> Path:
        return self.folder / "qmp.sock"

    @property
    def pid_file(self) -> Path:
        return self.folder / "qemu.pid"

    @property
    def exit_file(self) -> Path:
        return self.folder / "exit"


def keeper_argv(item: Domain, place: Place) -> tuple[str, ...]:
    return (
        *("/bin/sh", "-c", _script(place), "eaves-vm", str(place.exit_file), _core_limit(item)),
        *_pipes(item, place),
        "--",
        *qemu_argv(item, place),
    )


def _core_limit(item: Domain) -> str:
    """In blocks of the shell.  Where a core goes to, the host decides."""
    if not item.keep_core:
        return "0"
    return LARGEST_CORE_WITH_GUEST if item.guest_in_core else str(LARGEST_CORE_BYTES // SHELL_BLOCK)


def _pipes(item: Domain, place: Place) -> tuple[str, ...]:
    """For each: the pipe, the file behind it, and how many bytes of it are kept."""
    argv: list[str] = []
    if item.traced:
        argv += [str(_pipe(place, place.trace)), str(place.trace), str(LARGEST_TRACE_BYTES)]
    if item.firmware_log:
        log = place.firmware_log
        argv += [str(_pipe(place, log)), str(log), str(LARGEST_FIRMWARE_LOG_BYTES)]
    return tuple(argv)


def _pipe(place: Place, file: Path) -> Path:
    return place.folder / f"{file.name}.pipe"


def _script(place: Place) -> str:
    if place.tpm_state is None:
        return KEEPER
    tpm = shlex.join(tpm_argv(place.tpm_state, place.tpm))
    return f"({LIKE_AN_APP}; exec {tpm}) || exit; {KEEPER}"


def tpm_argv(state: Path, socket: Path) -> tuple[str, ...]:
    """A TPM in software for this guest: it returns once it listens, and ends with QEMU.

    A guest that breaks it finds no capability, no way to get one, and the calls that swtpm allows
    itself.
    """
    return (
        *("setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"),
        *("swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state},mode=0600"),
        *("--ctrl", f"type=unixio,path={socket},mode=0600", "--terminate", "--daemon"),
    )


def qemu_argv(item: Domain, place: Place) -> tuple[str, ...]:
    if len(str(place.qmp)) > LONGEST_SOCKET_PATH:
        raise Rejected(f"{place.qmp}: path too long for a socket; give the node a shorter name")
    user = emulator_uid(item.number)
    return (
        EMULATOR,
        *("-name", f"guest={item.app},process=eaves-vm-{item.number}", "-uuid", item.app),
        *("-nodefaults", "-no-user-config", "-S", "-pidfile", str(place.pid_file)),
        # Once disks, sockets, console and taps are open it drops root, and opens nothing of the
        # host's then but the USB devices it was given: without capabilities nothing leads back.
        *("-sandbox", "on,obsolete=deny,elevateprivileges=allow,spawn=deny,resourcecontrol=deny"),
        *("-runas", f"{user}:{user}"),
        *_machine(item, place),
        *("-m", f"size={item.memory_kib}k"),
        *("-smp", f"{item.vcpus},sockets=1,cores={item.vcpus},threads=1"),
        *("-rtc", "base=utc,driftfix=slew", "-boot", "strict=on"),
        *("-global", "ICH9-LPC.disable_s3=1", "-global", "ICH9-LPC.disable_s4=1"),
        *("-chardev", f"socket,id=qmp,path={_text(place.qmp)},server=on,wait=off"),
        *("-mon", "chardev=qmp,mode=control"),
        *_boot_order(item),
        *_kernel(item, place),
        *_tpm(place),
        *_console(place),
        *_debug(item, place),
        *_licence(item, place),
        *_display(item),
        *("-object", "rng-random,id=rng0,filename=/dev/urandom"),
        *_port(0),
        *("-device", "virtio-rng-pci,rng=rng0,bus=port0"),
        *_drives(item, place),
        *_ports(item, len(place.disks) + 2),
        *_passed(item),
    )


def _machine(item: Domain, place: Place) -> tuple[str, ...]:
    kvm = place.accel.kvm
    accel = "kvm" if kvm else "tcg,thread=multi,tb-size=128"
    cpu = "host" if kvm else "max"
    if item.hide_hypervisor and kvm:
        cpu += ",kvm=off,hv-relaxed,hv-vapic,hv-spinlocks=0x1fff,hv-time"
    core = f"dump-guest-core={'on' if item.guest_in_core else 'off'}"
    argv = ["-machine", f"q35,smm=off,vmport=off,usb=off,{core}", "-accel", accel, "-cpu", cpu]
    if place.ovmf is not None:
        for unit, path, options in (
            (0, place.ovmf.code, ",readonly=on"),
            (1, place.ovmf.variables, ""),
        ):
            argv += ["-drive", f"if=pflash,unit={unit},format=raw,file={_text(path)}{options}"]
    elif item.firmware is Firmware.UEFI:
        raise Rejected("the app asks for UEFI firmware; install the package ovmf on this node")
    return tuple(argv)


def _boot_order(item: Domain) -> tuple[str, ...]:
    """For firmware that asks; boot indexes tell every other.  Source: node reference 7.2."""
    if not item.boot_order:
        return ()
    return ("-fw_cfg", f"name=opt/eve.bootorder,string={item.boot_order}")


def _kernel(item: Domain, place: Place) -> tuple[str, ...]:
    argv: list[str] = []
    if place.kernel is not None:
        argv += ["-kernel", str(place.kernel)]
        argv += ["-initrd", str(place.ramdisk)] if place.ramdisk is not None else []
        argv += ["-append", item.arguments] if item.arguments else []
    return tuple(argv)


def _tpm(place: Place) -> tuple[str, ...]:
    if place.tpm_state is None:
        return ()
    return (
        *("-chardev", f"socket,id=tpm,path={_text(place.tpm)}"),
        *("-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-tis,tpmdev=tpm0"),
    )


def _console(place: Place) -> tuple[str, ...]:
    return (
        *("-chardev", f"file,id=console,path={_text(place.console)},append=on"),
        *("-serial", "chardev:console"),
    )


def _debug(item: Domain, place: Place) -> tuple[str, ...]:
    argv: list[str] = []
    if item.gdb:
        argv += ["-gdb", f"unix:{_text(place.gdb)},server=on,wait=off"]
    if item.pause_on_crash or item.keep_guest_core:
        argv += ["-device", "pvpanic", "-action", "panic=pause"]
    for event in item.traced:
        argv += ["-trace", f"enable={event}"]
    if item.traced:
        argv += ["-D", str(_pipe(place, place.trace))]
    if item.firmware_log:
        argv += ["-chardev", f"file,id=firmware,path={_text(_pipe(place, place.firmware_log))}"]
        argv += ["-device", "isa-debugcon,iobase=0x402,chardev=firmware"]
    return tuple(argv)


def _graphics(item: Domain, address: str) -> str:
    """What a handed over graphics adapter of the processor has beside other devices."""
    if address != GRAPHICS:
        return ""
    options = ",x-no-mmap=on" if item.graphics_without_mmap else ""
    if item.graphics_rom:
        options += f",romfile={_text(OPTION_ROMS / item.graphics_rom)}"
    return options


def _licence(item: Domain, place: Place) -> tuple[str, ...]:
    """Windows looks for its key in these tables, whose maker sold the machine with it."""
    if not item.oem_licence:
        return ()
    if not place.licence:
        raise Rejected(
            "the app asks for the Windows licence of this machine, whose firmware has none (no "
            "table MSDM or SLIC); give the app a key of its own and take the flag "
            "enable_oem_win_license_key away"
        )
    return tuple(word for path in place.licence for word in ("-acpitable", f"file={_text(path)}"))


def _display(item: Domain) -> tuple[str, ...]:
    if item.vnc is None:
        return ("-display", "none")
    password = ",password=on" if item.vnc.password else ""
    width, _, height = item.resolution.partition("x")
    size = f",xres={width},yres={height}" if height else ""
    where = "" if item.vnc.everywhere else "127.0.0.1"
    return (
        *("-device", f"virtio-vga,max_outputs=1{size}"),
        *("-display", f"vnc={where}:{item.vnc.display}{password}"),
        *("-device", "qemu-xhci,id=usb", "-device", "usb-tablet,bus=usb.0"),
    )


def _port(number: int) -> tuple[str, ...]:
    slot = FIRST_PORT_SLOT + number // 8
    function = number % 8
    many = ",multifunction=on" if function == 0 else ""
    return (
        "-device",
        f"pcie-root-port,id=port{number},chassis={number + 1},addr={slot:#x}.{function:#x}{many}",
    )


def _drives(item: Domain, place: Place) -> tuple[str, ...]:
    """Port 0 is the random source's, port 1 the CD controller's, then the disks'."""
    argv: list[str] = [*_port(1), "-device", "virtio-scsi-pci,id=scsi,bus=port1"]
    first = len(item.passed.usb) if item.boot_order == USB_FIRST else 0
    for number, disk in enumerate(place.disks):
        argv += _port(number + 2)
        argv += _blockdev(f"disk{number}", disk.path, disk.format, disk.read_only or disk.cdrom)
        if disk.cdrom:
            device = "ide-cd" if item.legacy_devices else "scsi-cd"
            bus = f"bus=ide.{number}" if item.legacy_devices else "bus=scsi.0"
        elif item.legacy_devices:
            device, bus = "ide-hd", f"bus=ide.{number}"
        else:
            device, bus = "virtio-blk-pci", f"bus=port{number + 2}"
        serial = item.disks[number].volume.replace("-", "")[:20]
        identity = f",serial={serial}" if serial else ""
        argv += [
            "-device",
            f"{device},drive=disk{number},bootindex={first + number},{bus}{identity}",
        ]
    if place.seed is not None:
        argv += _blockdev("seed", place.seed, "raw", read_only=True)
        last = "bus=ide.5" if item.legacy_devices else "bus=scsi.0"
        argv += ["-device", f"{'ide-cd' if item.legacy_devices else 'scsi-cd'},drive=seed,{last}"]
    return tuple(argv)


def _blockdev(name: str, path: Path, format_: str, read_only: bool) -> list[str]:  # noqa: FBT001 - QEMU's own switch
    switch = "on" if read_only else "off"
    cache = "cache.direct=off,cache.no-flush=off"
    return [
        "-blockdev",
        f"driver=file,node-name={name}-file,filename={_text(path)},read-only={switch},{cache}",
        "-blockdev",
        f"driver={format_},node-name={name},file={name}-file,read-only={switch},{cache}",
    ]


def _ports(item: Domain, first_port: int) -> tuple[str, ...]:
    """Interfaces, then PCI devices; or all as the app orders them.  Source: node reference 7.2."""
    model = "e1000" if item.legacy_devices else "virtio-net-pci"
    behind: list[tuple[int, tuple[str, ...], str]] = []
    for number, nic in enumerate(item.nics):
        tap = ("-netdev", f"tap,id=net{number},ifname={nic.ifname},script=no,downscript=no")
        device = f"{model},netdev=net{number},mac={nic.mac},bus={{}},romfile="
        behind.append((nic.order, tap, device))
    for address, order in zip_longest(item.passed.pci, item.passed.order, fillvalue=0):
        device = f"vfio-pci,host={address},bus={{}}{_graphics(item, str(address))}"
        behind.append((int(order), (), device))
    if item.ordered:
        behind.sort(key=lambda one: one[0])
    argv: list[str] = []
    for port, (_, before, device) in enumerate(behind, first_port):
        argv += [*_port(port), *before, "-device", device.format(f"port{port}")]
    return tuple(argv)


def _passed(item: Domain) -> tuple[str, ...]:
    """What else the guest has of the machine itself."""
    argv: list[str] = []
    if item.passed.usb and item.vnc is None:
        argv += ["-device", "qemu-xhci,id=usb"]
    for number, rule in enumerate(item.passed.usb):
        place = f"hostbus={rule.bus},hostport={rule.port}"
        kind = f"vendorid=0x{rule.vendor},productid=0x{rule.product}"
        first = f",bootindex={number}" if item.boot_order == USB_FIRST else ""
        argv += ["-device", f"usb-host,bus=usb.0,{place if rule.port else kind}{first}"]
    for number, path in enumerate(item.passed.serial):
        argv += ["-chardev", f"serial,id=tty{number},path={_text(Path(path))}"]
        argv += ["-serial", f"chardev:tty{number}"]
    return (*argv, *can_argv(item.passed.can))


def can_argv(interfaces: Iterable[str]) -> tuple[str, ...]:
    """A controller for each, on the bus of that interface."""
    return tuple(
        word
        for number, name in enumerate(interfaces)
        for word in (
            *("-object", f"can-bus,id=can{number}"),
            *("-object", f"can-host-socketcan,id=canhost{number},if={name},canbus=can{number}"),
            *("-device", f"kvaser_pci,canbus=can{number}"),
        )
    )


def _text(path: Path) -> str:
    """A comma separates options; doubled it stands for itself."""
    return str(path).replace(",", ",,")


def memory_limit_bytes(item: Domain) -> int:
    """RAM and what the emulator needs beside it."""
    overhead = item.overhead_kib or overhead_kib(item.memory_kib, item.vcpus)
    return (item.memory_kib + overhead) * 1024
