"""What wpa_supplicant and ModemManager are told for a port.  Pure.

Every value of a configuration is written as hexadecimal or checked: what is quoted in a line of
such a file could otherwise end the line.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import cast

from eaves.errors import EavesError, Rejected
from eaves.evapi.config.netconfig import CellularAccessPoint, CellularConfig, WifiConfig
from eaves.evapi.evecommon import (
    CellularAuthProtocol,
    CellularIPType,
    CipherBlock,
    ConnectivityProbeMethod,
    EncryptionBlock,
    ProbeEndpoint,
    RadioAccessTechnology,
    WiFiKeyScheme,
)
from eaves.node.host.dbus import Value
from eaves.node.uplinks.model import PortPlan

OpenSecret = Callable[[CipherBlock], EncryptionBlock]

_PSK = re.compile(r"[0-9a-fA-F]{64}")
_APN = re.compile(r"[A-Za-z0-9._-]{0,100}")
_PLMN = re.compile(r"[0-9]{5,6}")
# Flags of ModemManager: MMBearerIpFamily and MMBearerAllowedAuth.
IPV4, IPV6 = 1, 2
PAP, CHAP = 2, 4
IP_TYPES = {
    CellularIPType.CELLULAR_IP_TYPE_IPV4: IPV4,
    CellularIPType.CELLULAR_IP_TYPE_IPV6: IPV6,
    CellularIPType.CELLULAR_IP_TYPE_IPV4_AND_IPV6: IPV4 | IPV6,
}
AUTHENTICATIONS = {
    CellularAuthProtocol.CELLULAR_AUTH_PROTOCOL_PAP: PAP,
    CellularAuthProtocol.CELLULAR_AUTH_PROTOCOL_CHAP: CHAP,
    CellularAuthProtocol.CELLULAR_AUTH_PROTOCOL_PAP_AND_CHAP: PAP | CHAP,
}


class WirelessUnusable(Rejected):
    """A wireless network cannot be joined as it is described."""


@dataclass(frozen=True, slots=True)
class Supplicant:
    """A configuration file of wpa_supplicant; it holds secrets."""

    text: str = field(repr=False)


def supplicant(plan: PortPlan, open_secret: OpenSecret | None = None) -> Supplicant:
    """All networks of the port, by priority.  Raises WirelessUnusable when none can be used."""
    blocks: list[str] = []
    wrong: list[str] = []
    for network in plan.wifi:
        try:
            blocks.append(_network(network, open_secret))
        except EavesError as error:
            wrong.append(f"Wi-Fi {network.wifi_ssid!r}: {error}")
    if not blocks:
        raise WirelessUnusable("; ".join(wrong) or f"port {plan.label} has no Wi-Fi network")
    # Nobody has to speak to it: without a folder named for that, it opens no socket.
    return Supplicant("\n".join(["update_config=0", *blocks, ""]))


def _network(network: WifiConfig, open_secret: OpenSecret | None) -> str:
    identity, password = _credentials(network, open_secret)
    if not 1 <= len(network.wifi_ssid.encode()) <= 32:
        raise WirelessUnusable("a name has 1 to 32 bytes")
    lines = [f"ssid={network.wifi_ssid.encode().hex()}", "scan_ssid=1"]
    if network.priority:
        lines.append(f"priority={network.priority}")
    match network.key_scheme:
        case WiFiKeyScheme.WPAPSK:
            if not _PSK.fullmatch(password):
                raise WirelessUnusable("its key is not the hashed one of 64 hexadecimal digits")
            lines += ["key_mgmt=WPA-PSK", f"psk={password.lower()}"]
        case WiFiKeyScheme.WPAEAP:
            lines += [
                "key_mgmt=WPA-EAP",
                "eap=PEAP",
                'phase2="auth=MSCHAPV2"',
                f"identity={_hex(identity)}",
                f"password={_hex(password)}",
            ]
        case _:
            raise WirelessUnusable("its key scheme is neither WPA-PSK nor WPA-EAP")
    return "network={\n" + "".join(f"\t{line}\n" for line in lines) + "}"


def _hex(text: str) -> str:
    """wpa_supplicant takes strings as hexadecimal where they are not quoted."""
    if not text:
        raise WirelessUnusable("user name or password is missing")
    return text.encode().hex()


def _credentials(network: WifiConfig, open_secret: OpenSecret | None) -> tuple[str, str]:
    if network.cipher_data is not None and open_secret is not None:
        opened = open_secret(network.cipher_data)
        return opened.wifi_user_name, opened.wifi_password
    if network.crypto is not None and network.crypto.password:
        return network.crypto.identity, network.crypto.password
    return network.identity, network.password


# Cellular


GENERATIONS = {
    RadioAccessTechnology.RADIO_ACCESS_TECHNOLOGY_GSM: "2g",
    RadioAccessTechnology.RADIO_ACCESS_TECHNOLOGY_UMTS: "3g",
    RadioAccessTechnology.RADIO_ACCESS_TECHNOLOGY_LTE: "4g",
    RadioAccessTechnology.RADIO_ACCESS_TECHNOLOGY_5GNR: "5g",
}


@dataclass(frozen=True, slots=True)
class Bearer:
    """Properties of the bearer that connects, and of that which the modem is to `attach` with
    (none: with its own), as ModemManager calls them; both may hold a password.
    """

    settings: Mapping[str, Value] = field(repr=False)
    sim_slot: int = 0
    attach: Mapping[str, Value] = field(default_factory=dict[str, Value], repr=False)
    modes: tuple[str, ...] = ()  # generations of networks as "4g", the preferred one first


def access_point(config: CellularConfig) -> CellularAccessPoint:
    """That of the chosen SIM slot; slot 0: the one the modem uses."""
    slot = config.activated_sim_slot
    found = next((a for a in config.access_points if a.sim_slot == slot), None)
    return found or next(iter(config.access_points), CellularAccessPoint(apn=config.apn))


def bearer(config: CellularConfig, open_secret: OpenSecret | None) -> Bearer:
    """Raises WirelessUnusable."""
    point = access_point(config)
    parts: dict[str, Value] = {"apn": _matching(_APN, point.apn, "APN")}
    parts["ip-type"] = IP_TYPES.get(point.ip_type, IPV4)
    parts["allow-roaming"] = not point.forbid_roaming
    if len(point.preferred_plmns) == 1:
        parts["operator-id"] = _matching(_PLMN, point.preferred_plmns[0], "PLMN")
    opened = EncryptionBlock()
    if point.cipher_data is not None and open_secret is not None:
        opened = open_secret(point.cipher_data)
        user, password = opened.cellular_net_username, opened.cellular_net_password
        parts |= _authentication(point.auth_protocol, user, password)
    return Bearer(_not_empty(parts), point.sim_slot, _attach(point, opened), _modes(point))


def _modes(point: CellularAccessPoint) -> tuple[str, ...]:
    return tuple(dict.fromkeys(GENERATIONS[r] for r in point.preferred_rats if r in GENERATIONS))


@dataclass(frozen=True, slots=True)
class Probe:
    """What has to answer over a modem; port 0: to an ICMP echo."""

    host: str
    port: int = 0


def probe_of(config: CellularConfig) -> Probe | None:
    """None: nobody is asked.  Raises WirelessUnusable."""
    told = config.probe
    if told is None or told.disable or told.custom_probe is None:
        return None
    end = told.custom_probe.probe_endpoint or ProbeEndpoint()
    match told.custom_probe.probe_method:
        case ConnectivityProbeMethod.CONNECTIVITY_PROBE_METHOD_ICMP:
            try:
                return Probe(str(IPv4Address(end.host)))
            except ValueError as error:
                raise WirelessUnusable(f"probe: {end.host!r} is no IPv4 address") from error
        case ConnectivityProbeMethod.CONNECTIVITY_PROBE_METHOD_TCP:
            if not end.host or not 0 < end.port < 65536:
                raise WirelessUnusable("probe: TCP needs a host and a port")
            return Probe(end.host, end.port)
        case _:
            raise WirelessUnusable("probe: its method is neither ICMP nor TCP")


def _attach(point: CellularAccessPoint, opened: EncryptionBlock) -> Mapping[str, Value]:
    """Of the bearer that a modem attaches to the network with; nothing: it keeps its own."""
    user, password = opened.cellular_net_attach_username, opened.cellular_net_attach_password
    return _not_empty(
        {
            "apn": _matching(_APN, point.attach_apn, "APN"),
            "ip-type": IP_TYPES.get(point.attach_ip_type, ""),
            **_authentication(point.attach_auth_protocol, user, password),
        }
    )


def _authentication(how: CellularAuthProtocol, user: str, password: str) -> Mapping[str, Value]:
    allowed = AUTHENTICATIONS.get(how)
    if allowed is None:
        return {}
    return {"allowed-auth": allowed, "user": _plain(user), "password": _plain(password)}


def _not_empty(parts: Mapping[str, Value]) -> Mapping[str, Value]:
    return {key: value for key, value in parts.items() if value != ""}


def _matching(shape: re.Pattern[str], text: str, what: str) -> str:
    if not shape.fullmatch(text):
        raise WirelessUnusable(f"{text!r} is no {what}")
    return text


def _plain(text: str) -> str:
    if not text.isprintable():
        raise WirelessUnusable("user name or password of the access point has control characters")
    return text


@dataclass(frozen=True, slots=True)
class Modem:
    """What ModemManager says of one; `ports` are its network interfaces."""

    index: str
    state: str = ""
    failure: str = ""
    interfaces: tuple[str, ...] = ()
    address: str = ""  # CIDR text of the bearer
    gateway: str = ""
    dns: tuple[str, ...] = ()
    sends: bool = True  # its radio is on

    @property
    def connected(self) -> bool:
        return self.state == "connected"


def modem_of(index: str, told: str, bearer_told: str = "") -> Modem:
    """From `mmcli -J -m INDEX` and, when it is connected, `mmcli -J -b BEARER`.

    Raises WirelessUnusable for what is no such answer.
    """
    try:
        generic = json.loads(told)["modem"]["generic"]
        ports = [str(p) for p in generic.get("ports", [])]
        ipv4: dict[str, object] = {}
        if bearer_told:
            ipv4.update(json.loads(bearer_told)["bearer"]["ipv4-config"])
        state = str(generic.get("state", ""))
        reason = _said(generic.get("state-failed-reason"))
        power = _said(generic.get("power-state"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WirelessUnusable(f"modem {index}: ModemManager's answer cannot be read") from error
    address, prefix = _said(ipv4.get("address")), _said(ipv4.get("prefix"))
    return Modem(
        index,
        state,
        reason,
        tuple(p.partition(" ")[0] for p in ports if p.endswith("(net)")),
        f"{address}/{prefix}" if address and prefix else "",
        _said(ipv4.get("gateway")),
        _dns(ipv4.get("dns")),
        power not in {"low", "off"},
    )


def _said(value: object) -> str:
    return "" if value in (None, "--") else str(value)


def _dns(value: object) -> tuple[str, ...]:
    words = cast("list[object]", value) if isinstance(value, list) else []
    return tuple(str(w) for w in words if _said(w))
