"""How an administrator has an installer image made for one device, and fetches it."""

from typing import Final

import httpx
from support.driving import Driver, step
from support.generic_image import generic_image

TAG: Final = "0.1.0-amd64"
IMAGE: Final = "/v1/devices/id/{id}/suimage"


async def _ask(driver: Driver) -> tuple[str, httpx.Response]:
    """Path of the image of a new device, and the answer to who asks for it."""
    folder = driver.rest.app.state.context.settings.installer_images
    generic_image(folder / TAG / "installer.raw")
    path = IMAGE.format(id=await driver.fresh("/v1/devices"))
    body = {"imageTag": TAG, "imageType": "Installer", "archVariant": "Generic"}
    return path, await driver.call("POST", path, body)


@step("POST", IMAGE)
async def _ask_for_image(driver: Driver) -> httpx.Response:
    _, answer = await _ask(driver)
    return answer


@step("GET", IMAGE)
async def _read_image(driver: Driver) -> httpx.Response:
    path, _ = await _ask(driver)
    return await driver.call("GET", path)


@step("GET", IMAGE + "/link")
async def _link_to_image(driver: Driver) -> httpx.Response:
    path, _ = await _ask(driver)
    return await driver.call("GET", path + "/link")


@step("GET", "/v1/ext/installer-images/{token}")
async def _fetch_image(driver: Driver) -> httpx.Response:
    url = (await _link_to_image(driver)).json()["link"]
    async with driver.rest.client() as http:
        return await http.get(url)
