"""The two roots of every error of ours: can a retry help, and who must act."""

from collections.abc import Sequence
from typing import cast


class EavesError(Exception):
    """A failure that this project foresaw; its text is written for a person."""


class Transient(EavesError):
    """The same call may succeed later; back off and try again."""


class Rejected(EavesError):
    """Trying again without a change cannot help; report it and move on."""


def only_one_of(error: BaseException) -> BaseException:
    """What a group holds that holds a single failure; any other failure as it is."""
    inner = _inner(error)
    return only_one_of(inner[0]) if len(inner) == 1 else error


def _inner(error: object) -> Sequence[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return ()
    return cast("BaseExceptionGroup[BaseException]", error).exceptions
