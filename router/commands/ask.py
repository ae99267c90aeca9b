"""``underdog ask``: one question to a running server."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from router.commands.options import config_option, json_option, print_json, server_url, url_option
from router.settings import load_settings

model_option = click.option("--model", default="auto", show_default=True, help="What to ask for, as in a request.")


@click.command("ask")
@click.argument("question")
@model_option
@url_option
@config_option
@json_option
def command(*, question: str, model: str, url: str | None, config: Path | None, as_json: bool) -> None:
    """Ask a running server QUESTION, and print the answer as it comes. QUESTION may be - for standard input.

    Who answered, and why, is said on standard error; with --json in the same object as the answer.
    """
    from router.commands.server_chat import ServerChat, tell

    text = sys.stdin.buffer.read().decode("utf-8", "replace") if question == "-" else question
    if not text.strip():
        raise click.UsageError("The question is empty.")
    settings = load_settings(config=config)
    chat = ServerChat(server_url(url, settings), settings.api_key or settings.master_key, model)
    answer = chat.answer([{"role": "user", "content": text}])
    if as_json:
        print_json({"answer": "".join(answer), **chat.told()})
        return
    tell(answer)
    click.echo(f"({chat.how()})", err=True)
