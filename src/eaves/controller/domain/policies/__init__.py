"""Policies: what each node of a project is to carry.

Level-triggered: from the policies, the nodes and what is there now follows what to create, change
and delete, whatever happened before.  `selectors` says which nodes a policy means, `entries` what
it wants on each, `decide` compares that with what policies own on a node, and `settle` makes the
objects.  Nothing here reads a clock, a database or the network.
"""
