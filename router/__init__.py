"""Underdog: the learned cost router for LLMs."""

__version__ = "0.1.0"
