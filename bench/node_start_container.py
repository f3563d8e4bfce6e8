"""Start of a container whose image is on the node (HV_NOHYPER), by the node of `eaves demo` (root).

From the configuration that asks for it, as the node has it, to its process: interface, volume and
container are made.  The median of five, each of an instance of its own.
"""

from support.demo_node import measure_starts

LIMIT_S = 0.7
INSTANCE = """
kind: instance
name: NAME
app: hello
device: demo-node
project: first-light
appType: APP_TYPE_CONTAINER
vminfo: {cpus: 1, memory: 65536, mode: HV_NOHYPER}
drives:
  - {imagename: hello, drvtype: HDD, target: Disk}
interfaces:
  - {intfname: eth0, intforder: 1, netinstname: apps, acls: []}
"""


def instance(name: str) -> str:
    return INSTANCE.replace("NAME", name)


def main() -> int:
    return measure_starts("node-start-container", "container_started", LIMIT_S, instance)


if __name__ == "__main__":
    raise SystemExit(main())
