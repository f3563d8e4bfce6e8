"""The short decision on a poll says what the whole one says."""

from hypothesis import given
from hypothesis import strategies as st

from eaves.controller.domain.poll import Unchanged, answer_poll, attestation_of, is_unchanged
from eaves.ids import ConfigHash

HASHES = st.sampled_from(["", "a", "b"])
TOKENS = st.sampled_from([b"", b"x", b"y"])


@given(
    known=HASHES,
    given_token=TOKENS,
    in_force=HASHES.map(ConfigHash),
    required=st.booleans(),
    token=TOKENS,
)
def test_the_short_way_of_an_unchanged_poll_decides_alike(
    *, known: str, given_token: bytes, in_force: ConfigHash, required: bool, token: bytes
) -> None:
    whole = answer_poll(
        known, given_token, in_force, attestation_of(required=required, token=token)
    )
    short = is_unchanged(known, given_token, in_force, required=required, token=token)
    assert short == isinstance(whole, Unchanged)
