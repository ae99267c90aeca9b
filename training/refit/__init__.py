"""Refitting: the shipped artifact as the prior, labels of one's own traffic as the correction."""
