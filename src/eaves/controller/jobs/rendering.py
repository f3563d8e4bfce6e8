"""Rendering outside of a request: after a device sent another ECDH certificate, after the
controller's certificates changed.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.keys import KeyStore
from eaves.controller.store.unit import unit_of_work
from eaves.ids import DeviceId

log = structlog.get_logger()


async def render_devices(
    engine: AsyncEngine, keys: KeyStore, device_ids: Sequence[DeviceId], now: datetime
) -> tuple[DeviceId, ...]:
    """Render these devices again, each in its own transaction; tells whose config changed.

    A device that cannot be rendered keeps the configuration it has, and does not stop the others.
    """
    # imported here: the types of the contract take longer to load than a start may take
    from eaves.controller.domain.inputs import (  # noqa: PLC0415 - see above
        ControllerFacts,
        DeviceInputs,
    )
    from eaves.controller.domain.render import Rendered, render_device  # noqa: PLC0415 - see above
    from eaves.controller.store.inputs import render_and_store  # noqa: PLC0415 - see above
    from eaves.evapi.keys import SoftKeyAgreement  # noqa: PLC0415 - see above

    ecdh = keys.ring.ecdh[0]
    facts = ControllerFacts(
        controllercert_confighash=keys.controllercert_confighash,
        ecdh_hash=ecdh.hash16,
        ecdh_key=SoftKeyAgreement(ecdh.key),
        open_secret=keys.open,
    )

    def render(inputs: DeviceInputs) -> Rendered:
        return render_device(inputs, facts)

    changed: list[DeviceId] = []
    for device_id in device_ids:
        try:
            async with unit_of_work(engine) as db:
                if await render_and_store(db, device_id, render, now) is not None:
                    changed.append(device_id)
        except Exception:
            log.exception("device_not_rendered", device_id=device_id)
    return tuple(changed)
