"""The scoring kernel: every step from messages to win rate, shared by training and serving so that they cannot drift.

``prompt`` (messages to text) -> ``encoder`` and ``features`` -> ``inputs`` (one row of columns) -> ``classifier`` (row
to score) -> ``calibration`` (score to win rate) -> ``curve`` (what a threshold gives). ``chain`` joins them,
``artifact`` keeps them on disk, ``scorer`` serves them.
"""
