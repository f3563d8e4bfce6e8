"""What is, as far as a device told: its last messages and their age, never what was asked for."""
