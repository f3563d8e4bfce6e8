"""Staged roll-outs: how they are asked for, and what one look at one of them does."""
