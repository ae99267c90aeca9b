"""Right/wrong tables: many models answered one prompt, and each answer was graded."""

from training.graded.forms import GRADED_FORMS

__all__ = ["GRADED_FORMS"]
