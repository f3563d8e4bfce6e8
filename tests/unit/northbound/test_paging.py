"""Lists of values: order by type, and pages that go on where the last one ended."""

from starlette.datastructures import QueryParams

from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.northbound.paging import Row, page_of, read_list_query

SIZES = (900, 10_000, 20, 1 << 60)


def test_numbers_are_sorted_as_numbers_on_every_page() -> None:
    rows = [
        Row(VolInstConfig(id=str(n), name=f"v{n}", size_bytes=size), {})
        for n, size in enumerate(SIZES)
    ]
    for order, expected in (("sizeBytes", sorted(SIZES)), ("-sizeBytes", sorted(SIZES)[::-1])):
        seen: list[int] = []
        token = ""
        for _ in SIZES:
            asked = {"next.orderBy": order, "next.pageSize": "1", "next.pageToken": token}
            page = page_of(rows, read_list_query(QueryParams(asked)))
            seen += [row.item.size_bytes for row in page.rows]
            token = page.next.page_token
        assert seen == expected
        assert not token
