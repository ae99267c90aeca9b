"""Comparing classifiers on the training sources alone: how well does each rank and weigh what it has not seen?

No benchmark is read here, which is what makes it fair to report one afterwards.
"""

from training.selection.rankings import auc, rank_correlation

__all__ = ["auc", "rank_correlation"]
