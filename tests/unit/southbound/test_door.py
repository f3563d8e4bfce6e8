"""The door for balancers: whom a header of the PROXY protocol names, and who is believed."""

import asyncio
import contextlib
import ipaddress
import struct
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from support.controller import InProcess, WireDevice, in_process

from eaves.controller.domain.trusted import Network, plain
from eaves.controller.settings import BadSetting, Bounds, Endpoint, Options, read_settings
from eaves.controller.southbound.proxied import (
    HEAD_BYTES,
    SIGNATURE,
    NotProxied,
    read_head,
    read_source,
)
from eaves.evapi.paths import Endpoint as Asked
from eaves.evapi.paths import endpoint_path

LOOPBACK = ipaddress.ip_network("127.0.0.1/32")
ELSEWHERE = ipaddress.ip_network("192.0.2.0/24")
LOCAL, PROXY = 0x20, 0x21


def header(source: str, port: int = 4711, *, command: int = PROXY, more: bytes = b"") -> bytes:
    """As a balancer writes it; `more`: what else it tells of the connection."""
    address = ipaddress.ip_address(source)
    family = 0x11 if address.version == 4 else 0x21
    rest = address.packed + address.packed + struct.pack("!HH", port, 8443) + more
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)) + rest


def read(data: bytes) -> str | None:
    head = read_head(data[:HEAD_BYTES])
    return read_source(head, data[HEAD_BYTES : HEAD_BYTES + head.rest])


@given(st.ip_addresses(), st.integers(0, 65535), st.binary(max_size=200))
def test_a_header_names_who_comes_whatever_else_it_tells(
    source: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, more: bytes
) -> None:
    told = read(header(str(source), port, more=more))
    assert told is not None
    host, _, told_port = told.rpartition(":")
    assert (ipaddress.ip_address(host.strip("[]")), int(told_port)) == (plain(source), port)


@given(st.binary(min_size=HEAD_BYTES, max_size=80))
def test_other_bytes_are_no_header(data: bytes) -> None:
    with pytest.raises(NotProxied):
        read(data)


@pytest.mark.parametrize(
    "wrong",
    [
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",  # version 1
        SIGNATURE + struct.pack("!BBH", 0x31, 0x11, 12) + bytes(12),  # version 3
        SIGNATURE + struct.pack("!BBH", 0x22, 0x11, 12) + bytes(12),  # another command
        SIGNATURE + struct.pack("!BBH", PROXY, 0x11, 11) + bytes(11),
        SIGNATURE + struct.pack("!BBH", PROXY, 0x21, 12) + bytes(12),
        SIGNATURE + struct.pack("!BBH", PROXY, 0x11, 65535) + bytes(12),
    ],
    ids=["version 1", "version 3", "command", "short IPv4", "short IPv6", "too long"],
)
def test_a_header_that_is_none_is_refused(wrong: bytes) -> None:
    with pytest.raises(NotProxied):
        read(wrong)


def test_a_balancer_that_speaks_for_itself_names_nobody() -> None:
    assert read(header("192.0.2.1", command=LOCAL)) is None
    assert read(SIGNATURE + struct.pack("!BBH", PROXY, 0, 0)) is None  # of no known family


def test_the_door_needs_somebody_to_believe_and_a_port_of_its_own() -> None:
    given_ = {"EAVES_DEVICE_PROXY_LISTEN": "127.0.0.1:8444"}
    for nobody in ("", "balancer"):
        with pytest.raises(BadSetting, match="EAVES_DEVICE_PROXIES"):
            read_settings(Options(), given_ | {"EAVES_DEVICE_PROXIES": nobody})
    given_["EAVES_DEVICE_PROXIES"] = "192.0.2.7"
    assert read_settings(Options(), given_).device_proxy_listen == Endpoint("127.0.0.1", 8444)
    with pytest.raises(BadSetting, match="ports of their own"):
        read_settings(Options(device_listen=":9443"), given_)
    assert read_settings(Options(), {}).device_proxy_listen is None


def test_who_is_believed_at_one_port_is_not_at_the_other() -> None:
    """A balancer that passes TLS through passes X-Forwarded-For of any client through as well."""
    door = {"EAVES_DEVICE_PROXY_LISTEN": ":8444"}
    of_door = read_settings(Options(), door | {"EAVES_DEVICE_PROXIES": "192.0.2.7"})
    assert of_door.device_proxies == (ipaddress.ip_network("192.0.2.7"),)
    assert of_door.trusted_proxies == ()
    of_rest = {"EAVES_TRUSTED_PROXIES": "192.0.2.7"}
    assert read_settings(Options(), of_rest).device_proxies == ()
    with pytest.raises(BadSetting, match="EAVES_DEVICE_PROXIES"):
        read_settings(Options(), door | of_rest)


@contextlib.asynccontextmanager
async def opened(state_dir: Path, trusted: Network = LOOPBACK) -> AsyncGenerator[InProcess]:
    bounds = Bounds(registrations_per_minute=1)
    door = Endpoint("127.0.0.1", 0)
    async with in_process(
        state_dir, device_proxy_listen=door, device_proxies=(trusted,), bounds=bounds
    ) as controller:
        yield controller


async def ask(controller: InProcess, first: bytes, path: str, body: bytes) -> int | None:
    """The status of one request behind `first`; None: the door hung up."""
    assert controller.service.proxied is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", controller.service.proxied.port)
    try:
        writer.write(first)
        try:
            await writer.start_tls(controller.tls(), server_hostname="localhost")
        except OSError:
            return None
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        kind = "Content-Type: application/x-proto-binary\r\n"
        writer.write(f"{head}{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.read()
        return int(answer.split(b" ", 2)[1])
    finally:
        writer.close()


def knock(controller: InProcess) -> bytes:
    """A registration of no known serial, with an onboarding key of its own: that counts too."""
    identity = controller.onboarding(str(uuid.uuid4()))
    return WireDevice().registration(identity.certificate_pem, identity.key_pem)


async def test_limits_of_an_address_are_those_of_whom_the_balancer_forwards(
    tmp_path: Path,
) -> None:
    path = endpoint_path(Asked.REGISTER)
    async with opened(tmp_path) as controller:
        sources = ("192.0.2.1", "192.0.2.1", "2001:db8::1")
        got = [await ask(controller, header(one), path, knock(controller)) for one in sources]
        itself = await ask(controller, header("::1", command=LOCAL), path, knock(controller))
        directly = await controller.post(path, knock(controller))
    assert got == [403, 429, 403]
    assert (itself, directly.status) == (403, 429)  # both from this machine, as itself


async def test_who_was_not_named_is_hung_up_on_whatever_it_says(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with opened(tmp_path, ELSEWHERE) as controller:
            body = knock(controller)
            path = endpoint_path(Asked.REGISTER)
            assert await ask(controller, header("192.0.2.1"), path, body) is None
            assert (await controller.post(path, body)).status == 403  # the usual door is open
    (told,) = [line for line in logs if line["event"] == "not_forwarded"]
    assert "EAVES_DEVICE_PROXIES" in told["why"]


async def test_a_balancer_without_the_header_is_hung_up_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as controller:
        path = endpoint_path(Asked.REGISTER)
        assert await ask(controller, b"", path, knock(controller)) is None


async def test_large_requests_and_many_at_once_go_through_whole(tmp_path: Path) -> None:
    path = endpoint_path(Asked.REGISTER)
    async with opened(tmp_path) as controller:
        asked = [
            ask(controller, header(f"192.0.2.{number}"), path, b"\xff" * 200_000)
            for number in range(20)
        ]
        assert set(await asyncio.gather(*asked)) <= {400, 413, 422}
