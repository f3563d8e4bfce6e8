"""What a device is told of the proxies of a network."""

import base64
from dataclasses import replace

import pytest
from unit.controller.worlds import FACTS, UPLINK, WORLD

from eaves.controller.domain.contract.networks import NetProxyConfig
from eaves.controller.domain.render import render_device
from eaves.controller.domain.render.encoded import pem_of
from eaves.evapi.evecommon import ProxyConfig

PEM = "-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n"
SCRIPT = 'function FindProxyForURL(url, host) { return "PROXY proxy.lan:3128"; }'


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def told(**members: object) -> ProxyConfig:
    proxy = NetProxyConfig.from_json({"networkProxy": True, **members})
    network = UPLINK.model_copy(update={"proxy": proxy})
    config = render_device(replace(WORLD, networks={network.id: network}), FACTS).config
    (sent,) = config.networks
    assert sent.ent_proxy is not None
    return sent.ent_proxy


def test_certificates_of_a_proxy_reach_a_device_as_pem() -> None:
    # bytes in the contract: clients send them in base64
    assert told(networkProxyCerts=[in_base64(PEM), PEM]).proxy_cert_pem == (PEM.encode(),) * 2


@pytest.mark.parametrize("given", [SCRIPT, in_base64(SCRIPT)], ids=["plain", "base64"])
def test_a_script_reaches_a_device_in_base64(given: str) -> None:
    assert told(pacfile=given).pacfile == in_base64(SCRIPT)


@pytest.mark.parametrize("text", ["", "one", "four", "Zm91cg==", "\u00e9\u00e8"])
def test_what_is_no_certificate_goes_as_it_came(text: str) -> None:
    assert pem_of(text) == text.encode()


def test_base64_in_lines_is_read() -> None:
    wrapped = base64.encodebytes(PEM.encode() * 3).decode()
    assert "\n" in wrapped.strip()
    assert pem_of(wrapped) == PEM.encode() * 3
