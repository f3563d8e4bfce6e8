"""Is what devices got acknowledged there?  Asked through REST, for some of them."""

import http.client
import json
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from support.server import Server

PASSWORD: Final = "correct horse battery staple"  # noqa: S105 - of a throw-away controller
ASKED: Final = 40  # devices
WITHIN_S: Final = 60.0


def set_password(server: Server) -> None:
    """Give the admin of a running controller the password that `Rest` uses."""
    path = server.state_dir.parent / "password"
    path.write_text(PASSWORD)
    command = [sys.executable, "-m", "eaves", "controller", "--state-dir", str(server.state_dir)]
    command += ["--admin-password-file", str(path), "reset-admin"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class Rest:
    """The admin's view of a controller."""

    def __init__(self, server: Server) -> None:
        tls = ssl.create_default_context(cafile=str(server.root_certificate))
        self._http = http.client.HTTPSConnection(
            "localhost", server.rest_port, timeout=60, context=tls
        )
        self._token = ""
        login = {"usernameAtRealm": "admin", "password": PASSWORD}
        self._token = self.call("POST", "/v1/login", login)["token"]["base64"]

    def call(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body), "application/json"
        self._http.request(method, f"/api{path}", data, headers)
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{method} {path}: {answer.status} {content[:500]!r}")
        return json.loads(content)

    def log_lines(self, device_id: str) -> int:
        """How many lines of the device are kept, through all pages."""
        found, token = 0, ""
        while True:
            query = {"startTime": "2000-01-01T00:00:00Z", "next.pageSize": "500"}
            if token:
                query["next.pageToken"] = token
            page = self.call("GET", f"/v1/eaves/devices/id/{device_id}/logs?{urlencode(query)}")
            found += len(page["list"])
            token = page["next"].get("pageToken") or ""
            if not token:
                return found

    def close(self) -> None:
        self._http.close()


def lost_lines(server: Server, ledger: Path) -> int:
    """Log lines that were acknowledged and are not there, of the devices that sent most."""
    told: dict[str, dict[str, int]] = json.loads(ledger.read_text())
    most = sorted(told, key=lambda d: told[d].get("log lines", 0), reverse=True)[:ASKED]
    rest = Rest(server)
    end = time.monotonic() + WITHIN_S
    lost = 0
    for device_id in most:
        wanted = told[device_id].get("log lines", 0)
        while (there := rest.log_lines(device_id)) < wanted and time.monotonic() < end:
            time.sleep(0.5)
        lost += max(0, wanted - there)
    rest.close()
    return lost
