"""What the controller of a booted image is told: its device, an app, a version of the system."""

import hashlib
from pathlib import Path

from support.image_builds import HOW_LONG, SHORT

# What is late on a busy machine is no bad update; one that is left for silence takes as long.
SILENCE_S = 1200 if HOW_LONG == SHORT else 240
WINDOW_S = 30
LONG_S = 7200  # of a window whose end nobody waits for
_WORLD = """\
kind: project
name: image
attestationPolicy:
  attestationPolicy: {type: ATTEST_POLICY_TYPE_@POLICY@}
---
kind: network
name: uplink
project: image
networkKind: V4
ip: {dhcp: CLIENT}
---
kind: brand
name: any-maker
---
kind: model
name: image-computer
brand: any-maker
type: @ARCH@
attr: {Cpus: "2", memory: 2G, storage: 8G}
ioMemberList:
  - ztype: IO_TYPE_ETH
    phylabel: eth0
    logicallabel: eth0
    assigngrp: eth0
    phyaddrs: {Ifname: enp0s2}
    usage: ADAPTER_USAGE_MANAGEMENT
    usagePolicy: {FreeUplink: true}
---
kind: device
name: on-image
project: image
model: image-computer
serialno: "EAVES-0001"
interfaces:
  - {intfname: eth0, intfUsage: MANAGEMENT, netname: uplink}
configItem:
  - {key: timer.config.interval, stringValue: "15"}  # each poll is a handshake, emulated
  - {key: timer.test.baseimage.update, stringValue: "@WINDOW@"}
  - {key: timer.update.fallback.no.network, stringValue: "@SILENCE@"}
  - {key: timer.vault.ready.cutoff, stringValue: "1200"}
  - {key: newlog.allow.fastupload, stringValue: "true"}  # or a line waits for all of boots before
"""


def world(window_s: int = WINDOW_S, policy: str = "ACCEPT", arch: str = "AMD64") -> str:
    """`window_s`: how long a system on trial is tested; `policy`: of attestation; `arch`: as
    records spell it.
    """
    text = _WORLD.replace("@SILENCE@", str(SILENCE_S)).replace("@WINDOW@", str(window_s))
    return text.replace("@POLICY@", policy).replace("@ARCH@", arch)


def with_usb() -> str:
    """Whatever somebody plugs in is let in."""
    return _opened(world(), "debug.enable.usb")


def with_static_port(address: str) -> str:
    """In the network of QEMU.  Who stands before the machine sees its console, and may set it."""
    own = f"netname: uplink, ipaddr: {address}, allowLocalModifications: true}}"
    static = "ip: {dhcp: STATIC, subnet: 10.0.2.0/24, gateway: 10.0.2.2, dns: [10.0.2.3]}"
    text = world().replace("netname: uplink}", own).replace("ip: {dhcp: CLIENT}", static)
    return _opened(text, "debug.enable.vga", "debug.enable.usb")


def with_devices(card: str, stick: str) -> str:
    """For apps: a network card, named by its PCI address, and a USB device, by vendor and kind."""
    members, interfaces = "", ""
    for name, kind, address in (
        ("card", "ETH", f'PciLong: "{card}"'),
        ("stick", "USB_DEVICE", f'UsbProduct: "{stick}"'),
    ):
        members += _MEMBER.format(name=name, kind=kind, address=address)
        interfaces += f"  - {{intfname: {name}, intfUsage: APP_DIRECT}}\n"
    model, device = world().split("---\nkind: device\n")
    device = device.replace("configItem:\n", f"{interfaces}configItem:\n")
    return f"{model}{members}---\nkind: device\n{device}"


_MEMBER = """\
  - ztype: IO_TYPE_{kind}
    phylabel: {name}
    logicallabel: {name}
    assigngrp: {name}
    phyaddrs: {{{address}}}
    usage: ADAPTER_USAGE_APP_DIRECT
"""


def _opened(text: str, *keys: str) -> str:
    """Of the device, which is the last of a world."""
    return text + "".join(f'  - {{key: {key}, stringValue: "true"}}\n' for key in keys)


_APP = """\
kind: datastore
name: samples
dsType: CONTAINERREGISTRY
dsFQDN: "@STORE@"
dsPath: samples
---
kind: netinst
name: inner
project: image
device: on-image
networkKind: LOCAL
type: V4
port: eth0
---
kind: image
name: hello
datastore: samples
imageType: APPLICATION
imageFormat: CONTAINER
imageArch: @ARCH@
imageRelUrl: hello:v1
---
kind: app
name: hello
manifestJSON:
  name: hello
  acKind: PodManifest
  acVersion: 1.2.0
  appType: CONTAINER
  deploymentType: STAND_ALONE
  vmmode: HV_NOHYPER
  images:
    - {imagename: hello, imageformat: CONTAINER, drvtype: HDD, target: Disk}
  interfaces:
    - {name: eth0}
  resources:
    - {name: cpus, value: "1"}
    - {name: memory, value: "65536"}
---
kind: instance
name: hello
app: hello
device: on-image
project: image
appType: CONTAINER
vminfo: {cpus: 1, memory: 65536, mode: HV_NOHYPER}
drives:
  - {imagename: hello, drvtype: HDD, target: Disk}
interfaces:
  - intfname: eth0
    intforder: 1
    netinstname: inner
    acls:
      - name: web
        matches:
          - {type: protocol, value: tcp}
          - {type: lport, value: "8080"}
        actions:
          - {portmap: true, mapparams: {port: 80}}
"""


def app(store_url: str, arch: str = "AMD64") -> str:
    """A container that answers on the device's port 8080; `store_url`: as guests see it."""
    return _APP.replace("@STORE@", store_url).replace("@ARCH@", arch)


_MACHINE = """\
kind: datastore
name: disks
dsType: HTTP
dsFQDN: "@STORE@"
dsPath: files
---
kind: image
name: machine
datastore: disks
imageType: APPLICATION
imageFormat: QCOW2
imageArch: AMD64
imageRelUrl: "@FILE@"
imageSha256: @SHA256@
imageSizeBytes: @SIZE@
---
kind: app
name: machine
manifestJSON:
  name: machine
  acKind: VMManifest
  acVersion: 1.2.0
  appType: VM
  deploymentType: STAND_ALONE
  vmmode: HV_HVM
  images:
    - {imagename: machine, imageformat: QCOW2, drvtype: HDD, target: Disk}
  interfaces:
    - {name: eth0}
    - {name: card, type: ETH, directattach: true}
    - {name: stick, type: USB, directattach: true}
  resources:
    - {name: cpus, value: "1"}
    - {name: memory, value: "262144"}
---
kind: instance
name: machine
app: machine
device: on-image
project: image
appType: VM
startDelayInSeconds: @DELAY@
logs: {access: true}
vminfo:
  cpus: 1
  memory: 262144
  mode: HV_HVM
  bootloaderMode: VM_BOOTLOADER_MODE_LEGACY
  cpuPinningEnabled: true
drives:
  - {imagename: machine, drvtype: HDD, target: Disk}
interfaces:
  - intfname: eth0
    intforder: 1
    netinstname: inner
    acls:
      - name: web
        matches:
          - {type: protocol, value: tcp}
          - {type: lport, value: "8081"}
        actions:
          - {portmap: true, mapparams: {port: 80}}
  - {intfname: card, intforder: 2, directattach: true, io: {name: card, type: IO_TYPE_ETH}}
  - {intfname: stick, intforder: 3, directattach: true, io: {name: stick, type: IO_TYPE_USB_DEVICE}}
"""


def machine(store_url: str, disk: Path, delay_s: int) -> str:
    """With the devices of `with_devices` and a processor of its own; answers on port 8081.

    `disk`: its file, which the store has by the same name; it goes beside `app`, and starts so long
    after its node is ready.
    """
    data = disk.read_bytes()
    words = {
        "STORE": store_url, "FILE": disk.name, "SIZE": str(len(data)), "DELAY": str(delay_s),
        "SHA256": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip
    text = _MACHINE
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text


SYSTEM = """\
kind: datastore
name: systems
dsType: HTTP
dsFQDN: "@STORE@"
dsPath: files
---
kind: image
name: "@NAME@"
datastore: systems
imageType: EVE
imageFormat: RAW
imageArch: AMD64
imageRelUrl: "@FILE@"
imageVersion: "@VERSION@"
imageSizeBytes: @SIZE@
imageSha256: @SHA256@
"""
