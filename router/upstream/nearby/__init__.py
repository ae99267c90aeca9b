"""Model servers on this machine: which are there, what they have, and Ollama's own API for getting models."""

from router.upstream.nearby.finding import NearbyServer, find_servers, usual_ports
from router.upstream.nearby.ollama import Ollama, OllamaModel, Progress, ollama_url

__all__ = [
    "NearbyServer",
    "Ollama",
    "OllamaModel",
    "Progress",
    "find_servers",
    "ollama_url",
    "usual_ports",
]
