"""What is held in memory for the hot path: keys, hashes, tokens, waiters."""

from eaves.controller.live.state import Live, LiveDevice, NoWaiterPlace

__all__ = ["Live", "LiveDevice", "NoWaiterPlace"]
