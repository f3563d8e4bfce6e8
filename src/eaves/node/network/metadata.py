"""What apps are told at 169.254.169.254: who they are, where they run, whom they may meet.  Pure.

Who asks is decided by the network instance that was asked through and the sender's address there;
the firewall lets nobody send with another's.  A caller that is none of its apps is told nothing.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from eaves.evapi.config import AppInstanceConfig, EdgeDevConfig, MetaDataType, Target
from eaves.evapi.info import AppInstMetaDataType
from eaves.ids import AppInstanceId, NetworkInstanceId, VolumeId
from eaves.node.network.patches import BASE_URL
from eaves.node.refs import Position

BLOBS = "/eve/app-custom-blobs/"
MOST_STATUS_BYTES = 32_768
JSON_TYPE, TEXT_TYPE, METRICS_TYPE = (
    "application/json",
    "text/plain; charset=utf-8",
    "text/plain; version=0.0.4; charset=utf-8",
)
POSTED = {
    "/eve/v1/app/appCustomStatus": AppInstMetaDataType.APP_INST_META_DATA_TYPE_CUSTOM_STATUS,
    "/eve/v1/kubeconfig": AppInstMetaDataType.APP_INST_META_DATA_TYPE_KUBE_CONFIG,
}
NOT_SERVED = {
    "/eve/v1/tpm/": "this node keeps no TPM for apps",
}


@dataclass(frozen=True, slots=True)
class Question:
    method: str
    path: str
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str = TEXT_TYPE
    body: str = ""
    status_of: AppInstMetaDataType | None = None  # the question's body goes to the controller


@dataclass(frozen=True, slots=True)
class Blob:
    """A volume of an app whose target is AppCustom: the app fetches it."""

    name: str
    volume: VolumeId
    generation: int
    meta_data: str  # what its content tree says of it


@dataclass(frozen=True, slots=True)
class Caller:
    """One interface of an app, as it asks."""

    app: AppInstanceId
    config: AppInstanceConfig = field(repr=False)
    network_instance: NetworkInstanceId
    address: str
    port: int  # it asks from
    egress_address: str  # of the port that its network instance leaves by now; empty: none
    discovers: bool = False  # its adapter may be told of its neighbours
    blobs: tuple[Blob, ...] = ()


@dataclass(frozen=True, slots=True)
class Neighbour:
    app: AppInstanceId
    app_name: str
    interface: str
    address: str


@dataclass(frozen=True, slots=True)
class PortCounters:
    ifname: str
    up: bool
    tx_bytes: int = 0
    rx_bytes: int = 0
    tx_packets: int = 0
    rx_packets: int = 0
    tx_drops: int = 0
    rx_drops: int = 0
    tx_errors: int = 0
    rx_errors: int = 0


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Of the node, at the moment of the question."""

    device_id: str
    device_name: str = ""
    project_name: str = ""
    project_id: str = ""
    enterprise_name: str = ""
    enterprise_id: str = ""
    diagnosis: str = ""
    ports: tuple[PortCounters, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    memory_total_bytes: int = 0
    memory_available_bytes: int = 0
    uptime_s: float = 0.0
    cpu_busy_s: float = 0.0
    position: Position | None = None
    # Lines of Prometheus text, looked up for /metrics only: some sensors take their time.
    more_metrics: Callable[[], Iterable[str]] = tuple
    user_data: Mapping[AppInstanceId, str] = field(
        default_factory=dict[AppInstanceId, str], repr=False
    )


def answer(question: Question, caller: Caller | None, facts: NodeFacts) -> Answer:
    """Never another app's data: without a caller there is nothing to tell."""
    if caller is None:
        return Answer(204)
    if question.path in POSTED:
        return _take_status(question)
    if question.method not in {"GET", "HEAD"}:
        return Answer(405, body=f"{question.path} is read with GET\n")
    if question.path == "/openstack" or question.path.startswith("/openstack/"):
        return _openstack(question.path, caller, facts)
    return _told(question.path, caller, facts) or _not_told(question.path)


def _told(path: str, caller: Caller, facts: NodeFacts) -> Answer | None:
    match path:
        case "/eve/v1/network.json":
            return _network(caller, facts)
        case "/eve/v1/external_ipv4":
            return _text(caller.egress_address)
        case "/eve/v1/hostname":
            return _text(caller.app)
        case "/eve/v1/location.json":
            return _location(facts.position)
        case "/eve/v1/wwan/status.json" | "/eve/v1/wwan/metrics.json":
            return Answer(204)  # its modems: nothing here knows them
        case "/eve/v1/networks/metrics.json":
            return _json([_port_metrics(port) for port in facts.ports])
        case "/eve/v1/diag":
            return _text(facts.diagnosis)
        case "/eve/v1/discover-network.json":
            return _discover(caller, facts)
        case "/eve/v1/app/info.json":
            return _json({"appCustomBlobs": [_blob(blob) for blob in caller.blobs]})
        case "/metrics":
            return _metrics(facts)
        case _:
            return None


def _location(position: Position | None) -> Answer:
    if position is None:
        return Answer(204)  # while unknown
    return _json(
        {
            "latitude": position.latitude,
            "longitude": position.longitude,
            "altitude": position.altitude,
            "utc-timestamp": int(position.at.timestamp() * 1000),
            "logical-label": position.label,
        }
    )


def _not_told(path: str) -> Answer:
    for start, why in NOT_SERVED.items():
        if path.startswith(start):
            return Answer(501, body=f"{why}\n")
    return Answer(404, body=f"nothing is told at {path[:200]}\n")


def _take_status(question: Question) -> Answer:
    if question.method != "POST":
        return Answer(405, body=f"{question.path} takes POST\n")
    if question.content_type.partition(";")[0].strip().lower() != JSON_TYPE:
        return Answer(415, body=f"send it as {JSON_TYPE}\n")
    if len(question.body) > MOST_STATUS_BYTES:
        return Answer(413, body=f"{MOST_STATUS_BYTES} bytes at most\n")
    try:
        json.loads(question.body)
    except (ValueError, RecursionError):
        return Answer(400, body="the body is no JSON\n")
    return Answer(200, status_of=POSTED[question.path])


def _json(value: Any) -> Answer:
    return Answer(200, JSON_TYPE, json.dumps(value, indent=2) + "\n")


def _network(caller: Caller, facts: NodeFacts) -> Answer:
    return _json(
        {
            "caller-ip": f"{caller.address}:{caller.port}",
            "external-ipv4": caller.egress_address,
            "hostname": caller.app,
            "app-instance-uuid": caller.app,
            "device-uuid": facts.device_id,
            "device-name": facts.device_name,
            "project-name": facts.project_name,
            "project-uuid": facts.project_id,
            "enterprise-name": facts.enterprise_name,
            "enterprise-id": facts.enterprise_id,
        }
    )


def _text(text: str) -> Answer:
    return Answer(200, body=text) if text else Answer(204)


def blobs_of(config: EdgeDevConfig, app: AppInstanceConfig) -> tuple[Blob, ...]:
    """`config` holds the volumes and content trees in force."""
    told = {tree.uuid: tree.custom_meta_data for tree in config.content_info}
    used = {(ref.uuid, ref.generation_count) for ref in app.volume_ref_list}
    return tuple(
        Blob(
            one.display_name or one.uuid,
            VolumeId(one.uuid.lower()),
            one.generation_count,
            told.get(one.origin.download_content_tree_id, "") if one.origin else "",
        )
        for one in config.volumes
        if one.target == Target.AppCustom and (one.uuid, one.generation_count) in used
    )


def _blob(blob: Blob) -> dict[str, str]:
    url = f"{BASE_URL}{BLOBS}{quote(blob.name, safe='')}"
    return {"custom-meta": blob.meta_data, "download-url": url}


def _port_metrics(port: PortCounters) -> dict[str, Any]:
    return {
        "IfName": port.ifname,
        "Up": port.up,
        "TxBytes": port.tx_bytes,
        "RxBytes": port.rx_bytes,
        "TxPkts": port.tx_packets,
        "RxPkts": port.rx_packets,
        "TxDrops": port.tx_drops,
        "RxDrops": port.rx_drops,
        "TxErrors": port.tx_errors,
        "RxErrors": port.rx_errors,
        # lists stand at the interfaces of apps, none at a port
        "TxACLDrops": 0,
        "RxACLDrops": 0,
        "TxACLRateLimitDrops": 0,
        "RxACLRateLimitDrops": 0,
    }


def _discover(caller: Caller, facts: NodeFacts) -> Answer:
    if not caller.discovers:
        return Answer(403, body="allow-to-discover is off for this interface\n")
    by_app: dict[AppInstanceId, list[Neighbour]] = {}
    for one in facts.neighbours:
        if one.app != caller.app:
            by_app.setdefault(one.app, []).append(one)
    return _json({app: _neighbour(found) for app, found in by_app.items()})


def _neighbour(found: Sequence[Neighbour]) -> dict[str, Any]:
    return {
        "name": found[0].app_name,
        "ports": {one.interface: {"ip": one.address} for one in found},
    }


def _metrics(facts: NodeFacts) -> Answer:
    rows = [
        ("node_memory_MemTotal_bytes", "gauge", "Memory of the device.", facts.memory_total_bytes),
        (
            "node_memory_MemAvailable_bytes",
            "gauge",
            "Memory that could be used.",
            facts.memory_available_bytes,
        ),
        ("node_uptime_seconds", "counter", "Since the device was started.", facts.uptime_s),
        ("node_cpu_busy_seconds_total", "counter", "Busy time of all CPUs.", facts.cpu_busy_s),
    ]
    lines = [
        line
        for name, kind, about, value in rows
        for line in (f"# HELP {name} {about}", f"# TYPE {name} {kind}", f"{name} {value}")
    ]
    for way in ("receive", "transmit"):
        name = f"node_network_{way}_bytes_total"
        lines += [f"# HELP {name} Bytes of a port.", f"# TYPE {name} counter"]
        lines += [
            f'{name}{{device="{p.ifname}"}} {p.rx_bytes if way == "receive" else p.tx_bytes}'
            for p in facts.ports
        ]
    lines += facts.more_metrics()
    return Answer(200, METRICS_TYPE, "\n".join(lines) + "\n")


def _openstack(path: str, caller: Caller, facts: NodeFacts) -> Answer:
    if caller.config.meta_data_type != MetaDataType.MetaDataOpenStack:
        return Answer(404, body="the metadata type of this app is not OpenStack\n")
    name = caller.config.displayname
    match path.removeprefix("/openstack").strip("/"):
        case "":
            return Answer(200, body="latest\n")
        case "latest":
            files = ("meta_data.json", "network_data.json", "user_data", "vendor_data.json")
            return Answer(200, body="\n".join(files) + "\n")
        case "latest/meta_data.json":
            return _json({"uuid": caller.app, "hostname": caller.app, "name": name})
        case "latest/network_data.json":
            links = [
                {
                    "id": one.name or f"eth{index}",
                    "type": "phy",
                    "ethernet_mac_address": one.mac_address,
                }
                for index, one in enumerate(caller.config.interfaces)
            ]
            networks = [
                {"id": f"network{n}", "link": link["id"], "type": "ipv4_dhcp"}
                for n, link in enumerate(links)
            ]
            return _json({"links": links, "networks": networks, "services": []})
        case "latest/user_data":
            text = facts.user_data.get(caller.app, "")
            return Answer(200, body=text) if text else Answer(404)
        case "latest/vendor_data.json":
            return _json({})
        case _:
            return Answer(404)


class Allowance:
    """So many questions of each caller in each second, and a few at once."""

    def __init__(
        self, rate: float, burst: int, most: int = 4096, idle_s: float = float("inf")
    ) -> None:
        self._rate, self._burst, self._most, self._idle_s = rate, burst, most, idle_s
        self._left: dict[str, tuple[float, float]] = {}  # caller -> (left, when)

    def limit(self, rate: float, burst: int, idle_s: float) -> None:
        """Other limits from now on; what was taken stays taken."""
        self._rate, self._burst, self._idle_s = rate, burst, idle_s

    def takes(self, caller: str, now_s: float) -> bool:
        left, when = self._left.pop(caller, (float(self._burst), now_s))
        left = min(float(self._burst), left + (now_s - when) * self._rate)
        if now_s - when >= self._idle_s:
            left = float(self._burst)
        while len(self._left) >= self._most:
            self._left.pop(next(iter(self._left)))
        self._left[caller] = (left - 1 if left >= 1 else left, now_s)
        return left >= 1
