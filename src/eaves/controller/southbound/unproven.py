"""Devices that are told to attest first and go on asking without doing so."""

from datetime import datetime, timedelta
from typing import Final

from eaves.ids import DeviceId

OVERDUE: Final = timedelta(minutes=5)
"""A device asks first and attests then, and a slow TPM takes a while."""


class Unproven:
    """Devices that were told to attest first, and since when; lives on one event loop."""

    def __init__(self) -> None:
        self._since: dict[DeviceId, datetime | None] = {}  # None: it was told of

    def is_overdue(self, device_id: DeviceId, now: datetime) -> bool:
        """Note that it was refused; True once, when it goes on asking without attesting."""
        since = self._since.setdefault(device_id, now)
        if since is None or now - since < OVERDUE:
            return False
        self._since[device_id] = None
        return True

    def forget(self, device_id: DeviceId) -> None:
        """It has attested."""
        self._since.pop(device_id, None)
