"""Offline training and measurement of the classifier that routes. Never imported by the server."""
