"""Eaves: open edge orchestration, a controller and the node runtime it manages."""

__version__ = "0.1.0"
