"""`eaves logs`: what an app printed, or what a device says of itself."""

import time
from datetime import UTC, datetime, timedelta

import click

from eaves.cli.client import Client, Json
from eaves.cli.kinds import Kind, find_kind
from eaves.cli.session import load_session


@click.command()
@click.argument("name")
@click.option("--device", "of_device", is_flag=True, help="NAME is a device, not an app instance.")
@click.option("-f", "--follow", is_flag=True, help="Go on as lines arrive.")
@click.option("--since", "minutes", default=60.0, show_default=True, help="Minutes back.")
def logs(name: str, minutes: float, *, of_device: bool, follow: bool) -> None:
    """Log lines of an app instance, oldest first."""
    kind = find_kind("device" if of_device else "instance")
    with Client(load_session()) as client:
        found = client.get(kind, name)
        start = datetime.now(UTC) - timedelta(minutes=minutes)
        seen: set[tuple[str, str, str]] = set()
        while True:
            for line in _fetch(client, kind, str(found["id"]), start):
                key = (str(line.get("timestamp")), str(line.get("msgId")), str(line.get("content")))
                if key not in seen:
                    seen.add(key)
                    click.echo(f"{line.get('timestamp', '')} {line.get('content', '')}".strip())
            if not follow:
                return
            time.sleep(1)


def _fetch(client: Client, kind: Kind, object_id: str, start: datetime) -> list[Json]:
    query = {"startTime": start.isoformat().replace("+00:00", "Z"), "Cursor.pageSize": "1000"}
    path = f"{kind.path}/id/{object_id}/logs"
    if kind.name == "device":
        path = f"/v1/eaves/devices/id/{object_id}/logs"
    data = client.call("GET", path, query=query)
    content = data.get("content") or data
    return sorted(content.get("list") or [], key=lambda r: str(r.get("timestamp")))
