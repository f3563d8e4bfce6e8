"""The northbound REST API, as the command line uses it."""

import difflib
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Self
from urllib.parse import quote

import click
import httpx

from eaves.cli.kinds import Kind
from eaves.cli.session import Session

Json = dict[str, Any]
PAGE = 100


class ApiError(click.ClickException):
    """What the controller said no to, in its own words."""

    def __init__(self, method: str, path: str, status: int, reasons: list[str]) -> None:
        super().__init__("\n       ".join(reasons) or f"{method} {path} answered {status}")
        self.status = status


class Client:
    def __init__(self, session: Session, timeout_s: float = 30.0) -> None:
        self._http = httpx.Client(
            base_url=f"{session.url}/api",
            headers={"Authorization": f"Bearer {session.token}"} if session.token else {},
            verify=tls_context(session.root_pem),
            timeout=timeout_s,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Json:
        try:
            answer = self._http.request(method, path, json=body, params=dict(query or {}))
        except httpx.ConnectError as error:
            raise click.ClickException(
                f"cannot reach {self._http.base_url}: {error}; is the controller running?"
            ) from error
        except httpx.HTTPError as error:
            raise click.ClickException(
                f"{method} {path}: {type(error).__name__} {error}"
            ) from error
        data = _json(answer)
        if answer.status_code >= 400:
            raise ApiError(method, path, answer.status_code, _reasons(answer, data))
        return data

    def find(self, kind: Kind, name: str) -> Json | None:
        try:
            return self.call("GET", f"{kind.path}/name/{quote(name, safe='')}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def get(self, kind: Kind, name: str) -> Json:
        """By name; an unknown one is answered with the names nearest to it."""
        found = self.find(kind, name)
        if found is None:
            raise click.ClickException(f"no {kind.name} {name!r}{self._nearest(kind, name)}")
        return found

    def list(
        self, kind: Kind, path: str = "", query: Mapping[str, str] | None = None
    ) -> Iterator[Json]:
        page = 1
        while True:
            paging = {"next.pageSize": str(PAGE), "next.pageNum": str(page)}
            data = self.call("GET", path or kind.path, query={**paging, **(query or {})})
            rows = data.get("list") or []
            yield from rows
            if len(rows) < PAGE:
                return
            page += 1

    def _nearest(self, kind: Kind, name: str) -> str:
        names = [str(row.get("name", "")) for row in self.list(kind)]
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        if near:
            return f"; did you mean {' or '.join(near)}?"
        return (
            f"; there are: {', '.join(sorted(names)[:8])}"
            if names
            else f"; there is no {kind.name} yet"
        )


def tls_context(root_pem: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if root_pem:
        context.load_verify_locations(cadata=root_pem)
    return context


def _json(answer: httpx.Response) -> Json:
    if not answer.content:
        return {}
    try:
        data = answer.json()
    except ValueError:
        return {"text": answer.text}
    return data if isinstance(data, dict) else {"list": data}


def _reasons(answer: httpx.Response, data: Json) -> list[str]:
    details = [str(e.get("details", "")) for e in data.get("error") or [] if isinstance(e, dict)]
    details = [d for d in details if d]
    if answer.status_code == 401 and not details:
        return ["the controller does not accept this login any more; run `eaves login` again"]
    return details or [str(data.get("httpStatusMsg") or f"HTTP {answer.status_code}")]
