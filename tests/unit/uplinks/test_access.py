"""802.1X of wired ports: what a supplicant is told, what it says, when an address is asked anew."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.ports import adapter, at, config, nic

from eaves.evapi.config import PNAC, EAPMethod, decode_edge_dev_config, encode_edge_dev_config
from eaves.evapi.config.devmodel import BondAdapter, VlanAdapter
from eaves.evapi.evecommon import BondMode
from eaves.evapi.info import SupplicantState
from eaves.node.refs import PortCredentials
from eaves.node.uplinks.access import (
    AccessUnusable,
    Reacquire,
    Told,
    configuration,
    failure,
    reacquire,
    told_by,
)
from eaves.node.uplinks.authenticator import asked_of
from eaves.node.uplinks.entries import controller_entry
from eaves.node.uplinks.layout import Layout, NewBond, NewVlan, Port
from eaves.node.uplinks.model import Bond, Entry, Vlan
from eaves.node.uplinks.seen import Wanted

MODE = BondMode.BOND_MODE_ACTIVE_BACKUP
FOLDER = Path("/run/eaves/pnac/eth0")
GIVEN = PortCredentials(b"chain", b"trusted", Path("/vault/key.pem"))
OFFICE = PNAC(
    logicallabel="eth0",
    eap_identity='dev"ice\n1',
    eap_method=EAPMethod.EAP_METHOD_TLS,
    cert_enrollment_profile_name="office",
)
STATUS = "wpa_state=COMPLETED\nSupplicant PAE state={}\nsuppPortStatus={}\nEAP state={}\n"


def entry(*pnacs: PNAC) -> Entry:
    """As a configuration that came over the wire says."""
    told = replace(config(adapter("eth0"), adapter("eth1")), pnacs=pnacs)
    return controller_entry(decode_edge_dev_config(encode_edge_dev_config(told)), at(0))


def access(*pnacs: PNAC) -> PNAC:
    found = entry(*pnacs).ports[0].access
    assert found is not None
    return found


def told(pnac: PNAC, given: PortCredentials = GIVEN) -> str:
    return configuration(pnac, given, FOLDER, FOLDER / "ctl")


def test_a_port_authenticates_as_its_configuration_says() -> None:
    assert [p.access and p.access.logicallabel for p in entry(OFFICE).ports] == ["eth0", None]
    assert access(OFFICE).cert_enrollment_profile_name == "office"
    text = told(access(OFFICE))
    assert "identity=" + b'dev"ice\n1'.hex() in text
    assert "eap=TLS\n" in text
    assert 'private_key="/vault/key.pem"' in text
    assert 'ca_cert="/run/eaves/pnac/eth0/trusted.pem"' in text
    assert text.count("}") == 1


@pytest.mark.parametrize("one", [GIVEN, PortCredentials(b"next", b"trusted", GIVEN.key)])
def test_a_renewed_certificate_makes_another_configuration(one: PortCredentials) -> None:
    """So a supplicant is started anew for it, and only then."""
    assert (told(OFFICE, one) == told(OFFICE)) == (one == GIVEN)


@pytest.mark.parametrize(
    ("pnac", "given", "text"),
    [
        (replace(OFFICE, eap_method=EAPMethod.EAP_METHOD_UNSPECIFIED), GIVEN, "EAP-TLS"),
        (replace(OFFICE, eap_identity=""), GIVEN, "eap_identity"),
        (OFFICE, replace(GIVEN, trusted=b""), "authority"),
    ],
)
def test_what_cannot_authenticate_says_why(pnac: PNAC, given: PortCredentials, text: str) -> None:
    with pytest.raises(AccessUnusable, match=text):
        told(pnac, given)


def test_a_vlan_passes_where_its_adapter_does_and_a_bond_is_left_out() -> None:
    vlan, bond = Vlan("office", "eth0.7", "eth0", 7), Bond("pair", "bond0", ("eth1",), MODE)
    plans = [replace(p, access=OFFICE) for p in entry(OFFICE).ports]
    ports = (
        Port(plans[0], "eth0", Wanted()),
        Port(replace(plans[0], label="v", device="office"), "eth0.7", Wanted()),
        Port(replace(plans[1], device="pair"), "bond0", Wanted()),
    )
    layout = Layout("m", frozenset(), ports, (NewVlan(vlan, "eth0"),), (NewBond(bond, ("eth1",)),))
    assert [(a.ifname, a.over) for a in asked_of(layout)] == [("eth0", ("eth0", "eth0.7"))]


def test_a_port_over_a_vlan_authenticates_as_its_adapter() -> None:
    made = config(
        adapter("office"),
        nics=(nic("eth0"),),
        vlans=(VlanAdapter(logicallabel="office", lower_layer_name="eth0", vlan_id=7),),
        bonds=(BondAdapter(logicallabel="pair", lower_layer_names=("eth1",)),),
    )
    assert controller_entry(replace(made, pnacs=(OFFICE,)), at(0)).ports[0].access == OFFICE


@pytest.mark.parametrize(
    ("status", "state", "admitted"),
    [
        (STATUS.format("AUTHENTICATED", "Authorized", "SUCCESS"), "AUTHENTICATED", True),
        (STATUS.format("AUTHENTICATING", "Unauthorized", "METHOD"), "AUTHENTICATING", False),
        (STATUS.format("AUTHENTICATED", "Authorized", "IDLE"), "CONNECTING", True),
        (STATUS.format("CONNECTING", "Unauthorized", "IDLE"), "CONNECTING", False),
        (STATUS.format("CONNECTING", "Unauthorized", "FAILURE"), "FAILED", False),
        (STATUS.format("HELD", "Unauthorized", "FAILURE"), "HELD", False),
        ("", "DISCONNECTED", False),
        ("nothing\n=\n", "DISCONNECTED", False),
    ],
)
def test_what_a_supplicant_says_is_the_state_of_the_port(
    status: str,
    state: str,
    admitted: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert told_by(status) == Told(SupplicantState[f"SUPPLICANT_STATE_{state}"], admitted)


def test_the_reason_of_a_failure_is_the_first_of_its_try() -> None:
    certificate = (
        "eth0: CTRL-EVENT-EAP-TLS-CERT-ERROR reason=1 depth=0 subject='/CN=it' err='self-signed'\n"
    )
    failed = "eth0: CTRL-EVENT-EAP-FAILURE EAP authentication failed\n"
    assert "self-signed; put" in failure(certificate + failed)
    assert "refuses this device" in failure(failed)
    assert failure(failed + "eth0: CTRL-EVENT-EAP-SUCCESS EAP authentication completed\n") == ""
    assert failure("") == ""


def asked_at(subnets: list[tuple[float, str]], most: int) -> list[float]:
    """Seconds at which a client is made to ask, of a port that is let in at 0."""
    state, _ = reacquire(Reacquire(), "a", 0, most, admitted=True)
    found: list[float] = []
    for second in range(1, 60):
        subnet = [name for since, name in subnets if since <= second][-1]
        state, now = reacquire(state, subnet, second, most, admitted=True)
        if now:
            found.append(second)
    return found


def test_an_address_is_asked_for_until_the_subnet_is_another_or_tries_are_used_up() -> None:
    assert asked_at([(0, "a")], 4) == [2, 6, 14, 30]
    assert asked_at([(0, "a"), (5, "b")], 4) == [2]
    assert asked_at([(0, "a"), (5, "")], 2) == [2, 6]
    assert asked_at([(0, "a")], 0) == []
