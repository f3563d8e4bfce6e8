"""The page of the documentation says what is served."""

from pathlib import Path

from eaves.controller.northbound.coverage import page, served
from eaves.controller.northbound.operations import read_operations

PAGE = Path(__file__).parents[3] / "docs/reference/api-coverage.md"


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew, see the module coverage"


def test_the_most_literal_operation_is_found() -> None:
    operations = read_operations()
    found = operations.find("GET", "/api/v1/devices/id/7/status/info")
    assert found is not None
    assert found.path == "/v1/devices/id/{id}/status/info"
    listed = operations.find("GET", "/api/v1/apps/instances/status")
    assert listed is not None
    assert listed.path == "/v1/apps/instances/status"
    assert operations.find("PATCH", "/api/v1/devices") is None


def test_every_endpoint_of_the_contract_has_its_spelling() -> None:
    """What is served under /v1 stands in the contract, or is an addition of our own."""
    known = {(operation.method, operation.shape) for operation in read_operations()}
    strangers = {
        (method, "/".join(shape))
        for method, shape in served() - known
        if shape[2:3] not in (("eaves",), ("ext",)) and shape[-1] != "events"
    }
    assert strangers <= {
        ("PUT", "/v1/devices/id//publish"),  # clients that do not know the id yet
        ("PUT", "/v1/devices/id//apply"),
        ("PUT", "/v1/devices/id/{}/Offboard"),  # a client's own spelling
    }
