"""Operations of the contract that belong to later releases, and why.

They answer 501 with the reason; the page of the documentation lists them.
"""

from collections.abc import Mapping
from typing import Final

from eaves.controller.northbound.operations import Operation

REMOTE: Final = "later: remote access (EdgeView and console)"
CLUSTERS: Final = "later: clusters and Kubernetes"

BY_SERVICE: Final[Mapping[str, str]] = {"kubernetes": CLUSTERS, "node_cluster": CLUSTERS}
BY_NAME: Final[Mapping[str, str]] = {
    "ConnectToEdgeApplicationInstance": REMOTE,
    "ConnectToEdgeApplicationInstanceV2": REMOTE,
    "GetEdgeNodeEdgeviewStatus": REMOTE,
    "GetEdgeNodeEdgeviewStatusByName": REMOTE,
    "GetEdgeviewClientScript": REMOTE,
    "StartEdgeviewEdgeNode": REMOTE,
    "StopEdgeviewEdgeNode": REMOTE,
}


def reason_for(operation: Operation) -> str:
    """Empty for an operation of this release."""
    return BY_NAME.get(operation.name) or BY_SERVICE.get(operation.service, "")
