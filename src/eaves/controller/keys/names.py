"""Under which names and addresses this machine may be reached: what the TLS certificate says."""

import fcntl
import ipaddress
import socket
import struct
from pathlib import Path

from eaves.controller.settings import Endpoint, Settings, parse_endpoint

SIOCGIFADDR = 0x8915


def server_names(settings: Settings) -> tuple[str, ...]:
    """List host names and addresses for the server certificate; the advertised one first."""
    names: list[str] = []
    if settings.device_server:
        names.append(
            parse_endpoint(settings.device_server, name="--device-server", default_port=443).host
        )
    names.append(socket.gethostname())
    for endpoint in (settings.device_listen, settings.rest_listen):
        if _is_any(endpoint.host):
            names += _local_addresses()
        else:
            names.append(endpoint.host)
    names += ["localhost", "127.0.0.1", "::1"]
    return tuple(dict.fromkeys(name for name in map(_plain, names) if name))


def device_server(settings: Settings, device_port: int) -> str:
    """The `host[:port]` that devices are told."""
    if settings.device_server:
        return settings.device_server
    host = settings.device_listen.host
    if _is_any(host):
        host = next(
            (a for a in _local_addresses() if not ipaddress.ip_address(a).is_loopback),
            socket.gethostname(),
        )
    return str(Endpoint(host, device_port))


def content_server(settings: Settings) -> str:
    """The `host:port` where devices fetch images: users' listener, under the devices' name."""
    if settings.content.server:
        return settings.content.server
    told = parse_endpoint(
        device_server(settings, settings.device_listen.port),
        name="--device-server",
        default_port=443,
    )
    port = told.port if settings.shared_port else settings.rest_listen.port
    return str(Endpoint(told.host, port))


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _plain(name: str) -> str:
    """Normalise an address; drop a scope and what no certificate can carry."""
    try:
        return str(ipaddress.ip_address(name.partition("%")[0]))
    except ValueError:
        return name if name.isascii() and "*" not in name and " " not in name else ""


def _local_addresses() -> list[str]:
    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, interface in socket.if_nameindex():
            request = struct.pack("256s", interface.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), SIOCGIFADDR, request)
            except OSError:
                continue  # an interface without an IPv4 address
            found.append(socket.inet_ntoa(answer[20:24]))
    return found + _local_v6()


def _local_v6() -> list[str]:
    try:
        lines = Path("/proc/net/if_inet6").read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    addresses = [ipaddress.IPv6Address(bytes.fromhex(line.split()[0])) for line in lines]
    return [str(a) for a in addresses if not a.is_link_local]
