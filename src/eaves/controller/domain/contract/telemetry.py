"""Charts, flows and what is kept of telemetry."""

from eaves.controller.domain.contract.base import Contract, Int64Text, Timestamp, wire
from eaves.controller.domain.contract.envelope import Cursor


class MetricThreshold(Contract):
    red: float = 0.0
    yellow: float = 0.0


class MetricQueryResponseItem(Contract):
    timestamp: Timestamp = ""
    values: tuple[float, ...] = ()


class MetricQueryResponse(Contract):
    list: tuple[MetricQueryResponseItem, ...] = ()
    metric_type: str = ""
    threshold: MetricThreshold | None = None
    x_label: str = ""
    y_labels: tuple[str, ...] = ()


class TopTalkersResponseItem(Contract):
    total: Int64Text = wire("Total", 0)
    local_addr: str = ""
    local_port: int = 0
    proto: int = 0
    remote_addr: str = ""
    remote_port: int = 0
    rx_total: Int64Text = 0
    tx_total: Int64Text = 0


class TopTalkersResponse(Contract):
    list: tuple[TopTalkersResponseItem, ...] = ()
    next: Cursor | None = None


class ClassificationItem(Contract):
    dest_node: str = ""
    level: int = 0
    metric_value: Int64Text = 0
    source_node: str = ""


class ClassificationResponse(Contract):
    list: tuple[ClassificationItem, ...] = ()


class EventTopUsersData(Contract):
    event_count: int = 0
    user_name: str = ""


class EventTopUsersResp(Contract):
    top_users: tuple[EventTopUsersData, ...] = ()
