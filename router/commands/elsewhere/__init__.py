"""Configurations of other gateways, read and written as ours: what moves, and what has no equivalent."""
