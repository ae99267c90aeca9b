"""The operator's own decisions, which come before the score: ordered rules, and a hook in Python."""

from router.rules.facts import Facts
from router.rules.hook import Hook, load_hook
from router.rules.rules import Rules

__all__ = ["Facts", "Hook", "Rules", "load_hook"]
