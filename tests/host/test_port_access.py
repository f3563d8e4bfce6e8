"""A wired port proves itself by 802.1X to a real authenticator, and gets its address anew."""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import netns, two_uplinks
from support.authenticator import authenticator, certificate_pem, key_pem
from support.ports import adapter, config
from support.scep_server import signer_of
from support.two_uplinks import Node, Sites, running, until

from eaves.evapi.config import PNAC, EAPMethod, EdgeDevConfig
from eaves.evapi.info import SupplicantState
from eaves.node.enrolment.messages import Signer
from eaves.node.refs import PortCredentials
from eaves.node.uplinks.access import Access

pytestmark = pytest.mark.host

AUTHENTICATED = SupplicantState.SUPPLICANT_STATE_AUTHENTICATED
OFFICE = PNAC(
    logicallabel="eth0",
    eap_identity="device-1",
    eap_method=EAPMethod.EAP_METHOD_TLS,
    cert_enrollment_profile_name="office",
)


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Sites]:
    with two_uplinks.sites(tmp_path) as made, netns.inside(made.node):
        yield made


@pytest.fixture
def folder(sites: Sites) -> Iterator[Path]:
    made = Path(f"/run/{sites.node}")
    made.mkdir()
    yield made
    shutil.rmtree(made)


def asking(*pnacs: PNAC) -> EdgeDevConfig:
    told = replace(config(adapter("eth0"), adapter("eth1", cost=1)), pnacs=pnacs)
    return replace(told, config_timestamp=datetime.now(UTC))


def access(node: Node) -> Access:
    port = node.uplinks.seen.port("eth0")
    return (port and port.access) or Access()


def enrolled(node: Node, folder: Path, device: Signer, trusted: Signer) -> None:
    key = folder / "key.pem"
    key.write_bytes(key_pem(device))
    given = PortCredentials(certificate_pem(device), certificate_pem(trusted), key)
    node.machine.access.credentials = lambda _: given


async def test_a_port_is_let_in_by_its_certificate_and_by_no_other(
    sites: Sites, folder: Path, tmp_path: Path
) -> None:
    """Refused first, with the reason; then let in; then nothing of it is left."""
    authority, stranger = await asyncio.to_thread(
        lambda: (signer_of("authority"), signer_of("stranger"))
    )
    server, device = signer_of("server", authority), signer_of("device-1", authority)
    with authenticator(sites.out, "up0", tmp_path / "switch", authority, server):
        async with running(folder, frozenset({"eth0", "eth1"})) as node:
            node.uplinks.follow(asking(OFFICE), node.properties)
            await until(lambda: "no certificate" in access(node).error)
            enrolled(node, folder, device, stranger)
            await until(lambda: "authentication server is refused" in access(node).error)
            enrolled(node, folder, device, authority)
            await until(lambda: access(node).state is AUTHENTICATED)
            assert access(node).enabled
            assert access(node).error == ""
            assert access(node).since is not None
            conf = folder / "pnac" / "eth0" / "wpa_supplicant.conf"
            assert conf.stat().st_mode & 0o777 == 0o600
            node.uplinks.follow(asking(), node.properties)
            await until(lambda: not conf.exists() and access(node) == Access())
