"""Rendering outside of a request: after a device registered or sent another ECDH certificate,
after the controller's certificates changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.keys import KeyStore
from eaves.controller.store.rendered import put_failure
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.controller.store.wanted import render_requests, render_served
from eaves.ids import DeviceId

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Round:
    """What came of some devices; `failed` are to come again."""

    changed: tuple[DeviceId, ...]
    failed: tuple[DeviceId, ...]


async def render_devices(
    engine: AsyncEngine, keys: KeyStore, device_ids: Sequence[DeviceId], now: datetime
) -> Round:
    """Render these devices again, each in its own transaction.

    A device that cannot be rendered keeps the configuration it has, does not stop the others, and
    its cause is stored where people look.  Raises what the database raises.
    """
    # imported here: the types of the contract take longer to load than a start may take
    from eaves.controller.domain.inputs import DeviceInputs  # noqa: PLC0415 - see above
    from eaves.controller.domain.render import Rendered, render_device  # noqa: PLC0415 - see above
    from eaves.controller.keys.facts import controller_facts  # noqa: PLC0415 - see above
    from eaves.controller.store.inputs import render_and_store  # noqa: PLC0415 - see above

    facts = controller_facts(keys)

    def render(inputs: DeviceInputs) -> Rendered:
        return render_device(inputs, facts)

    async with snapshot(engine) as db:
        requests = await render_requests(db, device_ids)
    changed: list[DeviceId] = []
    failed: list[DeviceId] = []
    for device_id in device_ids:
        try:
            async with unit_of_work(engine) as db:
                if await render_and_store(db, device_id, render, now) is not None:
                    changed.append(device_id)
                if device_id in requests:
                    await render_served(db, device_id, requests[device_id])
        except (SQLAlchemyError, OSError):
            raise  # not the device's fault: the whole batch comes again
        except Exception as error:
            log.exception("device_not_rendered", device_id=device_id)
            failed.append(device_id)
            async with unit_of_work(engine) as db:
                await put_failure(db, device_id, str(error), now)
    return Round(tuple(changed), tuple(failed))
