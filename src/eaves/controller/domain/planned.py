"""What a change of objects would do to one node: its configuration before and after.  Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from eaves.controller.domain.admission.refusal import parse_size_bytes
from eaves.controller.domain.config_change import ConfigChange, change_of
from eaves.controller.domain.inputs import ControllerFacts, DeviceInputs
from eaves.controller.domain.policies.preview import NodePlan
from eaves.controller.domain.policies.settle import Fault
from eaves.controller.domain.render import Rendered, render_device
from eaves.errors import EavesError


@dataclass(frozen=True, slots=True)
class Both:
    """One node as it is and as it would be; None: it is not there (yet, or any more)."""

    before: DeviceInputs | None
    after: DeviceInputs | None
    faults: Sequence[Fault] = ()  # of policies, on this node

    @property
    def any_of_both(self) -> DeviceInputs:
        found = self.after or self.before
        if found is None:
            raise ValueError("a node that is neither there before nor after")
        return found


def plan_of(both: Both, facts: ControllerFacts) -> NodePlan:
    """Raises what rendering the node as it would be raises."""
    after = _rendered(both.after, facts)
    try:
        before = _rendered(both.before, facts)
    except EavesError:  # what is there already cannot be delivered: the change may mend it
        before = None
    lacks = set(before.missing) if before is not None else set[str]()
    change = change_of(
        before.config if before is not None else None,
        after.config if after is not None else None,
        _names(both),
    )
    told = after.missing if after is not None else ()
    return _node_plan(both, change, tuple(one for one in told if one not in lacks))


def _rendered(inputs: DeviceInputs | None, facts: ControllerFacts) -> Rendered | None:
    """As if nothing were locked: what waits behind a lock is told as well."""
    return None if inputs is None else render_device(replace(inputs, held=b""), facts)


def _names(both: Both) -> dict[str, str]:
    found: dict[str, str] = {}
    for inputs in (both.before, both.after):
        if inputs is not None:
            found |= {one.id: one.name for one in inputs.networks.values()}
            found |= {one.id: one.name for one in inputs.datastores.values()}
    return found


def _node_plan(both: Both, change: ConfigChange, lacks: tuple[str, ...]) -> NodePlan:
    of = both.any_of_both
    attributes = {key.lower(): text for key, text in of.model.attr.items()} if of.model else {}
    return NodePlan(
        node_id=of.device.id,
        node_name=of.device.name,
        created=change.created,
        changed=change.changed,
        restarted=change.restarted,
        purged=change.purged,
        deleted=change.deleted,
        pull_bytes=change.pull_bytes,
        peak_bytes=change.peak_bytes,
        disk_bytes=parse_size_bytes(attributes.get("storage", "")),
        refused=tuple(both.faults),
        lacks=lacks,
        locked=bool(of.held),
    )
