"""RouteLLM's way of routing from Python, over Underdog's own gateway: ``from router.controller import Controller``."""

from router.controller.controller import Controller, ModelPair
from router.controller.records import Completion, Record
from router.controller.streams import AsyncStream, Stream
from router.errors import RequestFailed, RoutingError, SettingsError

__all__ = [
    "AsyncStream",
    "Completion",
    "Controller",
    "ModelPair",
    "Record",
    "RequestFailed",
    "RoutingError",
    "SettingsError",
    "Stream",
]
