"""Start of a container whose image is on the node (HV_NOHYPER), by the node of `eaves demo` (root).

From the configuration that asks for it, as the node has it, to its process: interface, volume and
container are made.  The median of five, each of an instance of its own.
"""

from support.demo_node import container, measure_starts

LIMIT_S = 0.7
MEMORY_KIB = 65536


def instance(name: str) -> str:
    return container(name, MEMORY_KIB)


def main() -> int:
    return measure_starts("node-start-container", "container_started", LIMIT_S, instance)


if __name__ == "__main__":
    raise SystemExit(main())
