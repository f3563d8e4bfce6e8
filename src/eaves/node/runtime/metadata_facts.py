"""What the metadata service knows of the node."""

from dataclasses import replace

from eaves.evapi.config import EdgeDevConfig
from eaves.evapi.config_items import ItemValues
from eaves.node.host.sensors import Sensors
from eaves.node.network.metadata import Neighbour, NodeFacts, PortCounters
from eaves.node.runtime.health import temperature_lines
from eaves.node.runtime.metadata_server import Surface
from eaves.node.runtime.parts import Parts, Shared
from eaves.node.runtime.reporter import Reporter

MIB = 1 << 20


def metrics_limits(items: ItemValues) -> tuple[float, int, float]:
    """Of /metrics, for each app: a second, at once, and after how long it begins anew."""
    return (
        items.count("msrv.prometheus.metrics.rps"),
        items.count("msrv.prometheus.metrics.burst"),
        items.seconds("msrv.prometheus.metrics.idletimeout.seconds"),
    )


def surface_of(parts: Parts, shared: Shared, reporter: Reporter) -> Surface:
    def facts(neighbours: tuple[Neighbour, ...]) -> NodeFacts:
        return replace(node_facts(parts, neighbours), position=shared.position)

    return Surface(
        lambda: parts.engine.wish,
        lambda: parts.engine.ports,
        facts,
        reporter.say,
        parts.patches,
        lambda: metrics_limits(shared.items),
        lambda volume, generation: parts.storage.volume_paths(volume, generation).path,
    )


def node_facts(parts: Parts, neighbours: tuple[Neighbour, ...]) -> NodeFacts:
    wish = parts.engine.wish
    config = wish.config if wish else EdgeDevConfig()
    load = parts.host.load()
    return NodeFacts(
        device_id=parts.conversation.link.device_id or "",
        device_name=config.device_name,
        project_name=config.project_name,
        project_id=config.project_id,
        enterprise_name=config.enterprise_name,
        enterprise_id=config.enterprise_id,
        diagnosis=parts.diagnose(),
        ports=tuple(_counters(parts, p.ifname, up=p.up) for p in parts.engine.ports),
        neighbours=neighbours,
        memory_total_bytes=load.memory_total_mib * MIB,
        memory_available_bytes=load.memory_available_mib * MIB,
        uptime_s=load.uptime_s,
        cpu_busy_s=load.cpu_total_s,
        more_metrics=lambda: temperature_lines(Sensors().temperatures()),
    )


def _counters(parts: Parts, ifname: str, *, up: bool) -> PortCounters:
    seen = parts.host.link(ifname)
    if seen is None:
        return PortCounters(ifname, up)
    return PortCounters(
        ifname,
        up,
        tx_bytes=seen.tx_bytes,
        rx_bytes=seen.rx_bytes,
        tx_packets=seen.tx_packets,
        rx_packets=seen.rx_packets,
        tx_drops=seen.tx_dropped,
        rx_drops=seen.rx_dropped,
        tx_errors=seen.tx_errors,
        rx_errors=seen.rx_errors,
    )
