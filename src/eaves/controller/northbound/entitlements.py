"""What an enterprise may have, and reports of what it has: of the own one and of those below."""

from collections import Counter
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.admission.enterprises import admit_entitlement
from eaves.controller.domain.authz import Area, Rule, Verb
from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.entitlements import (
    AllowedEnterprise,
    AllowedEnterpriseList,
    AppInstReport,
    AppInstSummaryReport,
    DeviceDistribution,
    DeviceEntitlement,
    DeviceReport,
    DeviceSize,
    DeviceSummaryReport,
    Entitlement,
    LastLoggedinUserInfo,
    PluginEntitlement,
    PluginReport,
    PluginSummaryReport,
    ProjectReport,
    ProjectSummaryReport,
    UserEntitlement,
    UserReport,
    UserSummaryReport,
)
from eaves.controller.domain.contract.envelope import ObjectType, ZcOpsType
from eaves.controller.domain.contract.users import Enterprise, UserState
from eaves.controller.northbound import crud, journal, records
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.enterprises import looking_at, refuse_some_projects, within
from eaves.controller.northbound.fleet_states import device_counts
from eaves.controller.northbound.paging import Row, page_of, summary_from
from eaves.controller.northbound.problems import Problem, Target
from eaves.controller.northbound.resources.limits import count_of, count_of_users
from eaves.controller.northbound.resources.people import with_visits
from eaves.controller.northbound.routes import READ_ENTERPRISE, Endpoint, Route
from eaves.controller.northbound.status import limits_in
from eaves.controller.northbound.work import Work
from eaves.controller.store import tree
from eaves.controller.store.tables import Kind

CHANGE: Final = Rule(Area.ENTERPRISE, Verb.UPDATE)
TENANT: Final = "tenantId"


async def _own(work: Work) -> Enterprise:
    found = await records.find(work.db, work.scope, records.ENTERPRISE, work.scope.enterprise)
    return found or Enterprise(id=str(work.scope.enterprise))


async def _stored(work: Work, enterprise_id: str) -> Entitlement:
    body = await tree.find_entitlement(work.db, enterprise_id)
    return Entitlement.from_json_text(body) if body else Entitlement()


async def entitlement_of(work: Work) -> Entitlement:
    """The limits with what is used of them.  Every device is of the default size."""
    stored, own = await _stored(work, work.scope.enterprise), await _own(work)
    devices = stored.devices or (DeviceEntitlement(),)
    used = await count_of(work, Kind.DEVICE)
    users = stored.user_count or UserEntitlement()
    plugins = stored.plugins or PluginEntitlement()
    return stored.model_copy(
        update={
            "entp_id": own.id,
            "entp_name": own.name,
            "devices": tuple(
                one.model_copy(update={"usage": used if one.size is DeviceSize.DEFAULT_SIZE else 0})
                for one in devices
            ),
            "user_count": users.model_copy(update={"usage": await count_of_users(work)}),
            "plugins": plugins.model_copy(update={"plugin_total_usage": 0}),  # none are served
        }
    )


async def read(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        inside = await looking_at(work, request.query_params.get(TENANT, ""))
        found = await entitlement_of(inside)
    return JSONResponse(found.to_json())


async def change(context: Context, request: Request) -> Response:
    """Of an enterprise below, or of one that nobody stands above."""
    sent = await crud.read_body(request, Entitlement)
    async with context.writing(request) as work:
        refuse_some_projects(work)
        inside = await looking_at(work, sent.entp_id)
        enterprise_id = str(inside.scope.enterprise)
        above = await tree.above(work.db, enterprise_id)
        if enterprise_id == str(work.scope.enterprise) and above:
            raise Problem(
                403,
                "what your own enterprise may have is said by the one above it",
                location="entpId",
            )
        theirs = await _stored(within(work, above[0]), above[0]) if above else None
        refusals = admit_entitlement(sent, theirs)
        if refusals:
            raise Problem.of_refusals(refusals)
        before, own = await _stored(inside, enterprise_id), await _own(inside)
        kept = sent.model_copy(update={"entp_id": enterprise_id, "entp_name": own.name})
        await tree.put_entitlement(work.db, enterprise_id, kept.to_json_text(), work.now)
        for each in (work,) if inside is work else (inside, work):
            await journal.note(
                each,
                journal.Entry(
                    kind=Kind.ENTERPRISE,
                    noun="entitlement of enterprise",
                    object_id=enterprise_id,
                    object_name=own.name,
                    what="entitled",
                    before=before,
                    after=kept,
                ),
            )
    target = Target("entitlements", ObjectType.ENTITLEMENTS, enterprise_id, own.name)
    return context.envelopes.success(
        target, operation=ZcOpsType.UPDATE, user=work.principal.user_name
    )


async def _visible(work: Work) -> tuple[Enterprise, ...]:
    found = [await _own(work)]
    if work.scope.projects is None:
        below = await tree.list_below(work.db, work.scope.enterprise)
        found += [records.ENTERPRISE.read(stored) for stored in below]
    return tuple(found)


async def _allowed(context: Context, request: Request, *, entitled: bool) -> Response:
    query = crud.list_query(request)
    async with context.reading(request) as work:
        rows = tuple(Row(item, {"project": "", "roleName": ""}) for item in await _visible(work))
        page = page_of(rows, query)
        shown = () if query.summary else tuple(row.item for row in page.rows)
        told = [await entitlement_of(await looking_at(work, item.id)) for item in shown if entitled]
    answer = AllowedEnterpriseList(
        enterprises=tuple(AllowedEnterprise(id=item.id, name=item.name) for item in shown),
        enterprise_entitlements=tuple(told),
        next=page.next,
        total=page.total,
    )
    return JSONResponse(answer.to_json())


async def allowed_for_reports(context: Context, request: Request) -> Response:
    """The enterprises that reports can be asked of."""
    return await _allowed(context, request, entitled=False)


async def allowed_for_entitlements(context: Context, request: Request) -> Response:
    return await _allowed(context, request, entitled=True)


async def _devices(context: Context, work: Work) -> Contract:
    counts: Counter[str] = Counter()
    by_project = await device_counts(work.db, work.scope, work.now, limits_in(context))
    for states in by_project.values():
        counts.update(states)
    return DeviceReport(
        entp_id=str(work.scope.enterprise),
        device_summary_report=DeviceSummaryReport(
            total_devices=sum(counts.values()), summary_by_state=summary_from(counts, "state")
        ),
    )


async def _instances(_context: Context, work: Work) -> Contract:
    total = await count_of(work, Kind.APP_INSTANCE)
    return AppInstReport(
        entp_id=str(work.scope.enterprise),
        app_inst_summary_report=AppInstSummaryReport(total_app_insts=total),
    )


async def _plugins(_context: Context, work: Work) -> Contract:
    """No release has served plugins so far, so nobody has one."""
    return PluginReport(
        entp_id=str(work.scope.enterprise),
        plugin_summary_report=PluginSummaryReport(total_plugins=0),
    )


async def _projects(context: Context, work: Work) -> Contract:
    names = await records.names_of(work.db, work.scope, Kind.PROJECT)
    counts = await device_counts(work.db, work.scope, work.now, limits_in(context))
    told = tuple(
        DeviceDistribution(project_name=name, device_count=sum(counts.get(project_id, {}).values()))
        for project_id, name in sorted(names.items(), key=lambda one: one[1])
    )
    return ProjectReport(
        entp_id=str(work.scope.enterprise),
        project_summary_report=ProjectSummaryReport(total=len(names), device_distribution=told),
    )


async def _users(_context: Context, work: Work) -> Contract:
    users = await with_visits(work, await records.list_all(work.db, work.scope, records.USER))
    last = max(users, key=lambda user: user.last_login_time, default=None)
    return UserReport(
        entp_id=str(work.scope.enterprise),
        user_summary_report=UserSummaryReport(
            users=len(users),
            active_users_count=sum(user.state is UserState.ACTIVE for user in users),
            last_loggedin_user_info=None
            if last is None or not last.last_login_time
            else LastLoggedinUserInfo(name=last.username, last_login_time=last.last_login_time),
        ),
    )


REPORTS: Final = {
    "apps/instance": _instances,
    "device": _devices,
    "plugin": _plugins,
    "project": _projects,
    "user": _users,
}


def report(name: str) -> Endpoint:
    async def endpoint(context: Context, request: Request) -> Response:
        async with context.reading(request) as work:
            inside = await looking_at(work, request.query_params.get(TENANT, ""))
            made = await REPORTS[name](context, inside)
        return JSONResponse(made.to_json())

    return endpoint


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/entitlements", read, READ_ENTERPRISE),
    Route("PUT", "/v1/entitlements", change, CHANGE),
    Route("GET", "/v1/entitlements/allowedenterprises", allowed_for_entitlements, READ_ENTERPRISE),
    Route("GET", "/v1/reports/allowedenterprises", allowed_for_reports, READ_ENTERPRISE),
    *(Route("GET", f"/v1/reports/{name}", report(name), READ_ENTERPRISE) for name in REPORTS),
)
