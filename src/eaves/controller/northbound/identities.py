"""Onboarding identities of devices: issued to whoever may change a device, and kept nowhere."""

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.keys.store import OnboardingIdentity
from eaves.controller.northbound import catalog, crud, journal
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.work import Work
from eaves.controller.store import devices as device_rows
from eaves.controller.store.tables import Kind
from eaves.ids import DeviceId


async def fresh_device(work: Work, device_id: str) -> DeviceConfig:
    """Raises Problem(404) and, where it is onboarded, Problem(412)."""
    device = await crud.find(work, catalog.DEVICES, object_id=device_id)
    if await device_rows.find_bound_at(work.db, (DeviceId(device.id),)):
        raise Problem(
            412,
            f"device {device.name!r} is onboarded already; offboard it before another one "
            "takes its record",
            target=catalog.DEVICES.target(device),
        )
    return device


async def issue(work: Work, device: DeviceConfig) -> OnboardingIdentity:
    """A new onboarding identity of the device's onboarding key; its private key is not kept."""
    issued = work.keys.issue_onboarding(device.obkey)
    certificate = x509.load_pem_x509_certificate(issued.certificate_pem)
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    await device_rows.put_onboarding_certificate(
        work.db, digest, device.obkey, issued.certificate_pem.decode(), work.now
    )
    await note(work, device, "onboarding key handed out")
    return issued


async def note(work: Work, device: DeviceConfig, what: str) -> None:
    await journal.note(
        work,
        journal.Entry(
            kind=Kind.DEVICE,
            noun="device",
            object_id=device.id,
            object_name=device.name,
            project_id=device.project_id,
            device_id=device.id,
            what=what,
        ),
    )
