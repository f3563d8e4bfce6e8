"""Requests that are passed on: one of a device at a time, few in all."""

import pytest

from eaves.controller.settings import BadSetting, Options, read_settings
from eaves.controller.southbound.passing import Passing
from eaves.controller.telemetry.pipeline import Busy
from eaves.ids import DeviceId

ACME, OTHER = "acme", "other"
ONE, TWO, THREE = DeviceId("one"), DeviceId("two"), DeviceId("three")


def test_a_device_has_one_at_a_time_and_all_have_few() -> None:
    passing = Passing(most=2)
    with passing.turn(ONE, ACME):
        with pytest.raises(Busy, match="of device one"), passing.turn(ONE, ACME):
            pass
        with (
            passing.turn(TWO, ACME),
            pytest.raises(Busy, match="2 requests"),
            passing.turn(THREE, ACME),
        ):
            pass
        with passing.turn(THREE, ACME):
            pass
    with passing.turn(ONE, ACME):
        pass


def test_one_that_failed_makes_room() -> None:
    passing = Passing(most=1)
    with pytest.raises(ValueError, match="no"), passing.turn(ONE, ACME):
        raise ValueError("no")
    with passing.turn(TWO, ACME):
        pass


def test_one_enterprise_does_not_take_all_places() -> None:
    passing = Passing(most=3, of_enterprise=1)
    for _ in range(2):  # what has ended is given back
        with passing.turn(ONE, ACME):
            with pytest.raises(Busy, match="enterprise"), passing.turn(TWO, ACME):
                pass
            with passing.turn(TWO, OTHER):
                pass


@pytest.mark.parametrize(
    ("given", "count"), [("", 0), ("10.0.0.0/8, fd00::/8", 2), ("all", 2)], ids=str
)
def test_where_scep_servers_of_tenants_may_be_is_a_setting(given: str, count: int) -> None:
    settings = read_settings(Options(), {"EAVES_SCEP_NETWORKS": given})
    assert len(settings.scep_networks) == count


def test_networks_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(BadSetting, match="EAVES_SCEP_NETWORKS"):
        read_settings(Options(), {"EAVES_SCEP_NETWORKS": "10.0.0.0/33"})
