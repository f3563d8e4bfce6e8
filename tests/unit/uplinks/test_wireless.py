"""What wpa_supplicant and ModemManager are told, and what the latter says."""

import json
from dataclasses import replace
from typing import Any

import pytest
from support.ports import plan

from eaves.evapi.config.netconfig import (
    CellularAccessPoint,
    CellularConfig,
    CellularConnectivityProbe,
    WifiConfig,
    WifiConfigCryptoblock,
)
from eaves.evapi.evecommon import (
    CellularAuthProtocol,
    CellularIPType,
    CipherBlock,
    ConnectivityProbe,
    ConnectivityProbeMethod,
    EncryptionBlock,
    ProbeEndpoint,
    WiFiKeyScheme,
)
from eaves.evapi.evecommon import RadioAccessTechnology as Rat
from eaves.node.uplinks.wireless import (
    Modem,
    Probe,
    WirelessUnusable,
    access_point,
    bearer,
    modem_of,
    probe_of,
    supplicant,
)

PSK = "ab" * 32
HOME = WifiConfig(wifi_ssid='x"\n}', key_scheme=WiFiKeyScheme.WPAPSK, password=PSK, priority=3)


def opened(_block: CipherBlock) -> EncryptionBlock:
    return EncryptionBlock(
        wifi_user_name="me",
        wifi_password=PSK,
        cellular_net_username="user",
        cellular_net_password="word",
        cellular_net_attach_username="other",
        cellular_net_attach_password="words",
    )


def test_a_name_cannot_end_its_line() -> None:
    told = supplicant(replace(plan("wlan0"), wifi=(HOME,))).text
    assert f"ssid={HOME.wifi_ssid.encode().hex()}" in told
    assert told.count("}") == 1
    assert "ctrl_interface" not in told  # an empty name of its folder keeps it from starting
    assert f"psk={PSK}" in told
    assert "priority=3" in told


def test_a_secret_is_taken_out_of_its_block() -> None:
    office = WifiConfig(
        wifi_ssid="office", key_scheme=WiFiKeyScheme.WPAEAP, cipher_data=CipherBlock()
    )
    told = supplicant(replace(plan("wlan0"), wifi=(office,)), opened)
    assert f"identity={b'me'.hex()}" in told.text
    assert PSK not in repr(told)


@pytest.mark.parametrize(
    "network",
    [
        replace(HOME, wifi_ssid=""),
        replace(HOME, wifi_ssid="x" * 33),
        replace(HOME, password="clear words"),
        replace(HOME, key_scheme=WiFiKeyScheme.SchemeNOOP),
        replace(HOME, key_scheme=WiFiKeyScheme.WPAEAP, password=""),
    ],
)
def test_a_network_that_cannot_be_joined_is_refused(network: WifiConfig) -> None:
    with pytest.raises(WirelessUnusable):
        supplicant(replace(plan("wlan0"), wifi=(network,)))


def test_one_that_cannot_be_joined_leaves_the_others() -> None:
    both = (replace(HOME, password="short"), HOME)
    assert supplicant(replace(plan("wlan0"), wifi=both)).text.count("network={") == 1


POINT = CellularAccessPoint(
    sim_slot=2,
    apn="internet.test",
    ip_type=CellularIPType.CELLULAR_IP_TYPE_IPV4_AND_IPV6,
    auth_protocol=CellularAuthProtocol.CELLULAR_AUTH_PROTOCOL_CHAP,
    cipher_data=CipherBlock(),
    forbid_roaming=True,
    preferred_plmns=("26201",),
)


def test_the_access_point_of_the_chosen_slot_is_used() -> None:
    other = replace(POINT, sim_slot=1, apn="other")
    config = CellularConfig(access_points=(other, POINT), activated_sim_slot=2)
    assert access_point(config) == POINT
    told = bearer(config, opened)
    assert told.settings == {
        "apn": "internet.test",
        "ip-type": 3,
        "allow-roaming": False,
        "operator-id": "26201",
        "allowed-auth": 4,
        "user": "user",
        "password": "word",
    }
    assert "word" not in repr(told)


def test_a_modem_attaches_as_its_access_point_says() -> None:
    assert bearer(CellularConfig(access_points=(POINT,)), opened).attach == {}
    point = replace(
        POINT,
        attach_apn="attach.test",
        attach_ip_type=CellularIPType.CELLULAR_IP_TYPE_IPV6,
        attach_auth_protocol=CellularAuthProtocol.CELLULAR_AUTH_PROTOCOL_PAP_AND_CHAP,
    )
    assert bearer(CellularConfig(access_points=(point,)), opened).attach == {
        "apn": "attach.test",
        "ip-type": 2,
        "allowed-auth": 6,
        "user": "other",
        "password": "words",
    }
    with pytest.raises(WirelessUnusable):
        bearer(CellularConfig(access_points=(replace(point, attach_apn="a,user=root"),)), opened)


@pytest.mark.parametrize("apn", ["a,user=root", "a b", 'a"'])
def test_an_access_point_is_one_argument(apn: str) -> None:
    with pytest.raises(WirelessUnusable):
        bearer(CellularConfig(access_points=(replace(POINT, apn=apn),)), opened)


MODEM = json.dumps(
    {
        "modem": {
            "generic": {
                "state": "connected",
                "state-failed-reason": "--",
                "ports": ["cdc-wdm0 (qmi)", "wwan0 (net)", "ttyUSB2 (at)"],
            }
        }
    }
)
BEARER = json.dumps(
    {
        "bearer": {
            "ipv4-config": {
                "address": "10.64.0.5",
                "prefix": "30",
                "gateway": "10.64.0.6",
                "dns": ["10.64.0.1", "--"],
            }
        }
    }
)


def test_what_the_modem_manager_says() -> None:
    assert modem_of("0", MODEM, BEARER) == Modem(
        "0", "connected", "", ("wwan0",), "10.64.0.5/30", "10.64.0.6", ("10.64.0.1",)
    )
    assert not modem_of("0", MODEM.replace('"connected"', '"failed"')).connected


@pytest.mark.parametrize("told", ["", "[]", "{}", '{"modem": 7}'])
def test_what_is_no_answer_of_it_is_refused(told: str) -> None:
    with pytest.raises(WirelessUnusable):
        modem_of("0", told)


@pytest.mark.parametrize(
    "secrets",
    [
        {"identity": "me", "password": "word"},
        {"crypto": WifiConfigCryptoblock(identity="me", password="word")},
    ],
    ids=["clear", "block"],
)
def test_a_user_is_told_as_it_is_configured(secrets: dict[str, Any]) -> None:
    office = WifiConfig(wifi_ssid="office", key_scheme=WiFiKeyScheme.WPAEAP)
    told = supplicant(replace(plan("wlan0"), wifi=(replace(office, **secrets),))).text
    assert f"identity={b'me'.hex()}" in told
    assert f"password={b'word'.hex()}" in told


def test_a_modem_without_access_points_has_its_own() -> None:
    settings = bearer(CellularConfig(apn="internet.test"), None).settings
    assert settings == {"apn": "internet.test", "ip-type": 1, "allow-roaming": True}


def test_a_modem_may_use_the_networks_that_are_named() -> None:
    rats = (Rat.RADIO_ACCESS_TECHNOLOGY_LTE, Rat.RADIO_ACCESS_TECHNOLOGY_UMTS)
    point = CellularAccessPoint(apn="internet", preferred_rats=rats)
    assert bearer(CellularConfig(access_points=(point,)), None).modes == ("4g", "3g")
    any_rat = replace(point, preferred_rats=(Rat.RADIO_ACCESS_TECHNOLOGY_UNSPECIFIED,))
    assert bearer(CellularConfig(access_points=(any_rat,)), None).modes == ()


ICMP, TCP = (
    ConnectivityProbe(probe_method=method, probe_endpoint=ProbeEndpoint(host=host, port=port))
    for method, host, port in (
        (ConnectivityProbeMethod.CONNECTIVITY_PROBE_METHOD_ICMP, "192.0.2.1", 0),
        (ConnectivityProbeMethod.CONNECTIVITY_PROBE_METHOD_TCP, "site.test", 443),
    )
)


def test_what_has_to_answer_over_a_modem_is_what_its_probe_says() -> None:
    def probe(custom: ConnectivityProbe | None, *, disable: bool = False) -> Probe | None:
        told = CellularConnectivityProbe(custom_probe=custom, disable=disable)
        return probe_of(CellularConfig(apn="internet", probe=told))

    assert probe(ICMP) == Probe("192.0.2.1")
    assert probe(TCP) == Probe("site.test", 443)
    assert probe(TCP, disable=True) is None
    assert probe(None) is None
    assert probe_of(CellularConfig()) is None
    for wrong in (
        replace(ICMP, probe_endpoint=ProbeEndpoint(host="site.test")),
        replace(TCP, probe_endpoint=ProbeEndpoint(host="site.test")),
        replace(TCP, probe_endpoint=None),
        ConnectivityProbe(),
    ):
        with pytest.raises(WirelessUnusable, match="probe: "):
            probe(wrong)
