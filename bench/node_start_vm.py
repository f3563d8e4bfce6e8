"""Start of a virtual machine whose image is on the node, by the node of `eaves demo` (root).

From the configuration that asks for it, as the node has it, until QEMU runs it: interface, volume
and machine are made.  The median of five, each of an instance of its own.
"""

from support.demo_node import measure_starts

LIMIT_S = 1.0
INSTANCE = """
kind: instance
name: NAME
app: machine
device: demo-node
project: first-light
appType: APP_TYPE_VM
vminfo: {cpus: 1, memory: 262144, mode: HV_HVM, bootloaderMode: VM_BOOTLOADER_MODE_LEGACY}
drives:
  - {imagename: machine, drvtype: HDD, target: Disk}
interfaces:
  - {intfname: eth0, intforder: 1, netinstname: apps, acls: []}
"""


def instance(name: str) -> str:
    return INSTANCE.replace("NAME", name)


def main() -> int:
    return measure_starts("node-start-vm", "domain_started", LIMIT_S, instance)


if __name__ == "__main__":
    raise SystemExit(main())
