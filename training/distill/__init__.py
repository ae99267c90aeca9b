"""Distilling a sentence-transformers model into a static table of token vectors.

``teacher`` is the only module of the project that needs torch; the rest is linear algebra on what it gives.
"""

from training.distill.run import distill, distillation_texts
from training.distill.teacher import Teacher

__all__ = ["Teacher", "distill", "distillation_texts"]
