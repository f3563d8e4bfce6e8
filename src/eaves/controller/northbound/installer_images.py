"""Installer images of single devices: asked for, looked up, fetched once.

Nothing is built: the generic image of a tag (`make image`) is sent as it is, and its partition
CONFIG, which is empty there, is written anew on the way.  The onboarding identity in it is issued
with the download and kept nowhere.
"""

import asyncio
import base64
from datetime import timedelta
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from eaves.controller.domain.authz import Anybody
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.envelope import ZcOpsType
from eaves.controller.domain.contract.installer_images import (
    DeviceGenerateImageType,
    DeviceImageGenerateStatus,
    DeviceSingleUseImageDownloadLinkResp,
    DeviceSingleUseImageResp,
    SingleUseImageReq,
)
from eaves.controller.domain.installer_images import FILES, admit_image, config_files
from eaves.controller.keys.store import OnboardingIdentity
from eaves.controller.northbound import catalog, crud
from eaves.controller.northbound.context import Context, token_hash
from eaves.controller.northbound.first_config import first_config
from eaves.controller.northbound.generic_images import (
    Source,
    fault_of,
    look_at,
    pieces,
    tags_in,
)
from eaves.controller.northbound.identities import fresh_device, issue, note
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import CHANGE_DEVICES, READ_DEVICES, Route
from eaves.controller.northbound.work import Work
from eaves.controller.store.events import Event, insert_event
from eaves.controller.store.installer_images import (
    InstallerImage,
    find_image,
    find_linked,
    put_image,
    put_link,
    take_link,
)
from eaves.controller.store.rendered import find_rendered
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.disk_image import CONFIG, NoImage
from eaves.fat import DoesNotFit, fat_image
from eaves.ids import DeviceId, EnterpriseId

GOOD_FOR: Final = timedelta(hours=1)
GONE: Final = "this link was used, has expired or was never made; ask for one with GET .../link"
HOLDER: Final = "whoever has its link"


async def create(context: Context, request: Request) -> Response:
    """Nothing is built: the generic image is looked at, and a link to it may be asked for."""
    asked = await crud.read_body(request, SingleUseImageReq)
    folder = context.settings.installer_images
    tags = await asyncio.to_thread(tags_in, folder)
    why = ""
    if asked.image_tag in tags:
        why = await asyncio.to_thread(fault_of, folder, asked.image_tag, asked.image_type)
    async with context.writing(request) as work:
        device = await fresh_device(work, request.path_params["id"])
        target = catalog.DEVICES.target(device)
        if folder is None:
            raise Problem(
                412,
                "this controller has no installer images; set EAVES_INSTALLER_IMAGES to a folder "
                "with TAG/installer.raw, as `make image` writes it",
                target=target,
            )
        refusals = admit_image(asked, tags)
        if refusals:
            raise Problem.of_refusals(refusals, target)
        status = DeviceImageGenerateStatus.FAILED if why else DeviceImageGenerateStatus.SUCCESSFUL
        image = InstallerImage(
            enterprise_id=work.scope.enterprise,
            device_id=device.id,
            status=status.value,
            error=why,
            image_tag=asked.image_tag,
            image_type=asked.image_type.value,
            install_disk=asked.install_disk,
            requested_at=work.now,
            requested_by=work.principal.user_name,
        )
        await put_image(work.db, image)
        await note(work, device, f"installer image {asked.image_tag} asked for")
        if why:
            await tell_failure(work, device, image)
    return context.envelopes.success(
        target, operation=ZcOpsType.CREATE, user=work.principal.user_name
    )


async def show(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        device = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
        image = await find_image(work.db, work.scope.enterprise, device.id)
        told = DeviceSingleUseImageResp(
            device_id=device.id,
            enterprise_id=work.scope.enterprise,
            generationstatus=DeviceImageGenerateStatus(image.status if image else "Unavailable"),
        )
    return JSONResponse(told.to_json())


async def link(context: Context, request: Request) -> Response:
    """An address that needs no session: for one download, within an hour."""
    async with context.writing(request) as work:
        device = await fresh_device(work, request.path_params["id"])
        image = await find_image(work.db, work.scope.enterprise, device.id)
        if image is None or image.status != DeviceImageGenerateStatus.SUCCESSFUL:
            seen = f"it failed: {image.error}" if image else "none was asked for"
            raise Problem(
                404,
                f"there is no installer image of device {device.name!r}, {seen}; ask for one with "
                f"POST /api/v1/devices/id/{device.id}/suimage",
                target=catalog.DEVICES.target(device),
            )
        token = base64.urlsafe_b64encode(work.random(32)).rstrip(b"=").decode()
        until = work.now + GOOD_FOR
        await put_link(work.db, work.scope.enterprise, device.id, token_hash(token), until)
        await note(work, device, "link to its installer image handed out")
    base = str(request.base_url).rstrip("/")
    url = f"{base}/api{DOWNLOAD.format(token=token)}"
    return JSONResponse(DeviceSingleUseImageDownloadLinkResp(id=device.id, link=url).to_json())


async def download(context: Context, request: Request) -> Response:
    """The installer image of a device, for whoever has its link; once, within its hour."""
    digest = token_hash(request.path_params["token"])
    async with snapshot(context.engine) as db:
        image = await find_linked(db, digest, context.clock())
    if image is None:
        raise Problem(404, GONE)
    kind = DeviceGenerateImageType(image.image_type)
    try:  # before the link is used up
        source = await asyncio.to_thread(
            look_at, context.settings.installer_images, image.image_tag, kind
        )
    except NoImage as error:
        raise Problem(412, str(error)) from error
    async with unit_of_work(context.engine) as db:
        work = context.work_as(db, request, EnterpriseId(image.enterprise_id), "", HOLDER)
        if not await take_link(db, image, digest, work.now):
            raise Problem(404, GONE)
        device = await fresh_device(work, image.device_id)
        identity = await issue(work, device)
        rendered = await find_rendered(work.db, DeviceId(device.id))
        await note(work, device, "installer image fetched")
    ports = rendered.config if rendered is not None else b""
    try:
        config = await asyncio.to_thread(config_of, context, source, device, identity, image, ports)
    except DoesNotFit as error:
        raise Problem(412, f"{image.image_tag}: {error}; build the image anew") from error
    return StreamingResponse(
        pieces(source, config),
        media_type="application/octet-stream",
        headers={
            "Content-Length": str(source.size),
            "Content-Disposition": f'attachment; filename="{device.name}-{FILES[kind]}"',
        },
    )


async def tell_failure(work: Work, device: DeviceConfig, image: InstallerImage) -> None:
    await insert_event(
        work.db,
        Event(
            at=work.now,
            enterprise_id=image.enterprise_id,
            event_type="EDGE_NODE_INSTALLER_IMAGE_FAILED",
            description=f"there is no installer image of device {device.name}: {image.error}",
            severity="error",
            project_id=device.project_id,
            device_id=device.id,
            object_kind=Kind.DEVICE.value,
            object_id=device.id,
            object_name=device.name,
        ),
    )


def config_of(
    context: Context,
    source: Source,
    device: DeviceConfig,
    identity: OnboardingIdentity,
    image: InstallerImage,
    rendered: bytes,
) -> bytes:
    """The bytes of CONFIG; `rendered`: empty where nothing could be yet.

    Blocking.  Raises DoesNotFit.
    """
    files = config_files(
        server=context.settings.device_server,
        root=context.keys.root_certificate_pem,
        certificate=identity.certificate_pem,
        key=identity.key_pem,
        serial=device.serialno,
        disk=image.install_disk,
        bootstrap=first_config(rendered, context.keys).file if rendered else b"",
    )
    return fat_image(source.config.size, files, CONFIG)


_PATH: Final = "/v1/devices/id/{id}/suimage"
DOWNLOAD: Final = "/v1/ext/installer-images/{token}"

ROUTES: tuple[Route, ...] = (
    Route("GET", _PATH, show, READ_DEVICES),
    Route("POST", _PATH, create, CHANGE_DEVICES),
    Route("GET", _PATH + "/link", link, CHANGE_DEVICES),
    Route("GET", DOWNLOAD, download, Anybody.STRANGER, gives="application/octet-stream"),
)
