"""What rules and the hook may see of a request. Read only, and without the caller's key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

from router.calls import Call
from router.needs import Needs
from router.rules.language import language_of
from router.scoring.prompt import text_of

SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"})
"""Headers that may hold a key: nobody sees them here."""

_SAID = ("messages", "system", "input", "instructions", "prompt", "tools", "functions")
"""The fields of a request, in any protocol, that hold what is said and what it may be said with."""


class Facts:
    """One request as rules and the hook see it. Whatever costs more than a look is worked out when it is asked for.

    Args:
        call: the request.
        needs: what it needs of a model.
        meant: other names of the model that is asked for, where one is.
    """

    def __init__(self, call: Call, needs: Needs, meant: Iterable[str] = ()) -> None:
        self._call = call
        self._needs = needs
        self._meant = frozenset(meant)

    @property
    def model(self) -> str:
        """What the caller asked for."""
        return self._call.request.model

    @property
    def models(self) -> frozenset[str]:
        """All names of what the caller asked for: as it was written, and as it is meant."""
        return self._meant | {self.model}

    @property
    def key_id(self) -> str | None:
        """The id of the caller's key; never the key."""
        return self._call.principal.key_id

    @property
    def team(self) -> str | None:
        """The id of the team of the caller's key, where it has one."""
        return self._call.principal.team

    @property
    def endpoint(self) -> str:
        """The path that was called."""
        return self._call.path

    @property
    def stream(self) -> bool:
        """Whether the answer is wanted in events."""
        return self._call.streams

    @property
    def tools(self) -> bool:
        """Whether the request has tools, or the conversation has used some."""
        return "tools" in self._needs.abilities

    @property
    def images(self) -> bool:
        """Whether an image is anywhere in the conversation."""
        return "images" in self._needs.abilities

    @property
    def tokens(self) -> int:
        """Tokens of the whole prompt, by estimate."""
        return self._needs.prompt.likely

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """The request's headers by their names in lower case, but for those that may hold a key.

        One that came more than once has its values joined by commas, as HTTP has it.
        """
        return MappingProxyType({name: ", ".join(values) for name, values in self.header_lines.items()})

    @cached_property
    def header_lines(self) -> Mapping[str, list[str]]:
        """The same, every value for itself."""
        lines: dict[str, list[str]] = {}
        for name, value in self._call.headers.items():
            if name.lower() not in SECRET_HEADERS:
                lines.setdefault(name.lower(), []).append(value)
        return lines

    @cached_property
    def text(self) -> str:
        """The newest text of the user's; empty where there is none. Of embeddings all that are asked for."""
        if self._call.endpoint == "embeddings":
            return "\n".join(text for _, text in self.turns)
        return next((text for role, text in reversed(self.turns) if role == "user" and text.strip()), "")

    @cached_property
    def everything(self) -> str:
        """All that the conversation holds, whoever said it: what tools were asked and can be asked, what was thought.

        Taken from the request as it came too, where that was in another protocol: an upstream may be sent that.
        """
        bodies = [self._call.body] + ([self._call.native.body] if self._call.native else [])
        return "\n".join(text for body in bodies for field in _SAID if field in body for text in _strings(body[field]))

    @cached_property
    def turns(self) -> tuple[tuple[str, str], ...]:
        """The conversation: who speaks, and the text of it."""
        return tuple(self._turns())

    @cached_property
    def language(self) -> str | None:
        """The ISO code of the language of ``text``; None where it is another or not clear."""
        return language_of(self.text)

    def _turns(self) -> Iterator[tuple[str, str]]:
        for message in self._call.request.messages:
            yield message.role, text_of(message.content)


def _strings(value: Any) -> Iterator[str]:
    """The texts and whole numbers in a JSON value, however deep they lie."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            left.extend(reversed(item.values()))
        elif isinstance(item, list):
            left.extend(reversed(item))
        elif isinstance(item, str):
            yield item
        elif isinstance(item, int):
            yield str(item)
