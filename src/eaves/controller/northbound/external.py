"""Sign-in at a provider of identities: there, back, and who that is here.

Somebody is sent to the provider with a state, a nonce and a PKCE challenge that are made for this
sign-in and used once.  The provider sends the browser back to `<controller>/oauth/callback`.  From
there the code goes on to whoever began: a command that listens on a loopback port of the same
machine, or a person who copies it.  Only together with the state, which whoever began knows, the
controller exchanges it.
"""

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

import structlog
from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from eaves.controller.domain.admission.auth_profiles import parameters_of
from eaves.controller.domain.audit import AuditEntry
from eaves.controller.domain.authz import Anybody
from eaves.controller.domain.claims import Identity, identity_of
from eaves.controller.domain.contract.auth_profiles import (
    AuthorizationProfile,
    JwtAlgorithm,
    OAuthProfile,
)
from eaves.controller.domain.contract.users import (
    AuthType,
    LoginModeRequest,
    LoginModeResponse,
    LoginModeResponseMode,
    LoginResponse,
    LoginResponseCause,
    LoginWithOauthRequest,
    OAuthCallbackRequest,
)
from eaves.controller.domain.scope import Scope
from eaves.controller.domain.secrets import SecretName
from eaves.controller.northbound import arrivals, signing_in, standing, way_there
from eaves.controller.northbound.conflicts import done_again_in_conflict
from eaves.controller.northbound.context import Context, host_of
from eaves.controller.northbound.crud import read_body
from eaves.controller.northbound.oidc import ProviderAway
from eaves.controller.northbound.oidc_protocol import (
    Client,
    ProviderUnusable,
    authorization_url,
    check_id_token,
)
from eaves.controller.northbound.passwords import Guesser
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.resources.auth_profiles import CLIENT_SECRET
from eaves.controller.northbound.routes import Route
from eaves.controller.northbound.way_there import Way
from eaves.controller.northbound.work import Work
from eaves.controller.store import people, sealed, sign_in
from eaves.controller.store.enterprises import find_enterprise_named, only_profile
from eaves.controller.store.events import (
    Event,
    EventFilter,
    insert_audit,
    insert_event,
    list_events,
)
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import EnterpriseId

log = structlog.get_logger()

CALLBACK: Final = "/oauth/callback"  # below no base path: it is registered at providers
IN_CONSOLE: Final = "/signed-in"  # of the console, which keeps what ends the sign-in
FLOW_WITHIN: Final = timedelta(minutes=10)
PORTS: Final = range(1024, 65536)
CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
FAILS: Final = "AUTHPROFILE_PROVIDER_FAILS"
TOLD_ONCE_IN: Final = timedelta(minutes=10)
MOST_TOLD: Final = 10  # causes, in that time
AWAY: Final = (
    "the provider of identities does not answer as it should; try again in a minute, or ask an "
    "administrator, who finds the cause among the events"
)
NOT_CONFIRMED: Final = (
    "the provider of identities does not confirm this sign-in; begin again, or ask an "
    "administrator, who finds the cause among the events"
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The profile of a sign-in; `enterprise` is where the user is, `owner` who has the profile."""

    profile: AuthorizationProfile
    provider: OAuthProfile
    owner: EnterpriseId
    enterprise: EnterpriseId

    @property
    def revision(self) -> str:
        revision = self.profile.revision
        return "" if revision is None else revision.curr


# --- which way ----------------------------------------------------------------------------------


async def mode(context: Context, request: Request) -> Response:
    """LOCAL: a password is asked for.  Who is not known yet comes in through the only provider."""
    sent = await read_body(request, LoginModeRequest)
    async with snapshot(context.engine) as db:
        user = await people.find_user_for_login(db, sent.username)
        if user is not None:
            external = standing.signs_in_elsewhere(user)
        else:
            chosen = await _chosen(db, LoginWithOauthRequest(username_at_realm=sent.username))
            external = chosen is not None and not chosen.profile.test_only
    told = LoginModeResponseMode.EXTERNAL if external else LoginModeResponseMode.LOCAL
    return JSONResponse(LoginModeResponse(mode=told, username=sent.username).to_json())


async def _chosen(db: Db, sent: LoginWithOauthRequest) -> Chosen | None:
    """By the enterprise that is named, that of the user, or the only one with a provider."""
    enterprise = await _enterprise(db, sent)
    if not enterprise:
        return None
    return await _provider_of(db, enterprise)


async def _provider_of(db: Db, enterprise: EnterpriseId) -> Chosen | None:
    found = await standing.profile_in_force(db, enterprise)
    if found is None or found.profile.type is not AuthType.OAUTH:
        return None
    provider = found.profile.oauth_profile
    return None if provider is None else Chosen(found.profile, provider, found.owner, enterprise)


async def _as_begun(db: Db, way: Way) -> Chosen | None:
    """The provider that the sign-in began with; None once its profile is another one, or changed:
    nobody puts another provider under a sign-in that is on its way.
    """
    chosen = await _provider_of(db, way.enterprise)
    if chosen is None or chosen.profile.id != way.profile_id or chosen.revision != way.revision:
        return None
    return chosen


async def _enterprise(db: Db, sent: LoginWithOauthRequest) -> EnterpriseId | None:
    if sent.enterprise_name:
        return await find_enterprise_named(db, sent.enterprise_name)
    whole = sent.username_at_realm
    name, _, realm = whole.rpartition("@")
    for one in dict.fromkeys((whole, name)):
        user = await people.find_user_for_login(db, one) if one else None
        if user is not None:
            return EnterpriseId(user.enterprise_id)
    named = await find_enterprise_named(db, realm) if realm else None
    return named or await only_profile(db)


# --- there --------------------------------------------------------------------------------------


async def redirect_uri_of(db: Db, request: Request, owner: EnterpriseId) -> str:
    """By the address that the enterprise has of this controller, else by the one that was called.

    The provider refuses an address that is not registered with it.
    """
    enterprise = await standing.enterprise_of(db, owner)
    base = enterprise.controller_host_url if enterprise is not None else ""
    if base:
        return (base if "://" in base else f"https://{base}").rstrip("/") + CALLBACK
    return f"https://{request.headers.get('host', 'localhost')}{CALLBACK}"


async def client_secret(context: Context, db: Db, profile_id: str) -> str:
    name = SecretName(profile_id, CLIENT_SECRET)
    found = (await sealed.find_secrets(db, (profile_id,))).get(name)
    return "" if found is None else context.keys.open(name.purpose, found).decode()


async def begin(context: Context, request: Request) -> Response:
    sent = await read_body(request, LoginWithOauthRequest)
    if sent.loopback_port and sent.loopback_port not in PORTS:
        raise Problem(400, "loopbackPort is a port from 1024 to 65535", location="loopbackPort")
    if sent.challenge and not CHALLENGE.fullmatch(sent.challenge):
        raise Problem(
            400, "challenge is no SHA-256 in base64url without padding", location="challenge"
        )
    if sent.console and not sent.challenge:
        raise Problem(400, "a sign-in of the console needs a challenge", location="challenge")
    now = context.clock()
    async with snapshot(context.engine) as db:
        chosen = await _chosen(db, sent)
        if chosen is None:
            return signing_in.refused(
                context,
                LoginResponseCause.SCHEME_UNKNOWN,
                "no provider of identities is active for this user; name the enterprise, or log in "
                "with a password",
            )
        redirect_uri = await redirect_uri_of(db, request, chosen.owner)
    try:
        metadata = await context.providers.metadata(chosen.provider.oidc_end_point, now)
    except (ProviderAway, ProviderUnusable) as error:
        await _tell_administrators(context, chosen, error)
        raise Problem(504, AWAY) from error
    way = way_there.new_way(
        context.random,
        profile_id=chosen.profile.id,
        revision=chosen.revision,
        issuer=metadata.issuer,
        issuer_named=metadata.names_itself,
        owner=chosen.owner,
        enterprise=chosen.enterprise,
        redirect_uri=redirect_uri,
        challenge=sent.challenge,
        loopback_port=sent.loopback_port,
        in_console=sent.console,
        expires_at=now + FLOW_WITHIN,
    )
    state = way_there.sealed_way(context.keys, way)
    url = authorization_url(
        metadata,
        Client(chosen.provider.client_id, "", redirect_uri),
        state=state,
        nonce=way.nonce,
        verifier=way.verifier,
        extra=parameters_of(chosen.provider) or {},
    )
    reply = LoginResponse(cause=LoginResponseCause.REDIRECT, redirect_url=url)
    return JSONResponse({**reply.to_json(), "state": state})


async def _tell_administrators(context: Context, chosen: Chosen, error: Exception) -> None:
    """Strangers only hear that it failed; the same cause is told once, and few in a while."""
    profile, now = chosen.profile, context.clock()
    text = f"authorization profile {profile.name}: {error}"
    lately = EventFilter(object_id=profile.id, event_type=FAILS, start=now - TOLD_ONCE_IN)
    async with snapshot(context.engine) as db:
        told = await list_events(db, Scope(chosen.owner), lately, limit=MOST_TOLD)
    if len(told) >= MOST_TOLD or any(one.description == text for one in told):
        return
    log.warning("identity_provider_fails", profile_id=profile.id, why=str(error))
    async with unit_of_work(context.engine) as db:
        await insert_event(
            db,
            Event(
                at=now,
                enterprise_id=chosen.owner,
                event_type=FAILS,
                description=text,
                severity="SEVERITY_WARNING",
                object_kind=Kind.AUTH_PROFILE.value,
                object_id=profile.id,
                object_name=profile.name,
            ),
        )


# --- back ---------------------------------------------------------------------------------------


async def landing(context: Context, request: Request) -> Response:
    """Where the provider sends the browser: on to the command that waits, or a text to copy."""
    told = {name: request.query_params.get(name, "") for name in ("code", "state", "error")}
    issuer = request.query_params.get("iss", "")
    way = way_there.open_way(context.keys, told["state"], context.clock())
    used = False
    if way is not None:
        async with snapshot(context.engine) as db:
            used = await sign_in.is_used_state(db, way.state_hash)
    if way is None or used:
        return _page(
            "This sign-in is unknown, was used already, or took too long. Begin again.", 400
        )
    if not way.is_of(issuer):
        return _page(
            "This answer comes from another provider of identities than the one that was asked. "
            "Begin again, and ask an administrator where this goes on.",
            400,
        )
    query = urlencode({name: value for name, value in told.items() if value})
    if way.loopback_port:
        return RedirectResponse(f"http://127.0.0.1:{way.loopback_port}/?{query}", 302)
    if way.in_console:
        return RedirectResponse(f"{IN_CONSOLE}?{query}", 302)
    if told["error"] or not told["code"]:
        return _page(f"The provider refused: {told['error'] or 'it sent no code'}.", 400)
    return _page(
        "If you began this sign-in at a terminal of your own, type this code there, and give it "
        f"to nobody else: {told['code']}",
        200,
    )


def _page(text: str, status: int) -> Response:
    headers = {
        "Content-Security-Policy": "default-src 'none'",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    body = f"<!doctype html><meta charset=utf-8><title>Eaves</title><p>{html.escape(text)}</p>"
    return HTMLResponse(body, status, headers)


async def finish(context: Context, request: Request) -> Response:
    """Exchange the code: the state is used up first, whatever comes of it."""
    sent = await read_body(request, OAuthCallbackRequest)
    if not (sent.code and sent.state):
        raise Problem(400, "a sign-in ends with the code and the state of the provider's answer")
    now = context.clock()
    way = way_there.open_way(context.keys, sent.state, now)
    if way is None or not way.is_ended_by(sent.verifier):
        return _unknown(context)
    address = Guesser.of("", host_of(request)).address
    if not context.providers.tries.take(address, now):
        return signing_in.too_many(context)
    async with unit_of_work(context.engine) as db:
        fresh = await sign_in.use_state(db, way.state_hash, way.expires_at, now)
    if not fresh:
        return _unknown(context)
    async with snapshot(context.engine) as db:
        chosen = await _as_begun(db, way)
        secret = await client_secret(context, db, way.profile_id)
    if chosen is None:
        return _changed(context)
    client = Client(chosen.provider.client_id, secret, way.redirect_uri)
    try:
        claims = await _claims(context, chosen.provider, client, sent.code, way)
    except (ProviderAway, ProviderUnusable) as error:
        await _tell_administrators(context, chosen, error)
        if isinstance(error, ProviderAway):
            raise Problem(504, AWAY) from error
        return signing_in.refused(context, LoginResponseCause.EXCEPTION, NOT_CONFIRMED)
    context.providers.tries.give_back(address)
    identity = identity_of(claims, chosen.provider.role_scope)
    # not the whole again: the code is spent
    return await done_again_in_conflict(lambda: _arrive(context, request, way, identity))


def _unknown(context: Context) -> Response:
    return signing_in.refused(
        context,
        LoginResponseCause.EXCEPTION,
        "this sign-in is unknown, was begun elsewhere, was used already, or took too long; begin "
        "again",
    )


def _changed(context: Context) -> Response:
    return signing_in.refused(
        context,
        LoginResponseCause.SCHEME_UNKNOWN,
        "the provider is not active any more, or was changed since this sign-in began; begin again",
    )


async def _claims(
    context: Context, provider: OAuthProfile, client: Client, code: str, way: Way
) -> Mapping[str, object]:
    now = context.clock()
    metadata = await context.providers.metadata(provider.oidc_end_point, now)
    told = await context.providers.exchange(metadata, client, code=code, verifier=way.verifier)
    profile = provider.jwt_auth_profile
    algorithm = profile.alg if profile is not None else JwtAlgorithm.NONE
    for fresh in (False, True):
        keys = await context.providers.keys(metadata, now, fresh=fresh)
        try:
            return check_id_token(
                str(told.get("id_token") or ""),
                keys,
                metadata=metadata,
                client=client,
                nonce=way.nonce,
                access_token=str(told.get("access_token") or ""),
                algorithm="" if algorithm is JwtAlgorithm.NONE else algorithm.value,
                now_s=int(now.timestamp()),
            )
        except ProviderUnusable:
            if fresh:  # the keys may have been changed since they were read
                raise
    raise ProviderUnusable(f"{metadata.issuer}: its ID token is not accepted")


async def _arrive(context: Context, request: Request, way: Way, identity: Identity) -> Response:
    async with unit_of_work(context.engine) as db:
        chosen = await _as_begun(db, way)  # again: the provider took a while
        if chosen is None:
            return _changed(context)
        work = context.work_as(db, request, chosen.enterprise, "", chosen.profile.name)
        user = await arrivals.user_of(work, chosen.profile, identity)
        if isinstance(user, arrivals.NotLetIn):
            await insert_audit(work.db, _not_let_in(work, chosen, identity, user.cause))
            return signing_in.refused(context, user.cause, user.details)
        barred = await standing.why_barred(work.db, user)
        if barred is not None:
            return await signing_in.bar(context, work.db, request, user, barred)
        proven = signing_in.Proven(
            user, how={"by": chosen.profile.name, "subject": identity.subject}, local=False
        )
        return await signing_in.complete(context, work.db, request, proven, signing_in.Verbose())


def _not_let_in(
    work: Work, chosen: Chosen, identity: Identity, cause: LoginResponseCause
) -> AuditEntry:
    return AuditEntry(
        at=work.now,
        enterprise_id=chosen.enterprise,
        verb="login",
        result="login failed",
        user_name=next(iter(identity.names), ""),
        client=work.principal.client,
        request_id=work.request_id,
        object_kind=Kind.AUTH_PROFILE.value,
        object_id=chosen.profile.id,
        object_name=chosen.profile.name,
        changes=json.dumps({"subject": identity.subject, "cause": cause.value}),
    )


ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/login/mode", mode, Anybody.STRANGER),
    Route("POST", "/v1/login/external", begin, Anybody.STRANGER),
    Route("POST", "/v1/login/oauth/callback", finish, Anybody.STRANGER),
)
