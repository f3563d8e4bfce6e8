"""What the node says of its ports, to the controller and on the spot."""

from dataclasses import replace
from pathlib import Path

from support.ports import adapter, at, config, entry, kept, seen, seen_port

from eaves.evapi.config import PNAC
from eaves.evapi.flows.steps import Cause, NoConnection, Received
from eaves.evapi.info import Severity, SupplicantState
from eaves.node.diag_text import Probe, diag_text
from eaves.node.host.guardian import ifupdown_names, networkd_names
from eaves.node.refs import Way
from eaves.node.uplinks.access import Access
from eaves.node.uplinks.entries import controller_entry
from eaves.node.uplinks.handover import Held, Manager, give_back, script
from eaves.node.uplinks.model import Marks, PortResult, Standing
from eaves.node.uplinks.status import Setting, ports_of, shown, system_adapter
from eaves.node.uplinks.verify import Phase, State

GOOD = entry("eth0", "eth1")
BAD = entry("eth2")
RESULTS = (("eth0", PortResult("", "", at(5))), ("eth1", PortResult("no answer", "", None, at(5))))
STATE = State(
    (
        replace(kept(BAD), marks=Marks(Standing.FAIL, failed=at(3), error="no DHCP lease on eth2")),
        replace(kept(GOOD), marks=Marks(Standing.SUCCESS, succeeded=at(5), ports=RESULTS)),
    ),
    GOOD,
    Phase.IDLE,
)
SEEN = seen(seen_port("eth0", "10.1.0.5/24"), seen_port("eth1", "10.2.0.5/24", cost=1))


def test_the_controller_hears_of_every_entry_and_which_is_in_force() -> None:
    told = system_adapter(STATE, SEEN)
    assert told.current_index == 1
    assert [s.key for s in told.status] == ["zedagent", "zedagent"]
    assert [s.last_error for s in told.status] == ["no DHCP lease on eth2", ""]
    assert told.status[0].last_failed == at(3)
    assert told.status[1].last_succeeded == at(5)
    first, second = told.status[1].ports
    assert (first.ifname, first.ip_addrs, first.free, first.err) == (
        "eth0",
        ("10.1.0.5",),
        True,
        None,
    )
    assert second.err is not None
    assert (second.cost, second.err.description) == (1, "no answer")


def test_an_address_that_somebody_else_has_is_a_warning_where_another_is_used() -> None:
    first = replace(SEEN.ports[0], conflict="somebody else in its network has 2001:db8::7")
    told = system_adapter(STATE, seen(first, SEEN.ports[1])).status[1].ports[0].err
    assert told is not None
    assert told.severity is Severity.SEVERITY_WARNING
    assert told.description == "port eth0: somebody else in its network has 2001:db8::7"


def test_a_port_of_the_machines_own_network_says_that_it_does_not_authenticate_itself() -> None:
    plain = config(adapter("eth0"), adapter("eth1"))
    made = controller_entry(replace(plain, pnacs=(PNAC(logicallabel="eth0"),)), at(0))
    told = system_adapter(State((kept(made),), made, Phase.IDLE), SEEN)
    first, second = told.status[0].ports
    assert first.pnac_status is not None
    assert not first.pnac_status.enabled
    assert first.pnac_status.err is not None
    assert "802.1X: its interface belongs to" in first.pnac_status.err.description
    assert second.pnac_status is None


def test_a_port_says_how_its_authentication_stands() -> None:
    plain = config(adapter("eth0"), adapter("eth1"))
    made = controller_entry(replace(plain, pnacs=(PNAC(logicallabel="eth0"),)), at(0))
    held = SupplicantState.SUPPLICANT_STATE_HELD
    access = Access(held, enabled=True, error="refused", since=at(3))
    ports = seen(replace(SEEN.ports[0], managed=True, access=access), SEEN.ports[1])
    told = system_adapter(State((kept(made),), made, Phase.IDLE), ports).status[0].ports[0]
    assert told.pnac_status is not None
    assert told.pnac_status.err is not None
    assert (told.pnac_status.enabled, told.pnac_status.state) == (True, held)
    assert told.pnac_status.last_auth_timestamp == at(3)
    assert told.pnac_status.err.description == "port eth0: 802.1X: refused"
    planned = replace(ports.ports[0], plan=made.ports[0])
    setting = Setting("https://controller.test", "managed", frozenset({"eth0"}))
    text = diag_text(shown(State(), seen(planned), (), {}, setting, at(9)), ())
    assert "802.1X held: port eth0: 802.1X: refused" in text


def test_ports_of_an_entry_that_is_not_in_force_have_no_addresses() -> None:
    assert system_adapter(STATE, SEEN).status[0].ports[0].ip_addrs == ()


def test_before_any_entry_there_is_nothing_to_say() -> None:
    assert system_adapter(State(), SEEN).status == ()


def test_network_instances_see_ports_whose_interface_is_there() -> None:
    missing = replace(seen_port("eth9"), link=None)
    found = ports_of(seen(*SEEN.ports, missing))
    assert [p.logical_label for p in found] == ["eth0", "eth1"]
    assert found[0].labels == frozenset()
    assert found[0].gateways == ("192.0.2.1",)


def test_who_stands_before_it_reads_all_of_it() -> None:
    setting = Setting("https://controller.test", "managed", frozenset({"eth0"}))
    told = shown(STATE, SEEN, {"eth1"}, {"eth0": "http://10.0.0.1:3128"}, setting, at(9))
    text = diag_text(
        told,
        (
            Probe(Way("eth0", "eth0", "10.1.0.5"), Received(200), 0.25),
            Probe(Way("eth1", "eth1", "10.2.0.5"), NoConnection("no answer within 10 s"), 10),
            Probe(Way(), NoConnection("refused", Cause.REFUSED), 0.1),
        ),
    )
    for part in (
        "managed, handed over: eth0",
        "entry 1     in force zedagent",
        "error: no DHCP lease on eth2",
        "port        eth1 (eth1) up, uplink, cost 1, passed over since it failed",
        "proxy http://10.0.0.1:3128",
        "eth0 from 10.1.0.5: works (HTTP 200 in 0.25 s)",
        "eth1 from 10.2.0.5: FAILS (no answer within 10 s)",
        "as this machine chooses: the network works, the controller does not",
    ):
        assert part in text


def test_without_a_node_there_are_still_probes() -> None:
    assert "no node has written" in diag_text(None, ())


def test_what_is_given_back_is_what_the_host_had() -> None:
    held = Held("eth0", Manager.NETWORKD, ("10.0.0.5/24",), ("default via 10.0.0.1 dev eth0",))
    assert give_back(held) == (
        "ip address flush dev eth0",
        "ip address add 10.0.0.5/24 dev eth0",
        "ip link set eth0 up",
        "ip route add default via 10.0.0.1 dev eth0",
        "rm -f /run/systemd/network/00-eaves-eth0.network",
        "networkctl reload",
        "networkctl reconfigure eth0",
    )


def test_the_guardian_waits_for_its_word_and_acts_without_it() -> None:
    text = script((Held("eth0", Manager.NOBODY),), "/run/eaves-node/n/hand-over", 60)
    assert "left=60" in text
    assert "mv /run/eaves-node/n/hand-over/trial" in text
    assert text.index("mv /run") < text.index("ip address flush dev eth0")


def test_names_are_words_of_the_shell_and_nothing_else() -> None:
    held = Held("eth0;reboot", Manager.NETWORK_MANAGER, routes=("default via $(reboot)",))
    text = script((held,), "/run/a b", 1)
    assert "'eth0;reboot'" in text
    assert "'$(reboot)'" in text
    assert "'/run/a b'/trial" in text


def test_who_sets_up_an_interface(tmp_path: Path) -> None:
    path = tmp_path / "interfaces"
    path.write_text("auto lo eth0\niface lo inet loopback\nallow-hotplug eth1\n")
    assert {"eth0", "eth1", "lo"} <= ifupdown_names(path)
    told = '{"Interfaces":[{"Name":"eth0","AdministrativeState":"configured"},'
    told += '{"Name":"eth1","AdministrativeState":"unmanaged"}]}'
    assert networkd_names(told) == {"eth0"}
    assert networkd_names("no JSON") == frozenset()
