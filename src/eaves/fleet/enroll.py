"""Records of simulated devices, made at a controller as a user would make them.

One project, network, brand and model carry the fleet's name, and devices are NAME-00001 and so on,
with serials of the same text in upper case and one onboarding key for all.  What is there already
is used, so a second run with more devices only makes those that are missing.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click

from eaves.cli.client import ApiError, Client
from eaves.cli.json_values import Json, object_of
from eaves.cli.kinds import find_kind
from eaves.fleet.identities import KeptFleet

Told = Callable[[int, int], None]
"""How many records are there, of how many."""


def serial_of(name: str, number: int) -> str:
    return f"{name}-{number:05}".upper()


@dataclass(frozen=True, slots=True)
class Wanted:
    """`server`: where devices call, when it is not what the controller tells."""

    name: str
    devices: int
    server: str = ""


def enrol(client: Client, wanted: Wanted, told: Told) -> KeptFleet:
    """Make the records that are missing, and tell how devices of the fleet onboard.

    Raises click.ClickException with the controller's reasons, after the name of the object.
    """
    project = _made(
        client,
        "project",
        wanted.name,
        {
            "attestationPolicy": {
                "title": "accept",
                "type": "POLICY_TYPE_ATTESTATION",
                "attestationPolicy": {"type": "ATTEST_POLICY_TYPE_ACCEPT"},
            },
        },
    )
    network = _made(
        client,
        "network",
        f"{wanted.name}-uplink",
        {
            "projectId": project,
            "kind": "NETWORK_KIND_V4",
            "ip": {"dhcp": "NETWORK_DHCP_TYPE_CLIENT"},
        },
    )
    brand = _made(client, "brand", f"{wanted.name}-maker", {})
    model = _made(client, "model", f"{wanted.name}-computer", {"brandId": brand, **_MODEL})
    there = dict(_there(client, wanted.name))
    key = next(iter(there.values()), None) or str(uuid.uuid4())
    for number in range(1, wanted.devices + 1):
        name = f"{wanted.name}-{number:05}"
        if name not in there:
            body: Json = {
                "projectId": project,
                "modelId": model,
                "serialno": serial_of(wanted.name, number),
                "obkey": key,
                "interfaces": [
                    {
                        "intfname": "eth0",
                        "intfUsage": "ADAPTER_USAGE_MANAGEMENT",
                        "netid": network,
                    }
                ],
            }
            _create(client, "device", name, body)
        told(number, wanted.devices)
    return _onboarding(client, wanted)


_MODEL: Json = {
    "type": "AMD64",
    "attr": {"Cpus": "4", "memory": "8G", "storage": "64G"},
    "ioMemberList": [
        {
            "ztype": "IO_TYPE_ETH",
            "phylabel": f"eth{n}",
            "logicallabel": f"eth{n}",
            "assigngrp": f"eth{n}",
            "phyaddrs": {"Ifname": f"eth{n}"},
            "usage": usage,
            "usagePolicy": {"FreeUplink": True},
        }
        for n, usage in enumerate(("ADAPTER_USAGE_MANAGEMENT", "ADAPTER_USAGE_APP_SHARED"))
    ],
}


def _made(client: Client, kind: str, name: str, fields: Json) -> str:
    """The identifier of the object with this name, which is made if missing."""
    found = client.find(find_kind(kind), name)
    if found is None:
        _create(client, kind, name, fields)
        found = client.get(find_kind(kind), name)
    return str(found["id"])


def _create(client: Client, kind: str, name: str, fields: Json) -> None:
    what = find_kind(kind)
    try:
        client.call("POST", what.path, {"title": name, **what.defaults, **fields, "name": name})
    except ApiError as error:
        raise click.ClickException(f"{kind} {name!r} cannot be made: {error.message}") from error


def _there(client: Client, name: str) -> Iterator[tuple[str, str]]:
    """Devices of the fleet that are records already: name and onboarding key."""
    query = {"namePattern": f"{name}-"}
    for row in client.list(find_kind("device"), query=query):
        if str(row.get("name", "")).startswith(f"{name}-"):
            yield str(row["name"]), str(row.get("obkey") or "")


def _onboarding(client: Client, wanted: Wanted) -> KeptFleet:
    """What an onboarding folder holds; every device of the fleet has the same."""
    kind = find_kind("device")
    controller = client.call("GET", "/v1/eaves/controller")
    for number in range(1, wanted.devices + 1):
        device = client.get(kind, f"{wanted.name}-{number:05}")
        try:
            answer = client.call("GET", f"{kind.path}/id/{device['id']}/onboarding")
        except ApiError:
            continue  # this one is onboarded; the key is handed out for another
        pair = object_of(answer.get("onboarding"))
        if pair.get("pemCert") and pair.get("pemKey"):
            return KeptFleet(
                server=wanted.server or str(controller["deviceServer"]),
                root_pem=str(controller["rootCertificatePem"]).encode(),
                onboard_cert_pem=str(pair["pemCert"]).encode(),
                onboard_key_pem=str(pair["pemKey"]).encode(),
            )
    raise click.ClickException(
        f"every device of fleet {wanted.name!r} is onboarded already; give --state FILE of the run"
        " that onboarded them, or another --name"
    )
