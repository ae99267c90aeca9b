"""Battles: two models answered one prompt, and somebody chose."""

from training.battles.forms import BATTLE_FORMS

__all__ = ["BATTLE_FORMS"]
