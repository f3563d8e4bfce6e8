"""What a device tells of itself stands in its status under the names of the contract."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import httpx
import pytest
from support.contract_check import Checked
from unit.controller.worlds import DEVICE, NOW

from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.domain.status.devices import DeviceReports, device_status
from eaves.controller.domain.status.listed import listed_device
from eaves.controller.domain.status.liveness import liveness
from eaves.evapi.evecommon import (
    NetworkConfigOrigin,
    PhyIoType,
    PortConfigSource,
    ProxyProto,
    RadioAccessTechnology,
)
from eaves.evapi.info import (
    DevicePort,
    DevicePortStatus,
    ErrorInfo,
    GeoLoc,
    IoAddresses,
    PNACStatus,
    ProxyEntry,
    ProxyStatus,
    SystemAdapterInfo,
    ZCellularModuleInfo,
    ZCellularProvider,
    ZCellularStatus,
    ZInfoDevice,
    ZInfoDNS,
    ZInfoManufacturer,
    ZInfoMsg,
    ZInfoTypes,
    ZioBundle,
    ZSimcardInfo,
    encode_z_info_msg,
)
from eaves.evapi.info.adapters import (
    VfPublishedInfo,
    WirelessStatus,
    ZCellularControlProtocol,
    ZCellularOperatingState,
)
from eaves.evapi.info.device import (
    Capabilities,
    DataSecAtRest,
    DataSecAtRestStatus,
    HwSecurityModuleStatus,
    VaultInfo,
    ZInfoAppInstance,
)
from eaves.evapi.info.pnac import SupplicantState

ALIVE: Final = liveness(NOW, NOW, NOW)
SAID_AT: Final = "2026-01-02T03:04:05.000Z"
THEN: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)  # what EVE sends of a time that never was
LTE: Final = RadioAccessTechnology.RADIO_ACCESS_TECHNOLOGY_LTE
NR: Final = RadioAccessTechnology.RADIO_ACCESS_TECHNOLOGY_5GNR


@pytest.fixture(scope="module")
def contract() -> Checked:
    return Checked()


def told(info: ZInfoDevice) -> JsonObject:
    return device_status(DEVICE, ALIVE, DeviceReports(info)).to_json()


def with_port(port: DevicePort, info: ZInfoDevice | None = None) -> ZInfoDevice:
    status = (DevicePortStatus(ports=(port,)),)
    return replace(info or ZInfoDevice(), system_adapter=SystemAdapterInfo(status=status))


def told_port(port: DevicePort, info: ZInfoDevice | None = None) -> JsonObject:
    (one,) = told(with_port(port, info))["netStatusList"]
    return dict(one)


def told_adapter(bundle: ZioBundle, *apps: ZInfoAppInstance) -> JsonObject:
    info = ZInfoDevice(assignable_adapters=(bundle,), app_instances=apps)
    (one,) = told(info)["ioStatusList"]
    return dict(one)


def test_of_what_no_device_told_nothing_is_said() -> None:
    for info in (None, ZInfoDevice()):
        status = device_status(DEVICE, ALIVE, DeviceReports(info)).to_json()
        assert not status.keys() & {"capabilities", "dns", "minfo"}
        assert (status["dataSecInfo"], status["ioStatusList"]) == ([], [])
    silent = told_port(DevicePort(name="uplink"))
    assert not silent.keys() & {"cellular", "configSource", "location", "pnacStatus", "proxy"}


def test_capabilities_and_dns_of_the_device_are_told() -> None:
    status = told(
        ZInfoDevice(
            capabilities=Capabilities(hw_assisted_virtualization=True),
            dns=ZInfoDNS(dns_servers=("192.0.2.1",), dns_domain="lan", dns_search=("a.lan",)),
        )
    )
    assert status["capabilities"] == {"HWAssistedVirtualization": True, "IOVirtualization": False}
    assert status["dns"] == {"servers": ["192.0.2.1"], "domain": "lan", "search": ["a.lan"]}


@pytest.mark.parametrize(
    ("number", "word"),
    [(0, "UNKNOWN"), (1, "DISABLED"), (2, "ENABLED"), (3, "UNKNOWN"), (4, "ERROR")],
)
def test_each_vault_is_told_with_its_state(number: int, word: str) -> None:
    vault = VaultInfo(
        name="vault",
        status=DataSecAtRestStatus(number),
        vault_err=ErrorInfo(description="no key", timestamp=THEN),
    )
    (one,) = told(ZInfoDevice(data_sec_at_rest_info=DataSecAtRest(vault_list=(vault,))))[
        "dataSecInfo"
    ]
    assert (one["name"], one["errInfo"]["description"]) == ("vault", "no key")
    assert one["status"] == f"DEVICE_DATA_SECURITY_AT_REST_{word}"


@pytest.mark.parametrize("maker", [None, ZInfoManufacturer(manufacturer="acme")])
def test_the_security_module_is_told_with_or_without_a_maker(
    maker: ZInfoManufacturer | None,
) -> None:
    info = ZInfoDevice(
        minfo=maker, hsm_status=HwSecurityModuleStatus.ENABLED, hsm_info="TPM 2.0, acme"
    )
    minfo = told(info)["minfo"]
    assert minfo["hSMStatus"] == "DEVICE_HW_SECURITY_MODULE_STATUS_ENABLED"
    assert minfo["hSMInfo"] == "TPM 2.0, acme"
    assert minfo["manufacturer"] == ("acme" if maker else "")


def test_an_adapter_names_the_app_that_has_it() -> None:
    web = ZInfoAppInstance(uuid="u-1", name="web-1")
    held = ZioBundle(name="USB1", type=PhyIoType.PhyIoUSB, used_by_app_uuid="u-1")
    assert told_adapter(held, web)["appName"] == "web-1"
    assert told_adapter(held)["appName"] == "u-1"
    assert told_adapter(replace(held, used_by_app_uuid=""), web)["appName"] == ""


@pytest.mark.parametrize("kind", list(PhyIoType))
def test_every_kind_of_adapter_has_its_word(kind: PhyIoType) -> None:
    word = told_adapter(ZioBundle(type=kind))["type"].removeprefix("IO_TYPE_").replace("_", "")
    spelled = kind.name.removeprefix("PhyIo").upper().replace("NET", "")
    assert word in {spelled, "UNSPECIFIED" if not kind else spelled, f"STORAGE{spelled[:4]}DEVICE"}


def test_addresses_are_told_of_the_members_that_have_them() -> None:
    one, two = IoAddresses(mac_address="02::1"), IoAddresses(mac_address="02::2")
    virtual = IoAddresses(mac_address="02::3", vf_info=VfPublishedInfo(index=1))
    both = ZioBundle(members=("a", "b"), io_address_list=(one, virtual, two))
    assert told_adapter(both)["memberList"] == [
        {"name": "a", "ioAddress": {"macAddress": "02::1"}},
        {"name": "b", "ioAddress": {"macAddress": "02::2"}},
    ]
    unsure = replace(both, io_address_list=(one,))
    assert told_adapter(unsure)["memberList"] == [{"name": "a"}, {"name": "b"}]
    assert told_adapter(unsure)["members"] == ["a", "b"]


def test_a_port_tells_who_configured_it_and_where_it_is() -> None:
    source = PortConfigSource(
        origin=NetworkConfigOrigin.NETWORK_CONFIG_ORIGIN_LPS, submitted_at=THEN
    )
    place = GeoLoc(underlay_ip="198.51.100.7", city="Ulm", country="DE", loc="48.4,10.0")
    port = told_port(DevicePort(name="uplink", config_source=source, location=place))
    assert port["configSource"] == {
        "origin": "NETWORK_CONFIG_ORIGIN_LPS",
        "submittedAt": SAID_AT,
    }
    given = {name: value for name, value in port["location"].items() if value}
    assert given == {
        "underlayIP": "198.51.100.7",
        "city": "Ulm",
        "country": "DE",
        "loc": "48.4,10.0",
    }
    asked = replace(source, submitted_at=NEVER)
    assert told_port(DevicePort(config_source=asked))["configSource"]["submittedAt"] == ""


def test_a_port_tells_its_proxies() -> None:
    types = (*ProxyProto, 7)
    proxy = ProxyStatus(
        proxies=tuple(ProxyEntry(type=int(t), server="proxy", port=3128) for t in types),
        exceptions="lan",
        network_proxy_enable=True,
        wpad_url="http://wpad.lan/wpad.dat",
    )
    status = told_port(DevicePort(proxy=proxy))["proxy"]
    words = [one["proto"].removeprefix("NETWORK_PROXY_PROTO_") for one in status["proxies"]]
    assert words == ["HTTP", "HTTPS", "SOCKS", "FTP", "OTHER", "OTHER"]
    assert (status["networkProxy"], status["exceptions"]) == (True, "lan")
    assert status["wpadProxyURL"] == "http://wpad.lan/wpad.dat"


def test_a_port_tells_how_it_authenticated_itself() -> None:
    access = PNACStatus(
        enabled=True,
        state=SupplicantState.SUPPLICANT_STATE_HELD,
        last_auth_timestamp=THEN,
        err=ErrorInfo(description="rejected"),
    )
    status = told_port(DevicePort(pnac_status=access))["pnacStatus"]
    assert (status["enabled"], status["lastAuthTimestamp"]) == (True, SAID_AT)
    assert status["supplicantState"] == "PNAC_SUPPLICANT_STATE_HELD"
    assert status["err"]["description"] == "rejected"


CELLULAR: Final = ZCellularStatus(
    cellular_module="m",
    sim_cards=("s-1",),
    providers=(
        ZCellularProvider(plmn="262-01", description="One", current_serving=True, roaming=True),
        ZCellularProvider(plmn="262-02", description="Two"),
    ),
    current_rats=(LTE,),
    connected_at=THEN,
)
MODEMS: Final = ZInfoDevice(
    cell_radios=(
        ZCellularModuleInfo(name="other", imei="0"),
        ZCellularModuleInfo(
            name="m",
            imei="35",
            model="EM",
            operating_state=ZCellularOperatingState.Z_CELLULAR_OPERATING_STATE_ONLINE,
            control_protocol=ZCellularControlProtocol.Z_CELLULAR_CONTROL_PROTOCOL_MBIM,
        ),
    ),
    sims=(
        ZSimcardInfo(name="s-0", iccid="80"),
        ZSimcardInfo(name="s-1", iccid="89", imsi="262", slot_number=1, slot_activated=True),
    ),
)


def told_cellular(status: ZCellularStatus, info: ZInfoDevice | None = None) -> JsonObject:
    port = DevicePort(wireless_status=WirelessStatus(cellular=status))
    return dict(told_port(port, info)["cellular"])


def test_a_port_tells_its_own_modem_and_sim_card() -> None:
    cellular = told_cellular(CELLULAR, MODEMS)
    modem = cellular["modem"]
    assert (modem["imei"], modem["model"]) == ("35", "EM")
    assert modem["operatingState"] == "Z_CELLULAR_OPERATING_STATE_ONLINE"
    assert modem["controlProtocol"] == "Z_CELLULAR_CONTROL_PROTOCOL_MBIM"
    assert cellular["simCards"] == [
        {"iccid": "89", "imsi": "262", "slotNumber": 1, "slotActivated": True, "state": ""}
    ]
    unnamed = told_cellular(CELLULAR)
    assert ("modem" in unnamed, unnamed["simCards"]) == (False, [])
    nameless = ZInfoDevice(cell_radios=(ZCellularModuleInfo(imei="35"),))
    assert "modem" not in told_cellular(ZCellularStatus(), nameless)


def test_the_serving_provider_has_the_radio_and_the_time() -> None:
    one, two = told_cellular(CELLULAR)["providers"]
    assert (one["name"], one["plmn"], one["roaming"]) == ("One", "262-01", True)
    assert (one["rat"], one["connectedAt"]) == ("RADIO_ACCESS_TECHNOLOGY_LTE", SAID_AT)
    assert (two["rat"], two["connectedAt"]) == ("RADIO_ACCESS_TECHNOLOGY_UNSPECIFIED", "")
    of_two = told_cellular(replace(CELLULAR, current_rats=(LTE, NR)))["providers"][0]
    assert of_two["rat"] == "RADIO_ACCESS_TECHNOLOGY_UNSPECIFIED"


def much(number: int) -> ZInfoDevice:
    """Each part once, with this number wherever a word is meant."""
    port = DevicePort(
        name="uplink",
        config_source=PortConfigSource(origin=NetworkConfigOrigin(number), submitted_at=THEN),
        location=GeoLoc(city="Ulm"),
        pnac_status=PNACStatus(state=SupplicantState(number)),
        proxy=ProxyStatus(proxies=(ProxyEntry(type=abs(number)),)),
        wireless_status=WirelessStatus(
            cellular=replace(CELLULAR, current_rats=(RadioAccessTechnology(number),))
        ),
    )
    modem = ZCellularModuleInfo(
        name="m",
        operating_state=ZCellularOperatingState(number),
        control_protocol=ZCellularControlProtocol(number),
    )
    vault = VaultInfo(name="vault", status=DataSecAtRestStatus(number))
    info = ZInfoDevice(
        assignable_adapters=(ZioBundle(name="USB1", type=PhyIoType(number), members=("USB1",)),),
        capabilities=Capabilities(),
        cell_radios=(modem,),
        data_sec_at_rest_info=DataSecAtRest(vault_list=(vault,)),
        dns=ZInfoDNS(),
        hsm_info="TPM",
        hsm_status=HwSecurityModuleStatus(number),
        sims=MODEMS.sims,
    )
    return with_port(port, info)


@pytest.mark.parametrize("number", [-1, -(2**31), 0, 1, 8, 18, 99, 2**31 - 1])
def test_whatever_a_device_sends_its_status_fits_the_contract(
    number: int, contract: Checked
) -> None:
    info = much(number)
    one = httpx.Response(200, json=told(info))
    assert not contract.faults_of_answer("GET", "/v1/devices/id/{id}/status", one)
    message = encode_z_info_msg(ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dev_id="d", dinfo=info))
    rows = {"list": [listed_device(DEVICE, ALIVE, message, DeviceReports())]}
    many = httpx.Response(200, json=rows)
    assert not contract.faults_of_answer("GET", "/v1/devices/status", many)
    assert rows["list"][0]["netStatusList"] == told(info)["netStatusList"]


@pytest.mark.parametrize("number", [-1, 99])
def test_numbers_that_stand_for_no_word_say_nothing(number: int) -> None:
    status = told(much(number))
    (port,) = status["netStatusList"]
    words = (
        status["minfo"]["hSMStatus"],
        status["ioStatusList"][0]["type"],
        status["dataSecInfo"][0]["status"],
        port["configSource"]["origin"],
        port["pnacStatus"]["supplicantState"],
        port["cellular"]["providers"][0]["rat"],
        port["cellular"]["modem"]["operatingState"],
        port["cellular"]["modem"]["controlProtocol"],
    )
    assert {word.rpartition("_")[2] for word in words} == {"UNSPECIFIED", "UNKNOWN"}
