"""How many of 100,000 devices are in which state, now."""

from support.fleet_lists import DEVICES, measure, prepare, row
from support.row import finish, work_folder
from support.server import Server, running

ASKED = {
    "devices by run state": "/api/v1/devices/status?summary=true",
    "devices by admin state": "/api/v1/devices?summary=true",
    "projects": "/api/v1/projects/status",
}
LIMIT_MS = 200.0


def main() -> int:
    with work_folder() as folder:
        prepare(folder / "state")
        with running(Server(folder / "state")) as server:
            found = measure(server, ASKED, times=50)
            for name, answer in found.answers.items():
                if name != "projects" and answer["summaryByState"]["total"] != DEVICES:
                    raise SystemExit(f"{name}: {answer['summaryByState']}")
            told = row("fleet-summary", found, LIMIT_MS)
    return finish(told)


if __name__ == "__main__":
    raise SystemExit(main())
