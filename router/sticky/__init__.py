"""Conversations stay on the strong model where leaving its prompt cache would cost more than it saves."""

from router.sticky.memory import InMemory, Memory, Stay
from router.sticky.stickiness import Stickiness
from router.sticky.trail import Trail, trail

__all__ = ["InMemory", "Memory", "Stay", "Stickiness", "Trail", "trail"]
