"""What a built image of the base OS will measure, told with a signature.  Ours.

A device to which the image is assigned may boot it without a person that accepts it, where a key
that its project or enterprise trusts has signed the measurements.
"""

import base64
import binascii
from collections.abc import Sequence

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.admission.refusal import Refusal, invalid
from eaves.controller.domain.admission.templates import admit_template
from eaves.controller.domain.contract.base import Contract, JsonObject
from eaves.controller.domain.contract.catalogue import PCRTemplate
from eaves.controller.domain.contract.datastores import ImageConfig
from eaves.controller.domain.contract.envelope import ZcOpsType
from eaves.controller.domain.expected import BadMeasurements, Measurements, read_measurements
from eaves.controller.domain.signed_images import digest_of
from eaves.controller.northbound import catalog, crud, journal, records
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.problems import Problem, not_found
from eaves.controller.northbound.routes import CHANGE_STORAGE, Route, reads
from eaves.controller.northbound.work import Work
from eaves.controller.store.image_trust import find_trusts
from eaves.controller.store.measurements import (
    SignedMeasurements,
    delete_measurements,
    find_measurements,
    put_measurements,
    signer_of,
)
from eaves.controller.store.tables import Kind

NOUN = "measurements of image"


class MeasurementsReq(Contract):
    """Both in base64; the document as it was signed, to the byte."""

    document: str = ""
    signature: str = ""


async def show(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        image = await crud.find(work, catalog.IMAGES, object_id=request.path_params["id"])
        found = await find_measurements(work.db, work.scope.enterprise, image.id)
        if found is None:
            raise not_found(NOUN, image.name)
        signers = await _signers(work, found)
    said = read_measurements(found.document)
    told: JsonObject = {
        "imageId": image.id,
        "imageSha256": said.image_sha256,
        "eveVersion": said.eve_version,
        "PCRValues": said.stored["PCRValues"],
        "document": base64.b64encode(found.document).decode(),
        "signature": base64.b64encode(found.signature).decode(),
        "signedBy": [{"projectId": project, "key": key} for project, key in signers],
    }
    return JSONResponse(told)


async def put(context: Context, request: Request) -> Response:
    asked = await crud.read_body(request, MeasurementsReq)
    async with context.writing(request) as work:
        image = await crud.find(work, catalog.IMAGES, object_id=request.path_params["id"])
        told = SignedMeasurements(_bytes(asked, "document"), _bytes(asked, "signature"))
        said = _read(told.document)
        refusals = _refusals(image, said)
        if not refusals and not await _signers(work, told):
            why = (
                "no key that an image policy trusts has signed these measurements; add the key "
                "with `eaves image policy`, or sign them with one that is there"
            )
            refusals = [invalid("signature", why)]
        if refusals:
            raise Problem.of_refusals(refusals, catalog.IMAGES.target(image))
        await put_measurements(work.db, work.scope.enterprise, image.id, told)
        await _note(work, image, f"measurements of version {said.eve_version} told")
        target = catalog.IMAGES.target(image)
    return context.envelopes.success(
        target, operation=ZcOpsType.UPDATE, user=work.principal.user_name
    )


async def forget(context: Context, request: Request) -> Response:
    async with context.writing(request) as work:
        image = await crud.find(work, catalog.IMAGES, object_id=request.path_params["id"])
        if not await delete_measurements(work.db, work.scope.enterprise, image.id):
            raise not_found(NOUN, image.name)
        await _note(work, image, "measurements forgotten")
        target = catalog.IMAGES.target(image)
    return context.envelopes.success(
        target, operation=ZcOpsType.DELETE, user=work.principal.user_name
    )


def _bytes(asked: MeasurementsReq, member: str) -> bytes:
    try:
        data = base64.b64decode(getattr(asked, member), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        raise Problem(400, f"{member} is empty or no base64; send the file", location=member)
    return data


def _read(document: bytes) -> Measurements:
    try:
        return read_measurements(document)
    except BadMeasurements as error:
        raise Problem(400, str(error), location="document") from error


def _refusals(image: ImageConfig, said: Measurements) -> list[Refusal]:
    template = PCRTemplate.from_json(dict(said.stored))
    refusals = admit_template(template, (), at="document.")
    if digest_of(image) != said.image_sha256:
        why = (
            f"the measurements are of the image with sha256 {said.image_sha256}, image "
            f"{image.name!r} has {digest_of(image) or 'none'}; they were built with another one"
        )
        refusals.append(invalid("document.imageSha256", why))
    return refusals


async def _signers(work: Work, told: SignedMeasurements) -> Sequence[tuple[str, str]]:
    """Projects in which they count, and the key by which they do."""
    projects = await records.names_of(work.db, work.scope, Kind.PROJECT)
    trusts = await find_trusts(work.db, work.scope.enterprise, projects.keys(), ())
    return [
        (project, key)
        for project, trust in sorted(trusts.items())
        if (key := signer_of(told, trust.trusted))
    ]


async def _note(work: Work, image: ImageConfig, what: str) -> None:
    await journal.note(
        work,
        journal.Entry(
            kind=Kind.IMAGE, noun="image", object_id=image.id, object_name=image.name, what=what
        ),
    )


_PATH = "/v1/eaves/images/id/{id}/measurements"

ROUTES: tuple[Route, ...] = (
    Route("GET", _PATH, show, reads(Kind.IMAGE)),
    Route("PUT", _PATH, put, CHANGE_STORAGE, MeasurementsReq),
    Route("DELETE", _PATH, forget, CHANGE_STORAGE),
)
