"""Alerts: look at nodes by rules (`watch`), tell of incidents (`deliver`, `mail`, `webhook`)."""
