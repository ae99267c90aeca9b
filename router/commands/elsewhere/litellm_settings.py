"""LiteLLM's ``litellm_settings``, ``router_settings`` and ``general_settings``, as far as ours have the same."""

from __future__ import annotations

from urllib.parse import quote

from router.commands.elsewhere.litellm_routes import Routes
from router.commands.elsewhere.moving import Move, is_no_key, plain, seconds_of, variable_named
from router.commands.elsewhere.source import Entry
from router.settings import MIN_MASTER_KEY_CHARS

PORT = 4000
"""Where LiteLLM's proxy listens unless it is told otherwise."""

MOST_RETRIES = 10
_DAY_S = 86_400
_SEMANTIC = frozenset({"redis-semantic", "qdrant-semantic", "valkey-semantic"})
_REDIS = frozenset({"redis", "redis-semantic"})
_FALLBACKS = "requests that are routed fall back between the two; who names a model gets it or an error"


def move_settings(source: Entry, move: Move, routes: Routes) -> None:
    """Take over what has an equivalent; the router's settings count more than the library's, as they do there."""
    move.put("port", PORT)
    for section in ("router_settings", "litellm_settings"):
        if (settings := source.get(section)) is not None:
            _reliability(settings, move)
            _fallbacks(settings, move, routes)
    if (router := source.get("router_settings")) is not None:
        _aliases(router, move, routes)
        _redis(router, move, "redis_")
    if (library := source.get("litellm_settings")) is not None:
        _cache(library, move)
        _budget(library, move)
        if (json_logs := library.get("json_logs")) is not None and json_logs.take() is True:
            move.put("log_format", "json")
    if (general := source.get("general_settings")) is not None:
        _general(general, move)


def _reliability(settings: Entry, move: Move) -> None:
    if (retries := move.number(settings.get("num_retries"))) is not None:
        move.put("retries", min(int(retries), MOST_RETRIES))
    move.seconds(settings.get("timeout"), "total_timeout_s")
    move.seconds(settings.get("request_timeout"), "total_timeout_s")
    move.seconds(settings.get("stream_timeout"), "first_token_timeout_s")
    move.seconds(settings.get("cooldown_time"), "breaker_open_s")
    if (failures := move.number(settings.get("allowed_fails"))) is not None:
        move.put("breaker_failures", int(failures) + 1)


def _fallbacks(settings: Entry, move: Move, routes: Routes) -> None:
    for theirs, ours in (
        ("context_window_fallbacks", "context_fallbacks"),
        ("content_policy_fallbacks", "content_filter_fallbacks"),
    ):
        if (entry := settings.get(theirs)) is not None:
            _listed_fallbacks(entry, ours, move, routes)
    for name in ("fallbacks", "default_fallbacks"):
        if (entry := settings.get(name)) is not None:
            move.remark(entry, _FALLBACKS)


def _listed_fallbacks(entry: Entry, ours: str, move: Move, routes: Routes) -> None:
    """One list for all models stands for a list for each."""
    lists = [names for each in entry.items() for names in each.fields().values()]
    named = [str(name.take()) for names in lists for name in names.items()]
    targets = [target for name in named if (target := routes.target(name)) is not None]
    if targets:
        move.put(ours, list(dict.fromkeys(targets)))
    if len(entry.items()) > 1 or any(len(each.fields()) > 1 for each in entry.items()):
        move.remark(
            entry, f"`{ours}` is one list for all models: {', '.join(dict.fromkeys(targets)) or 'none is left'}"
        )


def _aliases(settings: Entry, move: Move, routes: Routes) -> None:
    given = settings.get("model_group_alias")
    for name, entry in (given.fields() if given is not None else {}).items():
        target = entry.get("model") or entry
        if isinstance(target.value, str) and routes.alias(name, str(target.value)):
            target.take()
            if (hidden := entry.get("hidden")) is not None:
                hidden.take()
        else:
            move.remark(entry, "leads to no model that was taken over, or is a word of ours; left out")


def _redis(settings: Entry, move: Move, prefix: str) -> None:
    """Redis without a password is written; an address with one is a secret, which the environment gives."""
    url, host = settings.get(f"{prefix}url"), settings.get(f"{prefix}host")
    if url is not None:
        variable = variable_named(url)
        url.take()
        move.needs("UNDERDOG_REDIS_URL", "address of Redis, with its password", required=False, was=variable)
        return
    if host is None:
        if not prefix:
            move.needs("UNDERDOG_REDIS_URL", "address of Redis; LiteLLM has it from REDIS_HOST", required=False)
        return
    where, port = move.text(host), move.number(settings.get(f"{prefix}port"))
    password = settings.get(f"{prefix}password")
    if password is not None and not is_no_key(password):
        move.remark(password, "a password is not copied: give UNDERDOG_REDIS_URL=redis://:PASSWORD@HOST:PORT")
        move.needs("UNDERDOG_REDIS_URL", "address of Redis, with its password", required=False)
    elif where is not None:
        move.put("redis_url", f"redis://{quote(where, safe='.:[]-_')}:{int(port or 6379)}")


def _cache(settings: Entry, move: Move) -> None:
    switch, params = settings.get("cache"), settings.get("cache_params")
    on = None if switch is None else str(switch.take()).lower() == "true"
    if params is None:
        if on is not None:
            move.put("cache", on)
        return
    mode = params.get("mode")
    if mode is not None and str(mode.take()) == "default_off":
        on = False
        move.remark(mode, "no request asks for the cache by itself: it is off; `cache = true` turns it on for all")
    move.put("cache", on is not False)
    kind = str(params.fields()["type"].take()) if params.get("type") is not None else "redis"
    if kind not in _SEMANTIC:
        # What it did not do there, it does not begin to do by a move.
        move.put("cache_semantic", False)
    if kind in _REDIS:
        _redis(params, move, "")
    if (prefix := params.get("namespace")) is not None and (text := move.text(prefix)):
        move.put("redis_prefix", text[:64])
    move.seconds(params.get("ttl"), "cache_ttl_s")


def _budget(settings: Entry, move: Move) -> None:
    most, duration = move.number(settings.get("max_budget")), settings.get("budget_duration")
    if most:
        move.put("budget_usd", format(most, "f"))
    if duration is None:
        return
    days = (seconds_of(str(duration.value)) or 0) / _DAY_S
    periods = {1: "day", 7: "week", 30: "month", 31: "month"}
    if days in periods:
        duration.take()
        move.put("budget_period", periods[int(days)])
    else:
        move.remark(duration, "budgets are for a day, a week or a month here: the month stays (`budget_period`)")


def _general(settings: Entry, move: Move) -> None:
    _master_key(settings, move)
    if (url := settings.get("database_url")) is not None:
        was = variable_named(url)
        what = "give a PostgreSQL database of its own in UNDERDOG_DATABASE_URL; without one, SQLite. Keys of LiteLLM's "
        move.remark(url, f"{what}database are hashes and cannot move: make new ones (underdog keys create)")
        move.needs("UNDERDOG_DATABASE_URL", "another database than LiteLLM's", required=False, was=was)
    if (most := move.number(settings.get("global_max_parallel_requests"))) is not None and most >= 1:
        move.put("max_concurrent_requests", int(most))
    if (size := move.number(settings.get("max_request_size_mb"))) is not None and size > 0:
        move.put("max_body_mb", plain(size))
    if (keeps := settings.get("store_prompts_in_spend_logs")) is not None:
        move.put("ledger_prompts", keeps.take() is True)
    if (retention := settings.get("maximum_spend_logs_retention_period")) is not None:
        seconds = seconds_of(str(retention.value))
        if seconds:
            retention.take()
            move.put("ledger_keep_days", max(1, round(seconds / _DAY_S)))


def _master_key(settings: Entry, move: Move) -> None:
    """The key itself stays in the environment; the server that had one stays closed without it."""
    entry = settings.get("master_key")
    if entry is None:
        return
    was = variable_named(entry)
    move.put("require_key", True)
    move.needs("UNDERDOG_MASTER_KEY", "the key that administers keys and teams", required=False, was=was)
    if was is None:
        short = len(str(entry.value)) < MIN_MASTER_KEY_CHARS
        remedy = f"; take a longer one, of {MIN_MASTER_KEY_CHARS} characters or more" if short else ""
        move.remark(entry, f"is a key, which is not copied: put it into the environment as UNDERDOG_MASTER_KEY{remedy}")
    else:
        entry.take()
