"""What the controller of a booted image is told: its device, an app, a version of the system."""

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
