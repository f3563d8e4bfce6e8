"""The machine behind the record of a device: certificates that are uploaded, clashes."""

from collections.abc import Sequence

from eaves.controller.domain.admission.identity import (
    Uploaded,
    read_identity,
    refuse_identity,
)
from eaves.controller.domain.admission.refusal import Refusal
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.northbound.work import Work
from eaves.controller.store import machines
from eaves.controller.store.devices import Binding, register_binding
from eaves.controller.store.events import Event
from eaves.controller.store.machines import Holder
from eaves.controller.store.tables import Kind
from eaves.ids import DeviceId

SERIAL_CLASH = "EDGE_NODE_SERIAL_CLASH"
CERTIFICATE_CLASH = "EDGE_NODE_CERTIFICATE_CLASH"
SEVERITY = "error"


async def refuse_clashes(work: Work, wanted: DeviceConfig) -> tuple[bool, tuple[Refusal, ...]]:
    """Whether serial and key are another device's, and what stands against its certificate.

    A clash of two enterprises is a security event in each of them; neither learns of the other.
    """
    holder = await machines.holder_of_serial(work.db, wanted.obkey, wanted.serialno)
    claimed = holder is not None and holder.device_id != wanted.id
    if claimed and holder is not None:
        what = f"serial {wanted.serialno!r} with its onboarding key"
        work.alarms.extend(_clash(work, wanted, holder, SERIAL_CLASH, what))
    refusals: tuple[Refusal, ...] = ()
    if wanted.identity:
        refusals = await _refuse_certificate(work, wanted)
    return claimed, refusals


async def _refuse_certificate(work: Work, wanted: DeviceConfig) -> tuple[Refusal, ...]:
    uploaded = read_identity(wanted.identity)
    if isinstance(uploaded, Refusal):
        return (uploaded,)
    holder = await machines.holder_of_certificate(work.db, uploaded.digest)
    here = await machines.find_machine(work.db, DeviceId(wanted.id))
    if holder is not None and holder.device_id != wanted.id:
        what = f"device certificate {uploaded.digest.hex()}"
        work.alarms.extend(_clash(work, wanted, holder, CERTIFICATE_CLASH, what))
    return refuse_identity(
        uploaded,
        device_id=wanted.id,
        bound=here.certificate_hash if here is not None else b"",
        bound_to=holder.device_id if holder is not None else None,
    )


def _clash(
    work: Work, wanted: DeviceConfig, holder: Holder, event_type: str, what: str
) -> Sequence[Event]:
    if holder.enterprise_id == work.scope.enterprise:
        return ()  # a slip: whoever wrote it is told
    told = (
        f"somebody tried to make another record with {what}; it was refused. The machine may have "
        "been cloned, or changed hands"
    )
    mine = f"refused: another device has {what} already"
    return (
        Event(
            at=work.now,
            enterprise_id=work.scope.enterprise,
            event_type=event_type,
            description=mine,
            severity=SEVERITY,
            project_id=wanted.project_id,
            user_name=work.principal.user_name,
            object_kind=Kind.DEVICE.value,
            object_name=wanted.name,
        ),
        Event(
            at=work.now,
            enterprise_id=holder.enterprise_id,
            event_type=event_type,
            description=told,
            severity=SEVERITY,
            project_id=holder.project_id,
            device_id=holder.device_id,
            object_kind=Kind.DEVICE.value,
            object_id=holder.device_id,
            object_name=holder.name,
        ),
    )


async def bind_uploaded(work: Work, wanted: DeviceConfig, *, attestation_required: bool) -> None:
    """The machine that holds the key of this certificate is the device, without registering.

    Raises CertificateTaken.
    """
    uploaded = read_identity(wanted.identity)
    id_ = DeviceId(wanted.id)
    if not isinstance(uploaded, Uploaded) or await machines.find_machine(work.db, id_) is not None:
        return
    await register_binding(
        work.db,
        Binding(
            device_id=id_,
            enterprise_id=work.scope.enterprise,
            certificate_hash=uploaded.digest,
            certificate_der=uploaded.der,
            onboarding_key=wanted.obkey,
            serial=wanted.serialno,
            bound_at=work.now,
            attestation_required=attestation_required,
        ),
    )
    work.told.add(id_)
