"""What a device says of the objects that its apps are made of, when its configuration changes."""

from collections.abc import Callable, Iterator
from datetime import datetime

from eaves.fleet import messages
from eaves.fleet.plan import Named, Plan

Told = Callable[[datetime], bytes]
"""Makes the message when the device gets to telling it."""
_Make = Callable[..., bytes]


def objects_told(device_id: str, before: Plan, plan: Plan) -> Iterator[Told]:
    """Of network instances, volumes and content trees that are new, changed or gone.

    After a change of the controller's epoch, of all.
    """
    everything = before.epoch != plan.epoch
    of_kind = (
        (before.networks, plan.networks, messages.network_message),
        (before.trees, plan.trees, messages.tree_message),
        (before.volumes, plan.volumes, messages.volume_message),
    )
    for old, new, message in of_kind:
        known = {one.id: one for one in old}
        for one in new:
            if everything or known.get(one.id) != one:
                yield _there(message, device_id, one)
        for gone in known.keys() - {one.id for one in new}:
            yield _gone(message, device_id, known[gone])


def _there(message: _Make, device_id: str, one: Named) -> Told:
    return lambda now: message(device_id, one, now)


def _gone(message: _Make, device_id: str, one: Named) -> Told:
    return lambda now: message(device_id, one, now, gone=True)
