"""The user-facing application: the REST contract, its additions, how a request passes through."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eaves.controller.domain.authz import Anybody, Rule, Verb
from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.envelope import ZcOpsType
from eaves.controller.domain.trusted import Network
from eaves.controller.keys import KeyStore
from eaves.controller.live import Live
from eaves.controller.northbound import (
    actions,
    additions,
    alerts,
    app_queries,
    app_snapshots,
    artifacts,
    attention,
    attestation,
    audit,
    auth,
    catalog,
    credentials,
    crud,
    deployments,
    device_actions,
    device_bulk,
    docs,
    enterprises,
    entitlements,
    events,
    explain,
    external,
    flows,
    global_apps,
    global_hardware,
    images,
    in_use,
    incidents,
    installer_images,
    instances_v2,
    kept,
    logs,
    measurements,
    model_drafts,
    own,
    patching,
    pcr_templates,
    plan,
    policy_documents,
    problems,
    profiles,
    project_status,
    provider_tests,
    render_jobs,
    replacing,
    second_factor,
    series,
    signed_images,
    signup,
    spread,
    status,
    support,
    tokens,
    twins,
)
from eaves.controller.northbound import telling as telling_secrets
from eaves.controller.northbound.bulk import endpoints as bulk
from eaves.controller.northbound.conflicts import done_again_in_conflict
from eaves.controller.northbound.console import Console, Files, built_folder
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.crud import Resource
from eaves.controller.northbound.forwarded import HEADER as FORWARDED
from eaves.controller.northbound.forwarded import client_behind
from eaves.controller.northbound.oidc import Providers
from eaves.controller.northbound.operations import BASE_PATH, Operations, read_operations
from eaves.controller.northbound.pages import Metered, Pages
from eaves.controller.northbound.passwords import Passwords
from eaves.controller.northbound.problems import Envelopes, Problem
from eaves.controller.northbound.rates import CallerRates
from eaves.controller.northbound.rollouts import endpoints as rollouts
from eaves.controller.northbound.routes import AREAS, Route
from eaves.controller.northbound.stream import endpoint as stream
from eaves.controller.northbound.stream.places import Places
from eaves.controller.northbound.stream.tail import Tail
from eaves.controller.northbound.strict import strict
from eaves.controller.northbound.work import Clock, Random
from eaves.controller.observe import probes
from eaves.controller.observe.health import Check, Checks
from eaves.controller.observe.surface import Surface
from eaves.controller.settings import Settings
from eaves.controller.store.unit import open_engine
from eaves.controller.telemetry.series_reading import open_series_reader

T = TypeVar("T", bound=Contract)

log = structlog.get_logger()

MAX_BODY: Final = 4 * 1024 * 1024
MAX_LOGIN_BODY: Final = 64 * 1024  # from anybody
BODY_WITHIN_S: Final = 30.0
LOGINS: Final = (BASE_PATH + "/v1/login", BASE_PATH + "/v1/eaves/login")
LANDING: Final = Route("GET", external.CALLBACK, external.landing, Anybody.STRANGER)
UPLOADS: Final = re.compile(
    BASE_PATH
    + r"/v1/(apps/images/name/[^/]+/upload/(chunked|file)|artifacts/id/[^/]+/upload/chunked)"
)
MAX_REQUEST_ID: Final = 128

COMMON: Final = (
    ("GET", ""),
    ("POST", ""),
    ("GET", "/id/{id}"),
    ("GET", "/name/{name}"),
    ("PUT", "/id/{id}"),
    ("DELETE", "/id/{id}"),
)
VERBS: Final = {
    "GET": Verb.READ,
    "POST": Verb.CREATE,
    "PUT": Verb.UPDATE,
    "DELETE": Verb.DELETE,
}
ROUTES: Final = (
    *auth.ROUTES,
    *external.ROUTES,
    *provider_tests.ROUTES,
    *second_factor.ROUTES,
    *tokens.ROUTES,
    *own.ROUTES,
    *credentials.ROUTES,
    *actions.ROUTES,
    *device_actions.ROUTES,
    *device_bulk.ROUTES,
    *global_hardware.ROUTES,
    *in_use.ROUTES,
    *model_drafts.ROUTES,
    *replacing.ROUTES,
    *attestation.ROUTES,
    *attention.ROUTES,
    *spread.ROUTES,
    *signed_images.ROUTES,
    *measurements.ROUTES,
    *pcr_templates.ROUTES,
    *policy_documents.ROUTES,
    *support.ROUTES,
    *twins.ROUTES,
    *status.ROUTES,
    *project_status.ROUTES,
    *events.ROUTES,
    *stream.ROUTES,
    *logs.ROUTES,
    *flows.ROUTES,
    *kept.ROUTES,
    *series.ROUTES,
    *additions.ROUTES,
    *installer_images.ROUTES,
    *app_queries.ROUTES,
    *app_snapshots.ROUTES,
    *artifacts.ROUTES,
    *global_apps.ROUTES,
    *images.ROUTES,
    *patching.ROUTES,
    *instances_v2.ROUTES,
    *deployments.ROUTES,
    *profiles.ROUTES,
    *explain.ROUTES,
    *plan.ROUTES,
    *render_jobs.ROUTES,
    *audit.ROUTES,
    *bulk.ROUTES,
    *enterprises.ROUTES,
    *entitlements.ROUTES,
    *signup.ROUTES,
    *rollouts.ROUTES,
    *alerts.ROUTES,
    *incidents.ROUTES,
)


def build_app(
    *,
    settings: Settings,
    database_url: str,
    keys: KeyStore,
    live: Live,
    clock: Clock,
    random: Random,
    surface: Surface | None = None,
) -> FastAPI:
    """Make the ASGI application; its engine belongs to the loop that serves it.

    `surface`: the pages for those who run the controller, and the meters of the answers.
    """
    engine = open_engine(database_url, keys.audit_key)
    context = Context(
        settings=settings,
        engine=engine,
        keys=keys,
        live=live,
        clock=clock,
        random=random,
        envelopes=Envelopes(clock),
        passwords=Passwords(),
        health=(surface.ready if surface is not None else _database_alone(database_url)).ask,
        providers=Providers(),
        rates=CallerRates(settings.bounds),
        series=open_series_reader(settings, engine),
        places=Places(settings.bounds.streams, settings.bounds.streams_per_user),
        tail=Tail(engine),
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        yield
        await context.series.close()
        await context.engine.dispose()

    operations = read_operations()
    app = FastAPI(
        title="Eaves",
        version="1",
        lifespan=lifespan,
        openapi_url=None,  # the contract describes bodies that these routes do not know
        redirect_slashes=False,
    )
    app.state.context = context
    for resource in catalog.ALL:
        serve_resource(app, context, resource, operations)
    for route in ROUTES:
        serve(app, context, operations, route)
    serve(app, context, operations, LANDING, base="")
    docs.install(app)
    problems.install(app, context.envelopes, operations)
    upload_bytes = settings.content.file_bytes + MAX_BODY  # and what a form adds
    app.add_middleware(
        Passage, random=random, upload_bytes=upload_bytes, proxies=settings.trusted_proxies
    )
    app.add_middleware(Console, files=Files(built_folder()))
    if surface is not None:
        app.add_middleware(Metered, requests=surface.meters.users)
        app.add_middleware(Pages, surface=surface)
    return app


def _database_alone(url: str) -> Checks:
    """What an application without the pages for its operators can tell of its health."""
    return Checks("ready", (Check("database", probes.database(url)),))


def serve(
    app: FastAPI, context: Context, operations: Operations, route: Route, base: str = BASE_PATH
) -> None:
    method, path = route.method, route.path

    async def answer(request: Request) -> Response:
        if route.needs is not Anybody.STRANGER:
            # before anything of the body is read: strangers send what they like
            await context.admit(request, route.needs)
        return await done_again_in_conflict(lambda: route.endpoint(context, request))

    known = operations.find(method, path)
    app.add_api_route(
        base + path,
        answer,
        methods=[method],
        name=known.name if known is not None else f"{method} {path}",
        operation_id=f"{method.lower()}{path.replace('/', '_')}",
        tags=[known.service if known is not None else "eaves"],
        response_class=JSONResponse,
        response_model=None,
    )


def serve_resource(
    app: FastAPI, context: Context, resource: Resource[T], operations: Operations
) -> None:
    """The six operations that every resource has."""
    path, envelopes = resource.path, context.envelopes

    async def create(context: Context, request: Request) -> Response:
        sent = await crud.read_body(request, resource.of.contract)
        async with context.writing(request) as work:
            target = await crud.create(work, resource, sent)
        return envelopes.success(target, operation=ZcOpsType.CREATE, user=work.principal.user_name)

    async def replace(context: Context, request: Request) -> Response:
        sent = await crud.read_body(request, resource.of.contract)
        async with context.writing(request) as work:
            target = await crud.replace(work, resource, request.path_params["id"], sent)
        return envelopes.success(
            target,
            operation=ZcOpsType.UPDATE,
            user=work.principal.user_name,
            job=work.render_job,
        )

    async def delete(context: Context, request: Request) -> Response:
        async with context.writing(request) as work:
            target = await crud.delete(work, resource, request.path_params["id"])
        return envelopes.success(target, operation=ZcOpsType.DELETE, user=work.principal.user_name)

    async def read(context: Context, request: Request) -> Response:
        params = request.path_params
        telling = telling_secrets.may_tell(request.state.principal, resource)
        async with context.writing(request) if telling else context.reading(request) as work:
            item = await crud.find(
                work, resource, object_id=params.get("id", ""), name=params.get("name", "")
            )
            shown = await resource.present(work, item)
            if telling:
                shown = await telling_secrets.with_secrets(work, resource, shown)
        return JSONResponse(shown.to_json())

    async def listing(context: Context, request: Request) -> Response:
        query = crud.list_query(request)
        async with context.reading(request) as work:
            return await crud.listing(work, resource, query)

    area = AREAS[resource.of.kind]
    endpoints = (listing, create, read, read, replace, delete)
    for (method, suffix), endpoint in zip(COMMON, endpoints, strict=True):
        needs = Rule(area, VERBS[method])
        serve(app, context, operations, Route(method, path + suffix, endpoint, needs))


class Passage:
    """Gives every request an id, which its answer and log lines carry, and its body bounds; and the
    address of who is behind a trusted proxy.

    A body must be there within a time; of an upload, each part of it within that time.
    """

    def __init__(
        self,
        app: ASGIApp,
        random: Random,
        body_within_s: float = BODY_WITHIN_S,
        upload_bytes: int = MAX_BODY,
        proxies: Sequence[Network] = (),
    ) -> None:
        self._app, self._random, self._body_within_s = app, random, body_within_s
        self._upload_bytes, self._proxies = upload_bytes, proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if self._proxies and scope.get("client"):
            told = b",".join(value for name, value in scope["headers"] if name == FORWARDED)
            host, port = scope["client"]
            host = client_behind(host, told.decode("latin-1"), self._proxies)
            scope["client"] = (host, port)
        given = headers.get(b"x-request-id", b"")[:MAX_REQUEST_ID]
        request_id = given if given.isascii() and given else self._random(8).hex().encode()
        scope.setdefault("state", {})["request_id"] = request_id.decode()
        if UPLOADS.fullmatch(scope["path"]):
            bounded = self._bounded(receive, self._upload_bytes, each=True)
        else:
            login = scope["path"].startswith(LOGINS)
            bounded = self._bounded(receive, MAX_LOGIN_BODY if login else MAX_BODY)

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = strict([*message["headers"], (b"x-request-id", request_id)])
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id.decode()):
            await self._app(scope, bounded, with_id)

    def _bounded(self, receive: Receive, limit: int, *, each: bool = False) -> Receive:
        loop = asyncio.get_running_loop()
        left, whole, end = limit, False, loop.time() + self._body_within_s

        async def bounded() -> Message:
            nonlocal left, whole, end
            if whole:  # what follows is waited for as long as the answer takes
                return await receive()
            try:
                async with asyncio.timeout_at(end):
                    message = await receive()
            except TimeoutError:
                raise Problem(408, "the body did not arrive in time; send it again") from None
            if each:
                end = loop.time() + self._body_within_s
            left -= len(message.get("body", b""))
            if left < 0:
                raise Problem(413, f"the body is larger than {limit} bytes; send less")
            whole = not message.get("more_body", False)
            return message

        return bounded
