"""A page of 100 devices out of 100,000, filtered and sorted, with its counts."""

from support.fleet_lists import DEVICES, measure, prepare, row
from support.row import finish, work_folder
from support.server import Server, running

PAGE = "next.pageSize=100"
ASKED = {
    "first page": f"/api/v1/devices?{PAGE}",
    "name pattern": f"/api/v1/devices?{PAGE}&namePattern=E-00",
    "filter, sort by serial": f"/api/v1/devices?{PAGE}&adminState=ACTIVE&next.orderBy=-serialno",
    "project, sort by title": f"/api/v1/devices?{PAGE}&projectName=plant-07&next.orderBy=title",
    "sort by project and model": f"/api/v1/devices?{PAGE}&next.orderBy=projectName,modelName",
    "page 900": f"/api/v1/devices?{PAGE}&next.pageNum=900",
    "status": f"/api/v1/devices/status?{PAGE}",
    "status, filter and sort": f"/api/v1/devices/status?{PAGE}&runState=ONLINE&namePattern=7"
    "&next.orderBy=-title",
    "status, sort by run state": f"/api/v1/devices/status?{PAGE}&next.orderBy=runState",
}
LIMIT_MS = 100.0


def main() -> int:
    with work_folder() as folder:
        prepare(folder / "state")
        with running(Server(folder / "state")) as server:
            found = measure(server, ASKED, times=20)
            for name, answer in found.answers.items():
                if len(answer["list"]) != 100 or not 100 <= answer["totalCount"] <= DEVICES:
                    raise SystemExit(f"{name}: {len(answer['list'])} of {answer['totalCount']}")
            told = row("list-page", found, LIMIT_MS)
    return finish(told)


if __name__ == "__main__":
    raise SystemExit(main())
