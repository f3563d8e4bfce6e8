"""`eaves flows`: who talked to whom, and what was denied."""

from datetime import datetime

import click

from eaves.cli.client import Client
from eaves.cli.json_values import Json, objects_of
from eaves.cli.kinds import find_kind
from eaves.cli.output import show_table
from eaves.cli.session import load_session
from eaves.cli.since import Since, wire_time

BY = ("host", "app", "address", "port", "rule", "connection")
_OF = {"instance": "apps/instances", "device": "devices", "netinst": "netinsts"}


def _path(client: Client, kind_name: str, name: str, what: str) -> str:
    kind = find_kind(kind_name)
    return f"/v1/eaves/{_OF[kind_name]}/id/{client.get(kind, name)['id']}/{what}"


def _of(*, of_device: bool, of_netinst: bool) -> str:
    if of_device and of_netinst:
        raise click.UsageError("--device and --netinst exclude each other; give one")
    return "device" if of_device else "netinst" if of_netinst else "instance"


@click.group()
def flows() -> None:
    """Show network flows of an app instance, a device or a network instance."""


@flows.command()
@click.argument("name")
@click.option("--device", "of_device", is_flag=True, help="NAME is a device.")
@click.option("--netinst", "of_netinst", is_flag=True, help="NAME is a network instance.")
@click.option(
    "--by", type=click.Choice(BY), default="host", show_default=True, help="Told apart by."
)
@click.option("--since", type=Since(), default="1d", show_default=True, help="How far back.")
@click.option("--denied", is_flag=True, help="Only what a rule denied.")
@click.option("--packets", is_flag=True, help="The most packets first, not the most bytes.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many of them."
)
def top(
    name: str,
    since: datetime,
    by: str,
    limit: int,
    *,
    of_device: bool,
    of_netinst: bool,
    denied: bool,
    packets: bool,
) -> None:
    """Show who talked most."""
    kind = _of(of_device=of_device, of_netinst=of_netinst)
    query = {
        "by": by,
        "startTime": wire_time(since),
        "metricType": f"FLOW_LOG_METRIC_{'PACKETS' if packets else 'BYTES'}",
        "next.pageSize": str(limit),
    } | ({"denied": "true"} if denied else {})
    with Client(load_session()) as client:
        data = client.call("GET", _path(client, kind, name, "toptalkers"), query=query)
    show_table(
        (by.upper(), "SENT", "RECEIVED", "PACKETS", "FLOWS"),
        [_talker(one) for one in objects_of(data.get("list"))],
        f"no flows of {kind}/{name} since {wire_time(since)}",
    )
    if data.get("countedSince"):
        click.echo(
            f"there are too many flows to sum up: those before {data['countedSince']} are left "
            "out; ask for a shorter time with --since",
            err=True,
        )


def _talker(one: Json) -> tuple[object, ...]:
    return (
        one.get("name"),
        one.get("txBytes"),
        one.get("rxBytes"),
        _number(one, "txPackets") + _number(one, "rxPackets"),
        one.get("flows"),
    )


def _number(one: Json, member: str) -> int:
    return int(str(one.get(member) or 0))


@flows.command("list")
@click.argument("name")
@click.option("--device", "of_device", is_flag=True, help="NAME is a device.")
@click.option("--netinst", "of_netinst", is_flag=True, help="NAME is a network instance.")
@click.option("--since", type=Since(), default="1h", show_default=True, help="How far back.")
@click.option("--denied", is_flag=True, help="Only what a rule denied.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many of them."
)
def list_flows(
    name: str, since: datetime, limit: int, *, of_device: bool, of_netinst: bool, denied: bool
) -> None:
    """Show single flows, the newest first."""
    kind = _of(of_device=of_device, of_netinst=of_netinst)
    query = {"startTime": wire_time(since), "next.pageSize": str(limit)}
    query |= {"denied": "true"} if denied else {}
    with Client(load_session()) as client:
        data = client.call("GET", _path(client, kind, name, "flows"), query=query)
    show_table(
        ("END", "DIRECTION", "LOCAL", "REMOTE", "PROTO", "ACTION", "RULE", "SENT", "RECEIVED"),
        [_flow(one) for one in objects_of(data.get("list"))],
        f"no flows of {kind}/{name} since {wire_time(since)}",
    )


def _flow(one: Json) -> tuple[object, ...]:
    return (
        one.get("endTime"),
        one.get("direction"),
        f"{one.get('localAddr')}:{one.get('localPort')}",
        f"{one.get('remoteName') or one.get('remoteAddr')}:{one.get('remotePort')}",
        one.get("proto"),
        str(one.get("action") or "").removeprefix("FLOW_LOG_ACTION_"),
        one.get("aclName") or one.get("aclId"),
        one.get("txBytes"),
        one.get("rxBytes"),
    )
