"""What follows connections within a bridge on this kernel."""

import json
from pathlib import Path

from eaves.node.host.process import run

BR_NETFILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


async def has_bridge_tracking(table: str) -> bool:
    """nf_conntrack_bridge: the kernel is asked to check a rule that needs it, and loads it."""
    at = {"family": "bridge", "table": f"{table}-probe"}
    hook = {"type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}
    state = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "established"}}
    commands = [
        {"add": {"table": {"family": "bridge", "name": at["table"]}}},
        {"add": {"chain": at | {"name": "probe"} | hook}},
        {"add": {"rule": at | {"chain": "probe", "expr": [state, {"accept": None}]}}},
    ]
    text = json.dumps({"nftables": commands}).encode()
    return (await run(["nft", "-c", "-j", "-f", "-"], stdin=text, check=False)).code == 0


async def has_bridge_netfilter() -> bool:
    """br_netfilter, loaded if it can be."""
    if not _is_loaded():
        await run(["modprobe", "-q", "br_netfilter"], check=False)
    return _is_loaded()


def _is_loaded() -> bool:
    return BR_NETFILTER.exists()
