"""Fitting the classifier: labelled prompts in, a blend of plain heads out."""

from training.fit.classifiers import CLASSIFIERS, DEFAULT_CLASSIFIER, fit_classifier
from training.fit.design import Design, fit_scaler

__all__ = ["CLASSIFIERS", "DEFAULT_CLASSIFIER", "Design", "fit_classifier", "fit_scaler"]
