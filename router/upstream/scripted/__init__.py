"""A scripted chat server: speaks OpenAI's and Anthropic's protocols over real HTTP, and does exactly as it is told.

For tests and demonstrations. In process::

    async with ScriptedServer(model="strong-model", turns=[Turn(reply="Paris.")]) as server:
        ...  # server.base_url, server.requests

From a shell: ``python -m router.upstream.scripted --port 9001 --model strong-model``.
"""

from router.upstream.scripted.script import FAULTS, Fault, Turn, load_script
from router.upstream.scripted.server import Received, ScriptedServer

__all__ = ["FAULTS", "Fault", "Received", "ScriptedServer", "Turn", "load_script"]
