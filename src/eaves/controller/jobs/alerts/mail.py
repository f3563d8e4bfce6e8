"""One mail through one server.  The protocol is spoken in a thread, by the standard library; it is
cut off when its time is over.
"""

import asyncio
import email.policy
import smtplib
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from eaves.controller.domain.alerts.addresses import Network
from eaves.controller.domain.alerts.delivery import Away, Delivered, Later, Never, Outcome
from eaves.controller.notify_settings import STARTTLS, TLS, MailServer
from eaves.controller.outgoing import ForbiddenAddress, NoAddress, resolve

WITHIN_S: Final = 20.0  # all of it
SILENT_S: Final = 10.0  # of the server, at one step
_READY: Final = 220
_PERMANENT: Final = range(550, 560)  # of recipients and of what is said to them


@dataclass(frozen=True, slots=True)
class Mail:
    """`id` is the same each time that it is sent; `thread`: what belongs together shows so."""

    id: str
    thread: str
    to: tuple[str, ...]
    subject: str
    text: str = field(repr=False)
    at: datetime


async def send(
    server: MailServer, mail: Mail, threads: Executor, allowed: Sequence[Network] | None
) -> Outcome:
    """`allowed`: as `outgoing.resolve` has it."""
    where = f"{server.host}:{server.port}"
    try:
        address = await asyncio.wait_for(
            resolve(server.host, server.port, threads, allowed=allowed), SILENT_S
        )
    except TimeoutError:
        return Away(f"the name {server.host} was not resolved within {SILENT_S:g} s")
    except NoAddress as error:
        return Away(str(error))
    except ForbiddenAddress as error:
        return Never(str(error))
    try:
        session = _Session(server, address)
    except ssl.SSLError as error:
        return Later(f"{where}: the certificates of its authority cannot be used: {error}")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(WITHIN_S):
            return await loop.run_in_executor(threads, session.send, mail)
    except TimeoutError:
        return Away(f"{where} took longer than {WITHIN_S:g} s")
    finally:
        session.cut_off()


class _Smtp(smtplib.SMTP):
    """Connects to an address that is known already; the certificate is that of the name."""

    def __init__(self, server: MailServer, address: str, context: ssl.SSLContext) -> None:
        own_name = server.sender.rpartition("@")[2]  # else it asks the network for its own
        super().__init__(local_hostname=own_name, timeout=SILENT_S)
        self._server, self._address, self._context = server, address, context
        self._host = server.host  # what STARTTLS checks the certificate by
        self._breaker: socket.socket | None = None
        self._over = False

    def _get_socket(self, _host: str, port: int, timeout: float) -> socket.socket:
        raw = socket.create_connection((self._address, port), timeout)
        try:
            self._breaker = raw.dup()  # TLS takes the other one over, also while it begins
            if self._over:
                self.cut_off()
            if self._server.security != TLS:
                return raw
            return self._context.wrap_socket(raw, server_hostname=self._server.host)
        except BaseException:
            raw.close()
            raise

    def cut_off(self) -> None:
        """From another thread: whatever this one waits for fails at once."""
        self._over = True
        if self._breaker is not None:
            with suppress(OSError):
                self._breaker.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        self.close()
        if self._breaker is not None:
            self._breaker.close()


class _Session:
    def __init__(self, server: MailServer, address: str) -> None:
        self._server = server
        self._context = ssl.create_default_context(cadata=server.ca_pem or None)
        self._smtp = _Smtp(server, address, self._context)

    def cut_off(self) -> None:
        """Does nothing to one that ended."""
        self._smtp.cut_off()

    def send(self, mail: Mail) -> Outcome:
        """Blocks, at each step for at most SILENT_S."""
        server = self._server
        where = f"{server.host}:{server.port}"
        try:
            return self._send(mail)
        except smtplib.SMTPRecipientsRefused as error:
            return _refused(where, error)
        except smtplib.SMTPAuthenticationError as error:
            said = _text(error.smtp_error)
            return Later(f"{where} does not let {server.username!r} in ({error.smtp_code} {said})")
        except smtplib.SMTPNotSupportedError as error:
            return Later(f"{where}: {error}; set security and username as the server has them")
        except smtplib.SMTPResponseException as error:
            said = f"{where} answered {error.smtp_code} {_text(error.smtp_error)}"
            return Never(said) if error.smtp_code in _PERMANENT else Later(said)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return Away(f"{where}: {str(error) or type(error).__name__}")

    def _send(self, mail: Mail) -> Outcome:
        server, smtp = self._server, self._smtp
        try:
            code, said = smtp.connect(server.host, server.port)
            if code != _READY:
                raise smtplib.SMTPConnectError(code, said)
            if server.security == STARTTLS:
                smtp.starttls(context=self._context)
            if server.username:
                smtp.login(server.username, server.password)
            refused = smtp.send_message(message_of(mail, server.sender))
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
        finally:
            smtp.end()
        if refused:
            return Delivered(f"not taken for {', '.join(sorted(refused))}")
        return Delivered()


def message_of(mail: Mail, sender: str) -> EmailMessage:
    made = EmailMessage(policy=email.policy.SMTP)
    domain = sender.rpartition("@")[2]
    made["From"] = sender
    made["To"] = ", ".join(mail.to)
    made["Subject"] = mail.subject
    made["Date"] = format_datetime(mail.at)
    made["Message-ID"] = f"<{mail.id}@{domain}>"
    made["References"] = f"<{mail.thread}@{domain}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(mail.text, cte="quoted-printable")
    return made


def _refused(where: str, error: smtplib.SMTPRecipientsRefused) -> Outcome:
    each = "; ".join(
        f"{name}: {code} {_text(said)}" for name, (code, said) in sorted(error.recipients.items())
    )
    text = f"{where} takes it for none of its recipients: {each}"
    permanent = all(code in _PERMANENT for code, _ in error.recipients.values())
    return Never(text) if permanent else Later(text)


def _text(said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:200]
