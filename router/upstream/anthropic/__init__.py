"""Anthropic's own protocol, ``/v1/messages``: chat completions go in and come out, nothing of either side is lost.

``request`` and ``content`` turn a chat request into a messages request, ``fit`` makes it one that the model takes,
``reply`` and ``stream`` turn the answer into a chat completion. A request that came as a messages request is sent as it
came. What cannot be said in chat completions travels under the names that are common for it: ``reasoning_content`` and
``thinking_blocks`` in messages, ``cache_control`` on parts and tools, ``stop_sequence`` in a choice.
"""

from router.upstream.anthropic.upstream import AnthropicUpstream

__all__ = ["AnthropicUpstream"]
