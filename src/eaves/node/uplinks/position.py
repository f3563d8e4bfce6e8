"""Where the node stands, as the satellite receiver of a modem tells it.  Pure."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from eaves.evapi.attest import AttestGPSCoordinates, AttestGPSInput
from eaves.evapi.config_items import ItemValues
from eaves.evapi.info import ZInfoLocation, ZInfoMsg, ZInfoTypes
from eaves.node.refs import Position


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds between two looks, and between two messages to the controller."""

    look: float
    tell: float


def pauses_of(items: ItemValues) -> Pauses:
    return Pauses(
        items.seconds("timer.location.app.interval"), items.seconds("timer.location.cloud.interval")
    )


def position_of(told: str, label: str, at: datetime) -> Position | None:
    """From `mmcli -J -m INDEX --location-get`; None while the receiver has found nothing."""
    try:
        gps = json.loads(told)["modem"]["location"]["gps"]
        latitude, longitude = float(gps["latitude"]), float(gps["longitude"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    try:
        altitude = float(gps["altitude"])
    except (ValueError, KeyError, TypeError):
        altitude = 0.0
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return None
    return Position(latitude, longitude, altitude, label, at)


def position_info(position: Position) -> ZInfoMsg:
    return ZInfoMsg(
        ztype=ZInfoTypes.ZiLocation,
        locinfo=ZInfoLocation(
            latitude=position.latitude,
            longitude=position.longitude,
            altitude=position.altitude,
            utc_timestamp=position.at,
            logicallabel=position.label,
        ),
    )


def quoted_position(position: Position | None) -> AttestGPSCoordinates | None:
    """As a quote tells it; None while nothing is known."""
    if position is None:
        return None
    return AttestGPSCoordinates(
        gps_input=AttestGPSInput.ATTEST_GPS_INPUT_PRESENT,
        latitude=position.latitude,
        longitude=position.longitude,
    )


class Teller:
    """Tells the controller at most once in its pause, and nothing while nothing is known."""

    def __init__(self, say: Callable[[ZInfoMsg], None]) -> None:
        self._say = say
        self._told_s = float("-inf")

    def saw(self, position: Position | None, at_s: float, pauses: Pauses) -> None:
        """`at_s`: of an even clock."""
        if position is not None and at_s - self._told_s >= pauses.tell:
            self._told_s = at_s
            self._say(position_info(position))
