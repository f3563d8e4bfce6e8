"""What an answer, or the lack of one, says about the way it took.  Pure.

Source: EVE API v2, section 3.3, row `ping`; node reference, sections 4 and 5.7.  What the
controller does wrong is no reason to change ports: others lead to the same controller.
"""

from enum import StrEnum

from eaves.evapi.flows.steps import SUCCESS, Cause, NoConnection, Received, Reply


class Verdict(StrEnum):
    WORKS = "works"
    REMOTE = "remote temporary failure"  # the network is well, the controller is not
    FAILS = "fails"


def judge_ping(reply: Reply, *, proxied: bool = False) -> Verdict:
    """A test of a way.  `proxied`: a refusal is then that of the proxy, which is on the way."""
    match reply:
        case Received(status=status) if status in SUCCESS:
            return Verdict.WORKS
        case Received(status=status) if status >= 500:
            return Verdict.REMOTE
        case Received():
            return Verdict.FAILS  # any 4xx, and what is no answer of a controller
        case NoConnection(cause=Cause.TIME_INVALID):
            return Verdict.REMOTE
        case NoConnection(cause=Cause.REFUSED) if not proxied:
            return Verdict.REMOTE
        case NoConnection():
            return Verdict.FAILS


def judge_request(reply: Reply, *, proxied: bool = False) -> Verdict:
    """A request of the conversation.  Whatever status came, the way carried it there and back."""
    if isinstance(reply, Received):
        return Verdict.WORKS if reply.status < 500 else Verdict.REMOTE
    return judge_ping(reply, proxied=proxied)


def ends_walk(reply: Reply, *, stop_on_refusal: bool) -> bool:
    """Is there no use in repeating the request over another way?  Section 2.3."""
    if isinstance(reply, NoConnection):
        return False
    if reply.status in SUCCESS or reply.status == 403:
        return True
    return stop_on_refusal
