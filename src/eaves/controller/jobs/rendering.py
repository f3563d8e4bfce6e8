"""Rendering outside of a request: after a device sent another ECDH certificate, after the
controller's certificates changed.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.keys import KeyStore
from eaves.ids import DeviceId


async def render_devices(
    engine: AsyncEngine, keys: KeyStore, device_ids: Sequence[DeviceId], now: datetime
) -> tuple[DeviceId, ...]:
    """Render these devices again; tells whose configuration changed."""
    raise NotImplementedError
