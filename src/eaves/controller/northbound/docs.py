"""The API described where it is served: its OpenAPI document, and a page to read and try it.

The page is Swagger UI as a Python package carries it.  Nothing comes from anywhere else: browsers
are told to load from here alone, so that a controller without a way out has the page as well.
"""

import asyncio
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.staticfiles import StaticFiles

DOCUMENT: Final = "/api/openapi.json"
PAGE: Final = "/api/docs"
FILES: Final = PAGE + "/files"
PROGRAM: Final = PAGE + "/page.js"
HTML: Final = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Eaves API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{FILES}/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="{FILES}/swagger-ui-bundle.js"></script>
<script src="{PROGRAM}"></script>
</body>
</html>
"""
START: Final = f"""SwaggerUIBundle({{
  url: "{DOCUMENT}",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  persistAuthorization: false,
  validatorUrl: null,
}});
"""
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


async def _document(_request: Request) -> Response:
    from eaves.controller.northbound import openapi  # noqa: PLC0415 - only when it is asked for

    told = await asyncio.to_thread(openapi.text)
    return Response(told, media_type="application/json")


async def _page(_request: Request) -> Response:
    return Response(HTML, media_type="text/html", headers=HEADERS)


async def _program(_request: Request) -> Response:
    return Response(START, media_type="text/javascript", headers=HEADERS)


def install(app: FastAPI) -> None:
    """Open to anybody: it tells what the release can do, nothing of what is stored."""
    for path, answer in ((DOCUMENT, _document), (PAGE, _page), (PROGRAM, _program)):
        app.add_route(path, answer, include_in_schema=False)
    app.mount(FILES, StaticFiles(directory=_folder()), name="files of the page")


def _folder() -> Path:
    """Found without importing the package, which would bring much that is not needed."""
    found = find_spec("fastapi_offline")
    assert found is not None  # noqa: S101 - a requirement of the controller
    assert found.origin is not None  # noqa: S101 - as above
    return Path(found.origin).parent / "static"
