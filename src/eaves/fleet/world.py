"""What all devices of a run share."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from eaves.evapi.flows.steps import Clock
from eaves.fleet.faults import PERIOD_S
from eaves.fleet.figures import Figures
from eaves.fleet.messages import Templates
from eaves.fleet.wire import Line

LOG_INTERVAL_S = 300.0


class Profile(StrEnum):
    EVE = "eve"
    EAVES = "eaves"


@dataclass(frozen=True, slots=True)
class World:
    """`seconds`: a clock that never jumps."""

    line: Line
    profile: Profile
    figures: Figures
    templates: Templates
    clock: Clock
    seconds: Callable[[], float]
    app_step_s: float
    log_interval_s: float = LOG_INTERVAL_S
    fault_period_s: float = PERIOD_S
    hurry: float = 1.0  # intervals are divided by it
