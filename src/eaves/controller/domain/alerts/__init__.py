"""Alerts: what a rule sees (`observe`), what becomes of an incident (`moves`), what is told of it
(`messages`), how often that is tried (`delivery`) and where to (`addresses`).  No I/O.
"""
