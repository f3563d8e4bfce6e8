"""Alert rules and their channels."""

import re
from typing import Final, Protocol
from urllib.parse import urlsplit

from cryptography import x509

from eaves.controller.domain.admission.refusal import Refusal, admit_names, invalid, unknown
from eaves.controller.domain.alerts.rules import METERED
from eaves.controller.domain.contract.alerts import (
    AlertChannel,
    AlertChannelType,
    AlertCondition,
    AlertRule,
    MailChannel,
    MailSecurity,
    MailServerConfig,
    WebhookChannel,
)
from eaves.controller.domain.contract.envelope import ZsrvErrorCode
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.contract.statuses import Severity

MAIL_PASSWORD: Final = "mail.server.password"  # noqa: S105 - the name of a member
WEBHOOK_SECRET: Final = "webhook.secret"  # noqa: S105 - as above
MOST_CHANNELS: Final = 20  # of one rule
MOST_RECIPIENTS: Final = 20
SHORTEST_SECRET: Final = 16
MOST_PEM: Final = 32 * 1024
MOST_URL: Final = 2000

# what every server takes; no list, no name, nothing that a header could be ended with
_MAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_HOST: Final = re.compile(r"[A-Za-z0-9_.:-]{1,253}")


def is_mail_address(text: str) -> bool:
    return _MAIL.fullmatch(text) is not None


def admit_rule(
    wanted: AlertRule,
    current: AlertRule | None,
    *,
    project: Tag | None,
    missing: tuple[str, ...],
    foreign: tuple[str, ...],
    narrowed: bool,
) -> tuple[Refusal, ...]:
    """`missing`: channels that are not there; `foreign`: those of another project; `narrowed`: who
    asks may only see some projects.
    """
    refusals = [
        *admit_names("alert rule", wanted, current),
        *_admit_project("alert rule", wanted, current, project, narrowed=narrowed),
    ]
    if wanted.condition is AlertCondition.UNSPECIFIED:
        words = ", ".join(one.value for one in AlertCondition if one is not wanted.condition)
        refusals.append(invalid("condition", f"the rule has no condition; set one of {words}"))
    if wanted.severity is Severity.UNSPECIFIED:
        refusals.append(invalid("severity", f"the rule has no severity; set {Severity.WARNING}"))
    if wanted.condition in METERED:
        refusals += _admit_threshold(wanted)
    elif wanted.threshold or wanted.clear_below:
        refusals.append(
            invalid(
                "threshold", f"{wanted.condition} has no threshold; leave it out, or set a hold"
            )
        )
    if len(wanted.channels) > MOST_CHANNELS:
        refusals.append(
            invalid("channels", f"{len(wanted.channels)} channels, {MOST_CHANNELS} are allowed")
        )
    refusals += [unknown("alert channel", name, "channels") for name in missing]
    refusals += [
        invalid(
            "channels", f"alert channel {name!r} is of another project; name one of this, or none"
        )
        for name in foreign
    ]
    return tuple(refusals)


def _admit_threshold(wanted: AlertRule) -> list[Refusal]:
    if not 0 < wanted.threshold < 100:
        return [
            invalid(
                "threshold",
                f"threshold is {wanted.threshold:g}; give percent above 0 and under 100",
            )
        ]
    if wanted.clear_below > wanted.threshold:
        return [
            invalid(
                "clearBelow",
                f"clearBelow is {wanted.clear_below:g}, above the threshold {wanted.threshold:g}: "
                "an incident would end where it begins; give less",
            )
        ]
    return []


class _OfProject(Protocol):
    @property
    def project_id(self) -> str: ...


def _admit_project(
    noun: str,
    wanted: _OfProject,
    current: _OfProject | None,
    project: Tag | None,
    *,
    narrowed: bool,
) -> list[Refusal]:
    refusals: list[Refusal] = []
    if wanted.project_id and project is None:
        refusals.append(unknown("project", wanted.project_id, "projectId"))
    if narrowed and (not wanted.project_id or (current is not None and not current.project_id)):
        refusals.append(of_all_projects(noun))
    return refusals


def of_all_projects(noun: str) -> Refusal:
    return Refusal(
        ZsrvErrorCode.FORBIDDEN,
        "projectId",
        f"an {noun} of no project is of all of them, and your role is of some; make one with "
        "projectId",
    )


def admit_channel(
    wanted: AlertChannel,
    current: AlertChannel | None,
    *,
    project: Tag | None,
    narrowed: bool,
    stored: frozenset[str],
) -> tuple[Refusal, ...]:
    """`stored`: the secrets that it keeps where none is sent."""
    refusals = [
        *admit_names("alert channel", wanted, current),
        *_admit_project("alert channel", wanted, current, project, narrowed=narrowed),
    ]
    match wanted.type:
        case AlertChannelType.MAIL:
            if wanted.mail is None or wanted.webhook is not None:
                refusals.append(invalid("mail", f"type is {wanted.type}; set mail, and mail only"))
            else:
                refusals += _admit_mail(wanted.mail, stored)
        case AlertChannelType.WEBHOOK:
            if wanted.webhook is None or wanted.mail is not None:
                refusals.append(
                    invalid("webhook", f"type is {wanted.type}; set webhook, and webhook only")
                )
            else:
                refusals += _admit_webhook(wanted.webhook, stored)
        case _:
            words = f"{AlertChannelType.MAIL} or {AlertChannelType.WEBHOOK}"
            refusals.append(invalid("type", f"the channel has no type; set {words}"))
    return tuple(refusals)


def _admit_mail(mail: MailChannel, stored: frozenset[str]) -> list[Refusal]:
    refusals: list[Refusal] = []
    if not 0 < len(mail.to) <= MOST_RECIPIENTS:
        refusals.append(
            invalid("mail.to", f"{len(mail.to)} recipients; give 1 to {MOST_RECIPIENTS}")
        )
    refusals += [
        invalid(f"mail.to[{n}]", f"{address[:300]!r} is no mail address; write name@example.org")
        for n, address in enumerate(mail.to)
        if not is_mail_address(address)
    ]
    if mail.server is not None:
        refusals += _admit_server(mail.server, stored)
    return refusals


def _admit_server(server: MailServerConfig, stored: frozenset[str]) -> list[Refusal]:
    refusals: list[Refusal] = []
    at = "mail.server"
    if not _HOST.fullmatch(server.host):
        refusals.append(invalid(f"{at}.host", f"{server.host[:300]!r} is no host name or address"))
    if not is_mail_address(server.from_address):
        refusals.append(
            invalid(
                f"{at}.fromAddress",
                f"{server.from_address[:300]!r} is no mail address; set the one to send as",
            )
        )
    if server.security is MailSecurity.NONE and server.username:
        refusals.append(
            invalid(
                f"{at}.security",
                "a password would go over the wire in the clear; use "
                f"{MailSecurity.STARTTLS} or {MailSecurity.TLS}",
            )
        )
    if server.username and not server.password and MAIL_PASSWORD not in stored:
        refusals.append(
            invalid(
                f"{at}.password",
                f"no password for user {server.username!r}; set it, also where it is known and the "
                "server is another one",
            )
        )
    if server.password and not server.username:
        refusals.append(invalid(f"{at}.username", "a password without a username; set both"))
    refusals += _admit_pem(server.ca_pem, f"{at}.caPem")
    return refusals


def _admit_webhook(webhook: WebhookChannel, stored: frozenset[str]) -> list[Refusal]:
    refusals: list[Refusal] = []
    if why := _fault_of_url(webhook.url):
        refusals.append(invalid("webhook.url", f"url is {webhook.url[:300]!r}: {why}"))
    if not webhook.secret and WEBHOOK_SECRET not in stored:
        refusals.append(
            invalid("webhook.secret", "no secret; set one that the receiver checks signatures with")
        )
    elif webhook.secret and len(webhook.secret) < SHORTEST_SECRET:
        refusals.append(
            invalid("webhook.secret", f"a secret has at least {SHORTEST_SECRET} characters")
        )
    refusals += _admit_pem(webhook.ca_pem, "webhook.caPem")
    return refusals


def _fault_of_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "it cannot be read; give https://HOST/PATH"
    if parts.scheme != "https" or not host or port == 0:
        return "give https://HOST/PATH"
    if not _HOST.fullmatch(host):
        return "its host is no name or address; write an international one in its ASCII form"
    if parts.username is not None or parts.password is not None:
        return "it holds a user; the receiver knows the controller by the signature"
    if parts.fragment:
        return "it has a fragment, which is never sent"
    if len(url) > MOST_URL or not url.isascii() or not url.isprintable() or " " in url:
        return f"it has more than {MOST_URL} characters, or some that must be percent-encoded"
    return ""


def _admit_pem(pem: str, member: str) -> list[Refusal]:
    if not pem:
        return []
    try:
        if len(pem) <= MOST_PEM:
            x509.load_pem_x509_certificates(pem.encode())
            return []
    except ValueError:
        pass
    return [invalid(member, f"{member} is no PEM of certificates of up to 32 KiB")]
