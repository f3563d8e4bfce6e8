"""The configuration of the devices that a write touches, in the same transaction."""

from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.render import Rendered, render_device
from eaves.controller.keys.facts import controller_facts
from eaves.controller.northbound.work import Work
from eaves.controller.store import objects
from eaves.controller.store.inputs import render_and_store
from eaves.ids import DeviceId


async def devices_of(work: Work, item: Contract) -> frozenset[DeviceId]:
    """The devices whose configuration speaks of this object, as the references stand now."""
    object_id = str(getattr(item, "id", ""))
    return frozenset(DeviceId(one) for one in await objects.devices_affected(work.db, object_id))


async def render_changed(work: Work) -> None:
    """Render every device that this request changed; a failure fails the request."""
    facts = controller_facts(work.keys)

    def render(inputs: DeviceInputs) -> Rendered:
        return render_device(inputs, facts)

    for device_id in sorted(work.changed):
        await render_and_store(work.db, device_id, render, work.now)
