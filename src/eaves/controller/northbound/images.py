"""Images: uploads into the controller's own store, and which base OS image is the latest."""

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.contract.catalogue import ModelArchType
from eaves.controller.domain.contract.datastores import (
    DatastoreType,
    ImageConfig,
    ImageStatus,
    ImageType,
)
from eaves.controller.domain.contract.envelope import ZcOpsType, ZsrvErrorCode
from eaves.controller.northbound import catalog, crud, journal, lists, records
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.paging import Row, page_of, project, read_list_query, refuse
from eaves.controller.northbound.problems import Problem, not_found
from eaves.controller.northbound.routes import CHANGE_STORAGE, Route, reads
from eaves.controller.northbound.uploads import Receiving, Wanted, in_a_form, in_pieces
from eaves.controller.northbound.verbs import store_change
from eaves.controller.northbound.work import Work
from eaves.controller.store import contents, latest_images
from eaves.controller.store.tables import Kind

BASE_OS = (ImageType.EVE, ImageType.EVEPRIVATE)
USABLE = (ImageStatus.READY, ImageStatus.INUSE)
LATEST = "/v1/apps/images/baseos/latest"


async def _find(context: Context, work: Work, request: Request) -> Wanted:
    image = await crud.find(work, catalog.IMAGES, name=request.path_params["name"])
    target = catalog.IMAGES.target(image)
    if not await in_own_store(work, image):
        raise Problem(
            412,
            f"image {image.name!r} is in a datastore that is not the controller's own; put the "
            "file there with the tools of that store, then uplink the image, or name a datastore "
            f"of type {DatastoreType.FILE_STORAGE}",
            target=target,
        )
    return Wanted(
        object_id=image.id,
        target=target,
        most_bytes=context.settings.content.file_bytes,
        sha256=image.image_sha256.lower().removeprefix("sha256:"),
        size_bytes=image.image_size_bytes,
    )


async def in_own_store(work: Work, image: ImageConfig) -> bool:
    """Whether the controller itself keeps the bytes: all of its datastores are of that type."""
    ids = image.datastore_id_list or (image.datastore_id,)
    stores = await records.in_order(work.db, work.scope, records.DATASTORE, ids)
    return bool(stores) and all(s.ds_type is DatastoreType.FILE_STORAGE for s in stores)


async def require_bytes(work: Work, image: ImageConfig) -> None:
    """Raises Problem(412) for an image of the own store whose bytes never came."""
    held = await contents.find_held(work.db, image.id)
    if (held is None or not held.whole) and await in_own_store(work, image):
        raise Problem(
            412,
            f"the controller has no bytes of image {image.name!r}; upload them with PUT "
            f"/v1/apps/images/name/{image.name}/upload/chunked or /upload/file",
            target=catalog.IMAGES.target(image),
        )


async def _change(work: Work, wanted: Wanted, what: str, **changes: object) -> None:
    image = await crud.find(work, catalog.IMAGES, object_id=wanted.object_id)
    await store_change(work, catalog.IMAGES, image, image.model_copy(update=changes), what)


async def _begun(work: Work, wanted: Wanted) -> None:
    await _change(work, wanted, "upload begun", image_status=ImageStatus.UPLOADING, image_error="")


async def _done(work: Work, wanted: Wanted, digest: str, size: int) -> None:
    await _change(
        work,
        wanted,
        "uploaded",
        image_status=ImageStatus.READY,
        image_error="",
        image_local=digest,
        image_sha256=digest,
        image_size_bytes=size,
    )


async def _failed(work: Work, wanted: Wanted, why: str) -> None:
    await _change(work, wanted, "upload failed", image_status=ImageStatus.FAILED, image_error=why)


IMAGES = Receiving(_find, _begun, _done, _failed)


async def list_latest(context: Context, request: Request) -> Response:
    query = read_list_query(request.query_params)
    async with context.reading(request) as work:
        marked = await latest_images.find_latest(work.db, work.scope)
        images = await records.in_order(work.db, work.scope, records.IMAGE, tuple(marked.values()))
    rows = tuple(Row(image, {}) for image in images)
    page = page_of(rows, query)
    answer = lists.images(page, rows)
    answer["totalCount"] = page.total
    answer["list"] = [project(item, query.fields) for item in answer["list"]]
    return JSONResponse(answer)


async def read_latest(context: Context, request: Request) -> Response:
    arch = _arch(request)
    async with context.reading(request) as work:
        marked = await latest_images.find_latest(work.db, work.scope)
        image = await records.find(work.db, work.scope, records.IMAGE, marked.get(arch.value, ""))
    if image is None:
        raise not_found("image that is the latest of", arch.value)
    return JSONResponse(image.to_json())


def _arch(request: Request) -> ModelArchType:
    text = request.path_params["imageArch"]
    found = ModelArchType(text)
    if not found.known or found is ModelArchType.UNSPECIFIED:
        raise Problem(
            400,
            f"imageArch is {text!r}; give one of {', '.join(ModelArchType)}",
            code=ZsrvErrorCode.BAD_REQ_PARAM,
            location="imageArch",
        )
    return found


async def mark_latest(context: Context, request: Request) -> Response:
    """The body names the image, by id or by name; the path may say of which architecture."""
    body = await crud.read_body(request, ImageConfig)
    wanted = _arch(request) if "imageArch" in request.path_params else None
    async with context.writing(request) as work:
        if not body.id and not body.name:
            raise Problem(400, "the body says not which image; give its id or name", location="id")
        image = await crud.find(work, catalog.IMAGES, object_id=body.id, name=body.name)
        target = catalog.IMAGES.target(image)
        if image.image_type not in BASE_OS:
            raise Problem(
                400,
                f"image {image.name!r} is of type {image.image_type}; only base OS images "
                f"({', '.join(BASE_OS)}) are the latest of something",
                location="imageType",
                target=target,
            )
        if wanted is not None and image.image_arch is not wanted:
            raise Problem(
                400,
                f"image {image.name!r} is for {image.image_arch}, not for {wanted}",
                location="imageArch",
                target=target,
            )
        if image.image_status not in USABLE:
            raise Problem(
                412,
                f"image {image.name!r} is {image.image_status}; upload or uplink it first",
                target=target,
            )
        await latest_images.mark_latest(work.db, work.scope, image.image_arch.value, image.id)
        await _note(work, image, "marked latest")
    return context.envelopes.success(
        target, operation=ZcOpsType.UPDATE, user=work.principal.user_name
    )


async def unmark_latest(context: Context, request: Request) -> Response:
    image_id = request.query_params.get("id", "")
    async with context.writing(request) as work:
        if not image_id:
            raise refuse("the request names no image; give its id, as ?id=ID", "id")
        image = await crud.find(work, catalog.IMAGES, object_id=image_id)
        if not await latest_images.unmark_latest(work.db, work.scope, image.id):
            raise not_found("image that is the latest of its architecture with id", image_id)
        await _note(work, image, "no longer latest")
    return context.envelopes.success(
        catalog.IMAGES.target(image), operation=ZcOpsType.DELETE, user=work.principal.user_name
    )


async def _note(work: Work, image: ImageConfig, what: str) -> None:
    await journal.note(
        work,
        journal.Entry(
            kind=Kind.IMAGE,
            noun="image",
            object_id=image.id,
            object_name=image.name,
            what=what,
        ),
    )


READ = reads(Kind.IMAGE)
ROUTES: tuple[Route, ...] = (
    Route("PUT", "/v1/apps/images/name/{name}/upload/chunked", in_pieces(IMAGES), CHANGE_STORAGE),
    Route("PUT", "/v1/apps/images/name/{name}/upload/file", in_a_form(IMAGES), CHANGE_STORAGE),
    Route("GET", LATEST, list_latest, READ),
    Route("PUT", LATEST, mark_latest, CHANGE_STORAGE),
    Route("DELETE", LATEST, unmark_latest, CHANGE_STORAGE),
    Route("GET", LATEST + "/hwclass/{imageArch}", read_latest, READ),
    Route("PUT", LATEST + "/hwclass/{imageArch}", mark_latest, CHANGE_STORAGE),
)
