"""The shelf of bundles that every tenant sees and nobody changes: they ship with the controller."""

import asyncio

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.catalogue import Applications, applications
from eaves.controller.domain.contract.apps import App
from eaves.controller.northbound import catalog, lists, records
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.paging import Row, page_of, read_list_query
from eaves.controller.northbound.problems import not_found
from eaves.controller.northbound.resources.facts import app_facts
from eaves.controller.northbound.routes import Route, reads
from eaves.controller.northbound.work import Work
from eaves.controller.store.tables import Kind


async def shelf() -> Applications:
    """Read in a thread: the first time takes a moment."""
    return await asyncio.to_thread(applications)


async def _imported(work: Work) -> frozenset[str]:
    """Ids of the entries that this enterprise has a copy of."""
    own = await records.list_all(work.db, work.scope, records.APP)
    return frozenset(
        app.parent_detail.id_of_parent_object for app in own if app.parent_detail is not None
    )


def _shown(app: App, imported: frozenset[str]) -> App:
    return app.model_copy(update={"is_imported": app.id in imported})


async def listing(context: Context, request: Request) -> Response:
    """Also the older `/beta/apps`, which shows the same shelf."""
    query = read_list_query(request.query_params)
    entries = await shelf()
    async with context.reading(request) as work:
        imported = await _imported(work)
        items = tuple(_shown(app, imported) for app in entries.apps)
        facts = await app_facts(work, items)
    rows = tuple(Row(item, facts[item.id]) for item in items)
    page = page_of(rows, query)
    answer = lists.apps(page, rows)
    if query.summary:
        answer["list"] = []
    return JSONResponse({**answer, "totalCount": page.total})


async def one(context: Context, request: Request) -> Response:
    params = request.path_params
    entries = await shelf()
    app = entries.find_app(app_id=params.get("id", ""), name=params.get("name", ""))
    if app is None:
        raise not_found("global app bundle", params.get("id") or params["name"])
    async with context.reading(request) as work:
        imported = await _imported(work)
    return JSONResponse(_shown(app, imported).to_json())


READ = reads(Kind.APP)
PATH = catalog.APPS.path + "/global"
ROUTES: tuple[Route, ...] = (
    Route("GET", "/beta/apps", listing, READ),
    Route("GET", PATH, listing, READ),
    Route("GET", PATH + "/id/{id}", one, READ),
    Route("GET", PATH + "/name/{name}", one, READ),
)
