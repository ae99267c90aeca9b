"""Fitting the classifier: labelled prompts in, a blend of plain heads out."""

from training.fit.classifiers import (
    CLASSIFIERS,
    FittedHead,
    Means,
    blended,
    fit_classifier,
    fit_head,
)
from training.fit.design import Design, fit_scaler

__all__ = [
    "CLASSIFIERS",
    "Design",
    "FittedHead",
    "Means",
    "blended",
    "fit_classifier",
    "fit_head",
    "fit_scaler",
]
