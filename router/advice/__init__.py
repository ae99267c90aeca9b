"""Which local model fits this machine: a table of models, what they need of memory, and what there is of it."""

from router.advice.advice import CONTEXT, Advice, Place, Suggestion, advise, misfit
from router.advice.local_models import LOCAL_MODELS, Build, LocalModel

__all__ = ["CONTEXT", "LOCAL_MODELS", "Advice", "Build", "LocalModel", "Place", "Suggestion", "advise", "misfit"]
