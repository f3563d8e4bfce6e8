"""Alert rules and their channels."""

from eaves.controller.domain.admission.alerts import (
    MAIL_PASSWORD,
    WEBHOOK_SECRET,
    admit_channel,
    admit_rule,
    of_all_projects,
)
from eaves.controller.domain.admission.refusal import Refusal
from eaves.controller.domain.contract.alerts import (
    AlertChannel,
    AlertChannels,
    AlertRule,
    AlertRules,
    MailServerConfig,
)
from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.domain.contract.envelope import ZsrvErrorCode
from eaves.controller.northbound import records
from eaves.controller.northbound.paging import Page, Row, summary_of
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.resources.limits import count_of
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store import alerts, sealed
from eaves.controller.store.tables import Kind

MOST_RULES = 200  # of one enterprise: each is looked at every few seconds, at each node
MOST_CHANNELS = 50


async def prepare_rule(
    work: Work, wanted: AlertRule, current: AlertRule | None
) -> Prepared[AlertRule]:
    db, scope = work.db, work.scope
    project = await records.find(db, scope, records.PROJECT, wanted.project_id)
    channels = await records.by_reference(db, scope, records.ALERT_CHANNEL, wanted.channels)
    foreign = [
        name
        for name, channel in channels.items()
        if channel.project_id and channel.project_id != wanted.project_id
    ]
    refusals = admit_rule(
        wanted,
        current,
        project=project,
        missing=tuple(name for name in wanted.channels if name not in channels),
        foreign=tuple(foreign),
        narrowed=scope.projects is not None,
    )
    return Prepared(
        wanted,
        refusals,
        references=frozenset(
            {wanted.project_id, *(channel.id for channel in channels.values())} - {""}
        ),
        project_id=wanted.project_id,
        state=alerts.DISABLED if wanted.disabled else alerts.ENABLED,
    )


async def prepare_channel(
    work: Work, wanted: AlertChannel, current: AlertChannel | None
) -> Prepared[AlertChannel]:
    project = await records.find(work.db, work.scope, records.PROJECT, wanted.project_id)
    kept = await _kept(work, wanted, current)
    refusals = admit_channel(
        wanted, current, project=project, narrowed=work.scope.projects is not None, stored=kept
    )
    public, secrets = without_secrets(wanted)
    return Prepared(
        public,
        refusals,
        references=frozenset({wanted.project_id} - {""}),
        project_id=wanted.project_id,
        state=alerts.DISABLED if wanted.disabled else alerts.ENABLED,
        secrets=secrets,
        secret_fields=kept | frozenset(secrets),
    )


async def _kept(work: Work, wanted: AlertChannel, current: AlertChannel | None) -> frozenset[str]:
    """The stored secrets that still serve what they were given for.

    A password goes to the server that it was given for and to no other, whoever changes that.
    """
    if current is None:
        return frozenset()
    kept: set[str] = set()
    for name in await sealed.find_secrets(work.db, (current.id,)):
        if name.field == WEBHOOK_SECRET and wanted.webhook is not None:
            kept.add(name.field)
        before, now = _server(current), _server(wanted)
        if name.field == MAIL_PASSWORD and now is not None and before == now:
            kept.add(name.field)
    return frozenset(kept)


def _server(channel: AlertChannel) -> tuple[object, ...] | None:
    server = channel.mail.server if channel.mail is not None else None
    if server is None:
        return None
    return server.host, server.port, server.username, server.security, server.ca_pem


def without_secrets(channel: AlertChannel) -> tuple[AlertChannel, dict[str, str]]:
    """The channel as it may be stored and shown, and the secrets that it came with."""
    secrets: dict[str, str] = {}
    changes: dict[str, object] = {}
    if channel.webhook is not None:
        if channel.webhook.secret:
            secrets[WEBHOOK_SECRET] = channel.webhook.secret
        changes["webhook"] = channel.webhook.model_copy(update={"secret": ""})
    if channel.mail is not None and channel.mail.server is not None:
        server: MailServerConfig = channel.mail.server
        if server.password:
            secrets[MAIL_PASSWORD] = server.password
        public = server.model_copy(update={"password": ""})
        changes["mail"] = channel.mail.model_copy(update={"server": public})
    return channel.model_copy(update=changes), secrets


async def keep_of_all_rules(work: Work, wanted: AlertRule, _current: AlertRule | None) -> None:
    """Raises Problem(403)."""
    _keep("alert rule", work, wanted.project_id)


async def keep_of_all_channels(
    work: Work, wanted: AlertChannel, _current: AlertChannel | None
) -> None:
    """Raises Problem(403)."""
    _keep("alert channel", work, wanted.project_id)


def _keep(noun: str, work: Work, project_id: str) -> None:
    if work.scope.projects is not None and not project_id:
        raise Problem.of_refusals((of_all_projects(noun),))


async def refuse_more_rules(work: Work) -> None:
    """Raises Problem(412)."""
    await _refuse_more(work, Kind.ALERT_RULE, MOST_RULES)


async def refuse_more_channels(work: Work) -> None:
    """Raises Problem(412)."""
    await _refuse_more(work, Kind.ALERT_CHANNEL, MOST_CHANNELS)


async def _refuse_more(work: Work, kind: Kind, most: int) -> None:
    if await count_of(work, kind) >= most:
        text = f"{most} {kind.noun}s are there, which is the most; delete one first"
        raise Problem.of_refusals((Refusal(ZsrvErrorCode.PRE_CONDITION_FAILED, "", text),))


def rules(page: Page[AlertRule], rows: tuple[Row[AlertRule], ...]) -> JsonObject:
    return AlertRules(
        list=tuple(row.item for row in page.rows),
        next=page.next,
        summary_by_condition=summary_of((row.item.condition for row in rows), "condition"),
    ).to_json()


def channels(page: Page[AlertChannel], rows: tuple[Row[AlertChannel], ...]) -> JsonObject:
    return AlertChannels(
        list=tuple(row.item for row in page.rows),
        next=page.next,
        summary_by_type=summary_of((row.item.type for row in rows), "type"),
    ).to_json()
