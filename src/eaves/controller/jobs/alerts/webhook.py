"""One message to a webhook: signed, over TLS, to an address that was looked at."""

import asyncio
import ssl
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import httpx

from eaves.controller.domain.alerts.addresses import Network
from eaves.controller.domain.alerts.delivery import Away, Never, Outcome, of_status
from eaves.controller.domain.alerts.messages import signature
from eaves.controller.outgoing import ForbiddenAddress, NoAddress, public_roots, resolve

WITHIN_S: Final = 10.0  # all of it, from the name to the status


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str
    secret: str = field(repr=False)
    ca_pem: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Post:
    """`id` is the same each time that it is sent."""

    id: str
    body: bytes = field(repr=False)
    at: datetime


async def send(hook: Webhook, post: Post, threads: Executor, allowed: Sequence[Network]) -> Outcome:
    url = httpx.URL(hook.url)
    try:
        async with asyncio.timeout(WITHIN_S):
            address = await resolve(url.host, url.port or 443, threads, allowed=allowed)
            return await _post(hook, url, address, post)
    except TimeoutError:
        return Away(f"{url.host} did not answer within {WITHIN_S:g} s")
    except (NoAddress, ForbiddenAddress) as error:
        return Away(str(error)) if isinstance(error, NoAddress) else Never(str(error))
    except ssl.SSLError as error:
        return Away(f"{url.host}: TLS: {error.reason or error}")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Away(f"{url.host}: {str(error) or type(error).__name__}")


async def _post(hook: Webhook, url: httpx.URL, address: str, post: Post) -> Outcome:
    timestamp = int(post.at.timestamp())
    headers = {
        "Host": url.netloc.decode("ascii"),
        "Content-Type": "application/json",
        "User-Agent": "eaves",
        "Eaves-Delivery": post.id,
        "Eaves-Timestamp": str(timestamp),
        "Eaves-Signature": f"sha256={signature(hook.secret, timestamp, post.body)}",
    }
    # no proxy of the environment: it would resolve the name again, to wherever it leads then
    client = httpx.AsyncClient(
        verify=_context(hook.ca_pem), trust_env=False, follow_redirects=False, timeout=WITHIN_S
    )
    async with (
        client,
        client.stream(
            "POST",
            url.copy_with(host=address),
            content=post.body,
            headers=headers,
            extensions={"sni_hostname": url.raw_host.decode("ascii").strip("[]")},
        ) as answer,
    ):
        return of_status(answer.status_code, url.host)


def _context(ca_pem: str) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=ca_pem) if ca_pem else public_roots()
