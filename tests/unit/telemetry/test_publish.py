"""What a stream answers, and what of it is an acknowledgement."""

import json

import pytest

from eaves.controller.telemetry.stream.publish import refusal_in


def test_what_is_stored_is_acknowledged() -> None:
    assert refusal_in(b'{"stream":"LOGS","seq":7}') is None
    assert refusal_in(b'{"stream":"LOGS","seq":7,"duplicate": true}') is None


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        # its id was seen with an attempt before, which is not (and perhaps never will be) stored
        (b'{"stream":"LOGS","seq":0,"duplicate": true}', "not stored"),
        (b'{"stream":"LOGS"}', "without a sequence number"),
        (b"+OK", "no JSON"),
    ],
)
def test_what_is_not_stored_is_no_acknowledgement(answer: bytes, says: str) -> None:
    code, text = refusal_in(answer) or (0, "taken for an acknowledgement")
    assert code == 0
    assert says in text


def test_a_refusal_keeps_its_code() -> None:
    error = {"code": 503, "err_code": 10077, "description": "maximum bytes exceeded"}
    assert refusal_in(json.dumps({"error": error}).encode()) == (10077, "maximum bytes exceeded")
