"""What rules and the hook may see of a request. Read only, and without the caller's key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType

from router.calls import Call
from router.needs import Needs
from router.rules.language import language_of
from router.scoring.prompt import text_of

SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"})
"""Headers that may hold a key: nobody sees them here."""


class Facts:
    """One request as rules and the hook see it. Whatever costs more than a look is worked out when it is asked for.

    Args:
        call: the request.
        needs: what it needs of a model.
    """

    def __init__(self, call: Call, needs: Needs) -> None:
        self._call = call
        self._needs = needs

    @property
    def model(self) -> str:
        """What the caller asked for."""
        return self._call.request.model

    @property
    def key_id(self) -> str | None:
        """The id of the caller's key; never the key."""
        return self._call.principal.key_id

    @property
    def team(self) -> str:
        """The caller's team."""
        return self._call.principal.tenant

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
        """The request's headers by their names in lower case, but for those that may hold a key."""
        shown = {name.lower(): value for name, value in self._call.headers.items()}
        return MappingProxyType({name: value for name, value in shown.items() if name not in SECRET_HEADERS})

    @cached_property
    def text(self) -> str:
        """The newest text of the user's; empty where there is none."""
        return next((text for role, text in reversed(self.turns) if role == "user" and text.strip()), "")

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
