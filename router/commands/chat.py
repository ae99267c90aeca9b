"""``underdog chat``: a conversation with a running server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from router.commands.ask import model_option
from router.commands.options import config_option, server_url, url_option
from router.settings import load_settings

PROMPT = "> "


@click.command("chat")
@model_option
@url_option
@config_option
def command(*, model: str, url: str | None, config: Path | None) -> None:
    """Talk to a running server, a line at a time; what was said before goes along. Ctrl-D or Ctrl-C ends it.

    Who answered, and why, is said on standard error.
    """
    from router.commands.server_chat import ServerChat, tell
    from router.errors import RequestFailed

    settings = load_settings(config=config)
    chat = ServerChat(server_url(url, settings), settings.api_key or settings.master_key, model)
    said: list[dict[str, str]] = []
    try:
        for line in _lines():
            turn = {"role": "user", "content": line}
            try:
                answer = tell(chat.answer([*said, turn]))
            except RequestFailed as error:
                click.echo(f"Error: {error}", err=True)
                continue
            click.echo(f"({chat.how()})", err=True)
            said += [turn, {"role": "assistant", "content": answer}]
    except (KeyboardInterrupt, EOFError):
        click.echo()


def _lines() -> Iterator[str]:
    """Lines with anything in them, typed or piped."""
    if not sys.stdin.isatty():
        yield from (line.strip() for line in sys.stdin if line.strip())
        return
    import readline  # noqa: F401 - lets a person edit the line, and go back to earlier ones

    while True:
        if line := input(PROMPT).strip():
            yield line
