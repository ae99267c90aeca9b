"""rigrun, moved: the ``config.json`` of its server, and the nested one of its terminal program.

Sources: ``src/main.rs`` (`Config`), ``docs/CONFIGURATION.md`` and ``go-tui/internal/config/config.go`` in
https://github.com/jeranaias/rigrun, January 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router.commands.elsewhere.moving import Chosen, Move, Moved
from router.commands.elsewhere.pairing import NONE
from router.commands.elsewhere.source import Entry, read_source
from router.commands.options import EMBEDDED

CLOUD_MODEL = "openrouter/auto"
"""What rigrun's `cloud` asks OpenRouter for where no model is named."""

KEY_VARIABLE = "OPENROUTER_API_KEY"
HOUR_S = 3600

_TERMINAL = "for a program on the terminal, which Underdog is not"
_LEDGER = "the ledger has a row for every request; who asks what is kept with `ledger_prompts` (docs/ledger.md)"
_CLASSES = "no labels are read: `privacy`, or the header x-router-privacy, keeps prompts here (docs/configuration.md)"
_LOGIN = "callers have keys, which end when they are told to (docs/keys.md)"

REMEDIES = {
    "version": "nothing to do",
    "first_run_complete": "nothing to do",
    "audit_log_enabled": _LEDGER,
    "audit_enabled": _LEDGER,
    "audit_log_path": _LEDGER,
    "dod_banner_enabled": _TERMINAL,
    "banner_enabled": _TERMINAL,
    "consent": _TERMINAL,
    "consent_required": _TERMINAL,
    "show_status_line": _TERMINAL,
    "status_line_style": _TERMINAL,
    "show_tips": _TERMINAL,
    "ui": _TERMINAL,
    "tools": _TERMINAL,
    "classification": _CLASSES,
    "spillage_detection": "a rule refuses by expression (docs/rules.md)",
    "spillage_action": "a rule refuses by expression (docs/rules.md)",
    "session_timeout_secs": _LOGIN,
    "max_login_attempts": _LOGIN,
    "lockout_enabled": _LOGIN,
    "lockout_duration_minutes": _LOGIN,
    "auth_session_duration_hours": _LOGIN,
    "mfa_enabled": _LOGIN,
    "user_id": _LOGIN,
    "default_model": "asked once OPENROUTER_API_KEY is set and this is run again",
    "max_tier": "a rule bounds what a caller gets: then = { max_threshold = ... } or { model = '...' } (docs/rules.md)",
    "auto_prefer_local": "ask for `auto:cheap`, or raise `threshold`",
    "auto_max_cost": "budgets are for a day, a week or a month: `budget_usd` (docs/budgets.md)",
    "semantic_threshold": "`cache.max_wrong` bounds the share of wrong answers instead (docs/cache.md)",
    "encrypt_cache": "what is asked can be encrypted in the ledger (docs/ledger.md); the cache's file is not",
    "encryption_enabled": "what is asked can be encrypted in the ledger: `ledger_prompts_key` (docs/ledger.md)",
    "incident_webhook": "no alerts of its own: let Prometheus alert on GET /metrics",
}


def moved(path: Path, environ: Mapping[str, str], weak: str | None, strong: str | None) -> Moved:
    """The file as ours: rigrun's local model is the weak one, OpenRouter the strong one.

    Args:
        path: ``config.json``.
        environ: of keys, whether they are set.
        weak: another model of Ollama's, ``embedded`` for our own; None takes the file's.
        strong: another model of OpenRouter's, ``none`` for none; None takes the file's.

    Raises:
        SettingsError: the file cannot be read.
    """
    source, move = read_source(path), Move(environ)
    private = _is_private(source, move)
    here = None if weak == EMBEDDED else _local(source, move, weak)
    there = None if strong == NONE or private else _cloud(source, move, strong)
    deployments = [deployment for deployment in (here, there) if deployment is not None]
    if deployments:
        move.put("deployments", deployments)
    if private:
        move.put("privacy", "local-only")
    if (port := move.number(source.get("port"))) is not None:
        move.put("port", int(port))
    _routing(source, move)
    _cache(source, move)
    chosen = Chosen(
        weak=here["model"] if here is not None else None,
        strong=there["model"] if there is not None else None,
        because="rigrun's local model and its cloud",
    )
    return move.finished(source, chosen, REMEDIES, "Underdog has nothing like it")


def _is_private(source: Entry, move: Move) -> bool:
    """Whether the cloud was out of bounds."""
    switches = [source.get("paranoid_mode"), source.get("routing", "paranoid_mode")]
    switches.append(source.get("routing", "offline_mode"))
    private = [switch for switch in switches if switch is not None and switch.take() is True]
    if private:
        for key in (source.get("openrouter_key"), source.get("cloud")):
            if key is not None:
                move.remark(key, "out of bounds with `privacy = 'local-only'`, which paranoid mode is here; left out")
    return bool(private)


def _local(source: Entry, move: Move, asked: str | None) -> dict[str, Any] | None:
    ways = (("model",), ("local", "ollama_model"), ("default_model",))
    named = [entry for way in ways if (entry := source.get(*way)) is not None]
    models = [asked] if asked else []
    models += [model for entry in named if (model := move.text(entry))]
    if not models:
        return None
    deployment = {"route": "weak", "provider": "ollama", "model": models[0]}
    parts = move.address(source.get("local", "ollama_url"))
    if parts is not None:
        deployment["url"] = parts._replace(path=parts.path or "/v1").geturl()
    return deployment


def _cloud(source: Entry, move: Move, asked: str | None) -> dict[str, Any] | None:
    """OpenRouter, where there is a key for it in the file or in the environment."""
    keys = [entry for entry in (source.get("openrouter_key"), source.get("cloud", "openrouter_key")) if entry]
    for key in keys:
        if str(key.value).strip():
            move.remark(key, f"is a key, which is not copied: put it into the environment as {KEY_VARIABLE}")
    if not any(str(key.value).strip() for key in keys) and not move.environ.get(KEY_VARIABLE):
        for key in keys:
            move.remark(key, f"no key, no strong model: set {KEY_VARIABLE} and run this again")
        return None
    move.needs(KEY_VARIABLE, "key of openrouter")
    model = asked or move.text(source.get("cloud", "default_model")) or CLOUD_MODEL
    return {"route": "strong", "provider": "openrouter", "model": model, "api_key_env": [KEY_VARIABLE]}


def _routing(source: Entry, move: Move) -> None:
    mode, fallback = source.get("routing", "default_mode"), source.get("routing", "auto_fallback")
    if mode is not None:
        named = str(mode.take())
        # The thresholds at which everything goes one way.
        ends = {"local": 1.0, "cloud": 0.0}
        if named in ends:
            move.put("threshold", ends[named])
    if fallback is not None:
        move.put("fallback", str(fallback.take()) != "error")


def _cache(source: Entry, move: Move) -> None:
    cache = source.get("cache")
    if cache is None:
        return
    for theirs, ours in (("enabled", "cache"), ("semantic_enabled", "cache_semantic")):
        if (switch := cache.get(theirs)) is not None:
            move.put(ours, switch.take() is True)
    hours, most = move.number(cache.get("ttl_hours")), move.number(cache.get("max_size"))
    if hours:
        move.put("cache_ttl_s", int(hours * HOUR_S))
    if most is not None and most >= 1:
        move.put("cache_max_entries", int(most))
