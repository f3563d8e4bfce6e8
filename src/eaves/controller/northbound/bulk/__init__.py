"""Bulk jobs: the operations, how they are asked for, and how one batch of objects is done."""
