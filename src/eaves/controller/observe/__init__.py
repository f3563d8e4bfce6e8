"""What the controller tells of itself: meters, health, traces.  Knows nothing of who fills them."""

from eaves.controller.observe.meters import Commits, Histogram, Meters, Requests

__all__ = ["Commits", "Histogram", "Meters", "Requests"]
