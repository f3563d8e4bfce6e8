"""The northbound REST API, as the command line uses it: one connection, kept for the command.

The standard library's HTTP client: what it lacks is not needed here, and it starts at once.
"""

import difflib
import http.client
import json
import os
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, urlencode, urlsplit

import click

from eaves.cli.json_values import Json, is_object, objects_of
from eaves.cli.kind import Kind, at
from eaves.cli.output import one_line
from eaves.cli.session import Session

PAGE = 500
NEWEST = 100  # of a list that never ends
TIMEOUT_S = 30.0
AGAIN = "run `eaves login` again"
COOKIE = "eaves-client"  # of who signed in from here before; strangers do not use up its attempts
Query = Mapping[str, str | list[str]]


class ApiError(click.ClickException):
    """What the controller said no to, in its own words."""

    def __init__(
        self, method: str, path: str, status: int, reasons: list[str], cause: str = ""
    ) -> None:
        super().__init__("\n       ".join(reasons) or f"{method} {path} answered {status}")
        self.status = status
        self.cause = cause  # of a login: a word of the contract


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    data: Json


class Client:
    def __init__(self, session: Session, timeout_s: float = TIMEOUT_S) -> None:
        self._url = session.url
        self._token = session.token
        self.known_client = session.known_client
        self._connection = open_connection(session.url, tls_context(session.root_pem), timeout_s)
        self._used = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        query: Query | None = None,
    ) -> Json:
        """The answer's JSON object; raises ApiError with the reasons of a refusal."""
        payload = None if body is None else json.dumps(body).encode()
        return self.upload(method, path, payload, "application/json", query)

    def upload(
        self,
        method: str,
        path: str,
        payload: bytes | None,
        content_type: str,
        query: Query | None = None,
    ) -> Json:
        """As `call`, for a body that is no JSON object."""
        headers = {} if payload is None else {"Content-Type": content_type}
        return self.exchange(method, path, payload, headers, query).data

    def exchange(
        self,
        method: str,
        path: str,
        payload: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Query | None = None,
    ) -> Answer:
        """The whole answer; raises ApiError with the reasons of a refusal."""
        target = f"/api{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        sent = {"Accept": "application/json", **(headers or {})}
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        if self.known_client:
            sent["Cookie"] = f"{COOKIE}={self.known_client}"
        answer, content = self._exchange(method, target, payload, sent)
        data = _json(content)
        if answer.status >= 400:
            raise ApiError(
                method,
                path,
                answer.status,
                _reasons(answer.status, data),
                str(data.get("cause") or ""),
            )
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, told, data)

    def _exchange(
        self, method: str, target: str, payload: bytes | None, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        try:
            try:
                return self._send(method, target, payload, headers)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                # a connection that idled may have been closed meanwhile; what may be repeated is
                if not self._used or method != "GET":
                    raise
                self._connection.close()
                return self._send(method, target, payload, headers)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise click.ClickException(unreachable(self._url, error)) from error

    def _send(
        self, method: str, target: str, payload: bytes | None, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        self._connection.request(method, target, body=payload, headers=dict(headers))
        answer = self._connection.getresponse()
        content = answer.read()
        self._used = True
        for line in answer.headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            if name.strip() == COOKIE:
                self.known_client = value.strip()
        return answer, content

    def lines(self, path: str, query: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """An answer of many lines, one at a time; raises ApiError with the reasons of a refusal."""
        target = f"/api{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            self._connection.request("GET", target, headers=headers)
            answer = self._connection.getresponse()
            if answer.status >= 400:
                data = _json(answer.read())
                raise ApiError("GET", path, answer.status, _reasons(answer.status, data))
            yield from answer
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise click.ClickException(unreachable(self._url, error)) from error

    def find(
        self, kind: Kind, name: str, within: Mapping[str, object] | None = None
    ) -> Json | None:
        """`within` has the `projectId` of what lies below a project, where it is known."""
        if not kind.by_name:
            return self._find_listed(kind, name, within or {})
        try:
            return self.call(
                "GET", kind.path + kind.by_name.replace("{name}", quote(name, safe=""))
            )
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def get(self, kind: Kind, name: str, within: Mapping[str, object] | None = None) -> Json:
        """By name; an unknown one is answered with the names nearest to it."""
        if kind.newest:
            raise click.ClickException(f"a single {kind.name} has no name; leave {name!r} out")
        found = self.find(kind, name, within)
        if found is None:
            raise click.ClickException(f"there is no {kind.name} {name!r}; {self.hint(kind, name)}")
        return found

    def _find_listed(self, kind: Kind, name: str, within: Mapping[str, object]) -> Json | None:
        """Of a kind that cannot be asked for by name."""
        query = {"projectId": str(within["projectId"])} if within.get("projectId") else None
        rows = [
            row
            for row in self.list(kind, query=query)
            if name in (row.get(kind.key), row.get("id"))
        ]
        if len(rows) > 1:
            where = ", ".join(str(row.get("projectName") or row.get("id")) for row in rows)
            raise click.ClickException(
                f"there are {len(rows)} {kind.name}s {name!r}, in {where}; say which by --project,"
                " or give the id"
            )
        if not rows or not kind.by_id:
            return rows[0] if rows else None
        return {**rows[0], **self.call("GET", kind.id_path(rows[0]))}

    def list(self, kind: Kind, path: str = "", query: Query | None = None) -> Iterator[Json]:
        """Page by page; of a kind that never ends, what is newest."""
        if not path and "{" in kind.path:
            yield from self._list_below(kind, query or {})
            return
        members = "list" if path else kind.members
        page, first = 1, None
        while True:
            size = NEWEST if kind.newest and not path else PAGE
            paging = {"next.pageSize": str(size), "next.pageNum": str(page)}
            data = self.call("GET", path or kind.path, query={**paging, **(query or {})})
            rows = objects_of(at(data, members))
            if rows and rows[0] == first:
                return  # a list without pages tells all of it each time
            yield from rows
            if len(rows) < PAGE:
                return
            page, first = page + 1, rows[0]

    def _list_below(self, kind: Kind, query: Query) -> Iterator[Json]:
        """Those of one project, or of all that are visible; each knows its project."""
        from eaves.cli.kinds import find_kind  # noqa: PLC0415 - few kinds lie below another

        above = find_kind("project")
        wanted = query.get("projectId")
        projects = (
            iter([self.call("GET", f"{above.path}/id/{wanted}")]) if wanted else self.list(above)
        )
        for project in projects:
            known = {"projectId": project["id"], "projectName": project.get("name")}
            for row in self.list(kind, kind.path_of(known)):
                yield {**row, **known}

    def hint(self, kind: Kind, name: str) -> str:
        rows = self.list(kind, query={"fields": kind.key})
        return nearest(name, [str(row.get(kind.key) or "") for row in rows], kind.name)


def nearest(word: str, names: Iterable[str], noun: str) -> str:
    """What a person may have meant."""
    known = sorted(names)
    lowered = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), lowered, n=3, cutoff=0.5)
    near += [low for low in lowered if word and word.lower() in low and low not in near]
    if near:
        return f"did you mean {' or '.join(lowered[low] for low in near[:3])}?"
    if not known:
        return f"there is no {noun} yet"
    more = f" and {len(known) - 8} more" if len(known) > 8 else ""
    return f"there are: {', '.join(known[:8])}{more}"


def tls_context(root_pem: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if root_pem:
        try:
            context.load_verify_locations(cadata=root_pem)
        except ssl.SSLError as error:
            raise click.ClickException(
                f"the certificate authority cannot be read ({error.reason}); give its PEM file"
            ) from error
    return context


def open_connection(url: str, tls: ssl.SSLContext, timeout_s: float) -> http.client.HTTPSConnection:
    """Not connected yet.  Goes through the proxy that HTTPS_PROXY and NO_PROXY name."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    proxy = _proxy(host)
    if proxy is None:
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=tls)
    through = http.client.HTTPSConnection(*proxy, timeout=timeout_s, context=tls)
    through.set_tunnel(host, port)
    return through


def _proxy(host: str) -> tuple[str, int] | None:
    if not (os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy")):
        return None
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - slow, seldom needed

    if proxy_bypass(host):
        return None
    parts = urlsplit(getproxies().get("https", ""))
    return (parts.hostname, parts.port or 3128) if parts.hostname else None


def unreachable(url: str, error: Exception) -> str:
    """A sentence with what to do next, for whatever stood against an exchange."""
    sentences: tuple[tuple[type[Exception], Callable[[Exception], str]], ...] = (
        (ssl.SSLCertVerificationError, _distrusted),
        (ssl.SSLError, lambda e: f"no TLS with it ({e}); is that the REST port, 9443 by default?"),
        (socket.gaierror, lambda _: "this name has no address; check its spelling and the DNS"),
        (TimeoutError, lambda _: "no answer in time; check the network and the controller's load"),
        (ConnectionRefusedError, lambda _: "nothing listens there; is the controller running?"),
        (
            http.client.HTTPException,
            lambda _: "the connection ended in the middle of an answer; did the controller stop?",
        ),
    )
    for kind, say in sentences:
        if isinstance(error, kind):
            return f"cannot reach {url}: {say(error)}"
    return f"cannot reach {url}: {error}"


def _distrusted(error: Exception) -> str:
    reason = getattr(error, "verify_message", "") or str(error)
    return (
        f"its certificate is not trusted ({reason}); if the controller is new, {AGAIN}, and beside"
        " a token name the authority to trust (--ca, EAVES_CA)"
    )


def _json(content: bytes) -> Json:
    if not content:
        return {}
    try:
        data = json.loads(content)
    except ValueError:
        return {"text": content.decode(errors="replace")}
    return data if is_object(data) else {"list": data}


def _reasons(status: int, data: Json) -> list[str]:
    """Every reason of the controller; each only once."""
    told = [str(entry.get("details") or "") for entry in objects_of(data.get("error"))]
    details = list(dict.fromkeys(one_line(text) for text in told if text))
    if status == 401 and "cause" not in data:
        return [f"the controller does not accept this login any more; {AGAIN}"]
    said = one_line(data.get("httpStatusMsg") or "")
    return details or [said or f"the controller answered HTTP {status}"]
