"""All settings of the server: frozen, read once, each with a sentence that says what it does.

Precedence, first found wins: command-line flag, environment variable (``UNDERDOG_`` + the name in capitals), TOML file
(``--config``, ``UNDERDOG_CONFIG``, ``./underdog.toml``), default.
"""

from __future__ import annotations

import difflib
import logging
import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta, Struct

from router.configured.budgets import wrong_amount, wrong_time_zone
from router.configured.catalogue import CatalogueEntry
from router.configured.converting import converted, is_table_kind
from router.configured.deployments import Deployment
from router.configured.given import Given
from router.configured.prices import PriceEntry
from router.configured.rules import Rule
from router.configured.secret import Secret
from router.errors import SettingsError
from router.logs.setup import Form, Level
from router.principals import Budget, Limits, Period, Privacy, WhenSpent
from router.types import WhenUnfamiliar

logger = logging.getLogger("underdog.settings")

PREFIX = "UNDERDOG_"
CONFIG_VARIABLE = "UNDERDOG_CONFIG"
DEFAULT_FILE = "underdog.toml"
MIN_MASTER_KEY_CHARS = 16
"""Where others can reach the server they can guess, too, as fast as it answers."""

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})

Fraction = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
MaxWrong = Annotated[float, Meta(ge=0, le=0.5, extra={"off": 0.0})]
"""A number that may also be given as the word ``off``."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `underdog serve` can be told. See the module docstring for where values come from."""

    host: Annotated[
        str, Meta(description="Address to listen on. Anything but loopback needs a key: see `master_key`.")
    ] = "127.0.0.1"
    port: Annotated[
        Annotated[int, Meta(ge=0, le=65535)], Meta(description="Port to listen on; 0 takes a free one.")
    ] = 8787
    api_key: Annotated[
        Secret | None, Meta(description="Key that callers must send as a bearer token; none leaves the server open.")
    ] = None
    master_key: Annotated[
        Secret | None, Meta(description="Key that may administer keys and teams; it closes the server to strangers.")
    ] = None
    require_key: Annotated[
        bool, Meta(description="Turn strangers away on loopback as well; keys come from `underdog keys create`.")
    ] = False
    requests_per_minute: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="Requests per minute of all callers together.")
    ] = None
    tokens_per_minute: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Tokens per minute of all callers together, of prompts and answers."),
    ] = None
    budget_usd: Annotated[
        Decimal | None,
        Meta(description="What all callers together may spend in a `budget_period`; see docs/budgets.md."),
    ] = None
    budget_period: Annotated[
        Period, Meta(description="How long the budget is to last: `day`, `week` (from Monday) or `month`.")
    ] = "month"
    budget_time_zone: Annotated[
        str, Meta(description="Time zone in which the period begins at midnight, such as `Europe/Berlin`.")
    ] = "UTC"
    budget_when_spent: Annotated[
        WhenSpent, Meta(description="What a spent budget means: `refuse` requests, or let the `weak` model answer all.")
    ] = "refuse"
    budget_pace: Annotated[bool, Meta(description="Move the threshold so that the budget lasts.")] = True
    database_url: Annotated[
        Secret | None,
        Meta(description="PostgreSQL (`postgresql://...`) for keys and ledger; none keeps both in `home` (SQLite)."),
    ] = None
    redis_url: Annotated[
        Secret | None,
        Meta(description="Redis or Valkey (`redis://...`) through which several servers share limits and cache."),
    ] = None
    redis_prefix: Annotated[
        Annotated[str, Meta(min_length=1, max_length=64)],
        Meta(description="What the names of all keys in Redis begin with, so that installations can share one."),
    ] = "underdog"
    redis_max_mb: Annotated[
        Positive, Meta(description="Megabytes of cached answers kept in Redis, for servers that join.")
    ] = 64.0

    weak_url: Annotated[
        str | None, Meta(description="Base URL of the weak model, with its /v1; none runs the embedded LLM.")
    ] = None
    weak_model: Annotated[str | None, Meta(description="Model id to ask the weak upstream for.")] = None
    weak_api_key: Annotated[Secret | None, Meta(description="Key for the weak upstream.")] = None
    strong_url: Annotated[
        str | None, Meta(description="Base URL of the strong model, with its /v1; none looks for a provider key.")
    ] = None
    strong_model: Annotated[str | None, Meta(description="Model id to ask the strong upstream for.")] = None
    strong_api_key: Annotated[Secret | None, Meta(description="Key for the strong upstream.")] = None
    embeddings_url: Annotated[
        str | None,
        Meta(description="Base URL of what has embeddings, with its /v1; none asks the strong or the weak upstream."),
    ] = None
    embeddings_model: Annotated[
        str | None, Meta(description="Embeddings model to ask for where a request names none, or `auto`.")
    ] = None
    embeddings_api_key: Annotated[Secret | None, Meta(description="Key for `embeddings_url`.")] = None
    deployments: Annotated[
        tuple[Deployment, ...],
        Meta(description="Endpoints behind the routes, instead of `weak_*` and `strong_*`; see docs/upstreams.md."),
    ] = ()
    named_models: Annotated[
        bool,
        Meta(
            description="Answer callers who name a model of a provider whose key is in the environment, such as "
            "`openai/gpt-4.1-mini`; see docs/upstreams.md."
        ),
    ] = True
    named_local: Annotated[
        tuple[str, ...],
        Meta(description="Local servers whose models callers may name as well, such as `ollama`."),
    ] = ()
    aliases: Annotated[
        dict[str, str | tuple[str, ...]],
        Meta(description="Names of your own for models, routes or `auto:` points; see docs/upstreams.md."),
    ] = {}
    fallback: Annotated[
        bool, Meta(description="Let the other model answer when the chosen one fails before its first byte.")
    ] = True

    context_fallbacks: Annotated[
        tuple[str, ...],
        Meta(
            description="Routes, model ids or aliases to ask, in order, where the model that was due says that the "
            "prompt is longer than its window; none takes the other route, unless its window is known to be no larger."
        ),
    ] = ()
    content_filter_fallbacks: Annotated[
        tuple[str, ...],
        Meta(
            description="Routes, model ids or aliases to ask, in order, where a content filter refuses; none asks "
            "nobody."
        ),
    ] = ()
    retries: Annotated[
        Annotated[int, Meta(ge=0, le=10)],
        Meta(description="Further attempts at an upstream that failed before its first byte; see docs/reliability.md."),
    ] = 2
    retry_budget: Annotated[
        Fraction,
        Meta(description="Share of requests that may be asked again, so that retries do not make an outage worse."),
    ] = 0.2
    breaker_failures: Annotated[
        Annotated[int, Meta(ge=1)],
        Meta(description="Failures in a row after which a deployment is not asked for a while."),
    ] = 5
    breaker_failure_rate: Annotated[
        Annotated[float, Meta(gt=0, le=1)],
        Meta(description="The same by the share of requests that failed within the last half minute, of 20 or more."),
    ] = 0.5
    breaker_open_s: Annotated[
        Positive,
        Meta(description="Seconds until such a deployment is asked again; doubled, up to 60, as long as it fails."),
    ] = 5.0
    hedge_after_s: Annotated[
        Positive | None,
        Meta(
            description="Seconds without the first piece of a stream after which another deployment is asked too, the "
            "slower one being cancelled; none never does."
        ),
    ] = None

    privacy: Annotated[
        Privacy,
        Meta(
            description="`local-only` leaves nothing to ask that is not on this machine or its network; a key or a "
            "request may want the same for itself (docs/configuration.md)."
        ),
    ] = "any"

    threshold: Annotated[
        Fraction | None, Meta(description="Default threshold; none takes the artifact's `balanced` operating point.")
    ] = None
    unfamiliar: Annotated[
        WhenUnfamiliar,
        Meta(description="Where prompts unlike all training go: `strong`, `weak`, or by the `win-rate` after all."),
    ] = "strong"
    sticky: Annotated[
        bool, Meta(description="Keep a conversation on the strong model where leaving its prompt cache does not pay.")
    ] = True
    catalogue: Annotated[
        tuple[CatalogueEntry, ...],
        Meta(description="What models can take, where the router does not know it or is wrong; see docs/guards.md."),
    ] = ()
    prices: Annotated[
        tuple[PriceEntry, ...],
        Meta(description="What models cost you, where that is not what the price list says; see docs/costs.md."),
    ] = ()
    prices_update: Annotated[
        bool, Meta(description="Fetch the price list of `genai-prices` once a day; off takes the one that is there.")
    ] = False
    prices_url: Annotated[
        str | None, Meta(description="Where the price list is fetched from; none takes the address of its makers.")
    ] = None
    baseline_lengths: Annotated[
        Annotated[tuple[Positive, ...], Meta(max_length=2)],
        Meta(
            description="Tokens of the strong model's answer for one of another model's, from and to, such as `[0.9, "
            "1.4]`; none takes those of any pair of models (docs/costs.md)."
        ),
    ] = ()
    compute_usd_per_hour: Annotated[
        Annotated[float, Meta(ge=0)],
        Meta(description="What an hour of this machine costs: reports then show what routing takes as money."),
    ] = 0.0
    rules: Annotated[
        tuple[Rule, ...], Meta(description="Your own rules, which come before the score; see docs/rules.md.")
    ] = ()
    hook: Annotated[
        str | None,
        Meta(
            description="Python function asked about every request: `package.module:function` or `./file.py:function`."
        ),
    ] = None
    hook_required: Annotated[
        bool, Meta(description="Refuse a request at which the hook fails; off lets it pass as if there were no hook.")
    ] = True
    artifact: Annotated[
        str | None,
        Meta(description="Folder of the classifier artifact; none takes the one chosen by `underdog artifacts use`."),
    ] = None

    cache: Annotated[bool, Meta(description="Answer repeated questions from the cache.")] = True
    cache_semantic: Annotated[bool, Meta(description="Also answer reworded questions, where the verifier is sure.")] = (
        True
    )
    cache_verifier: Annotated[
        str | None,
        Meta(description="Folder of the verifier that judges reworded questions; none takes the shipped one."),
    ] = None
    cache_max_wrong: Annotated[
        MaxWrong,
        Meta(
            description="Share of lookalike questions, 0 to 0.5, that may get an answer that is not theirs; 0 or `off` "
            "leaves exact repeats and other spellings of the same words."
        ),
    ] = 0.01
    cache_keep_pairs: Annotated[
        bool,
        Meta(
            description="Keep both questions of a rewording that a caller rated, so that the verifier can be refitted."
        ),
    ] = False
    cache_ttl_s: Annotated[Positive, Meta(description="Seconds that a cached answer lives.")] = 86_400.0
    cache_max_entries: Annotated[
        Annotated[int, Meta(ge=1)], Meta(description="Entries kept before those go that save least per byte.")
    ] = 50_000
    cache_max_mb: Annotated[Positive, Meta(description="Megabytes of cached answers kept.")] = 256.0
    cache_path: Annotated[
        str | None,
        Meta(description="File that keeps cached answers over restarts, or `off`; none takes cache.sqlite3 in `home`."),
    ] = None
    cache_max_temperature: Annotated[
        Annotated[float, Meta(ge=0, le=2)], Meta(description="Do not cache requests above this temperature.")
    ] = 1.0
    cache_single_flight: Annotated[
        bool, Meta(description="Let equal requests at the same moment wait for the answer to the first of them.")
    ] = True

    home: Annotated[
        str | None, Meta(description="Folder for the ledger and the fetched LLM; none takes ~/.local/share/underdog.")
    ] = None

    ledger_keep_days: Annotated[
        Positive | None,
        Meta(description="Days after which requests leave the ledger, with all that is kept of them; totals stay."),
    ] = None
    ledger_prompts: Annotated[
        bool, Meta(description="Keep what is asked and answered in the ledger; see docs/ledger.md.")
    ] = False
    ledger_prompts_key: Annotated[
        Secret | None,
        Meta(description="Key to encrypt them by, 32 bytes in base64; `underdog ledger prompts key` makes one."),
    ] = None
    ledger_prompts_old_keys: Annotated[
        Secret | None, Meta(description="Earlier keys, by which prompts are still read; with commas between them.")
    ] = None

    embedded_threads: Annotated[Annotated[int, Meta(ge=1)], Meta(description="CPU threads of the embedded LLM.")] = 1
    embedded_context: Annotated[
        Annotated[int, Meta(ge=256)], Meta(description="Context window of the embedded LLM, in tokens.")
    ] = 4096

    connect_timeout_s: Annotated[Positive, Meta(description="Seconds to wait for a connection to an upstream.")] = 5.0
    first_token_timeout_s: Annotated[Positive, Meta(description="Seconds to wait for the first byte of an answer.")] = (
        120.0
    )
    total_timeout_s: Annotated[Positive, Meta(description="Seconds that a whole answer may take.")] = 600.0
    shutdown_grace_s: Annotated[
        Annotated[int, Meta(ge=0)], Meta(description="Seconds that answers under way get to finish when told to stop.")
    ] = 25
    shutdown_delay_s: Annotated[
        Annotated[float, Meta(ge=0)],
        Meta(
            description="Seconds for which a server that was told to stop still takes requests while `/ready` answers "
            "503, so that load balancers notice."
        ),
    ] = 0.0
    body_timeout_s: Annotated[
        Positive, Meta(description="Seconds without a byte after which an unfinished request body is given up.")
    ] = 60.0
    max_body_mb: Annotated[Positive, Meta(description="Largest request body accepted, in megabytes.")] = 8.0
    max_messages: Annotated[Annotated[int, Meta(ge=1)], Meta(description="Most messages in one request.")] = 2000
    max_concurrent_requests: Annotated[
        Annotated[int, Meta(ge=1)],
        Meta(description="Requests answered at once; one more is turned away with 429 before it is read."),
    ] = 1024

    log_format: Annotated[
        Form, Meta(description="How the log is written: `text`, or `json`, one object a line (docs/operations.md).")
    ] = "text"
    log_level: Annotated[
        Level,
        Meta(description="How much is logged: with `info` a line for every request, with `error` faults alone."),
    ] = "warning"
    otlp_endpoint: Annotated[
        str | None,
        Meta(
            description="OpenTelemetry collector that traces are sent to (OTLP over HTTP), such as "
            "`http://localhost:4318`; none asks `OTEL_EXPORTER_OTLP_ENDPOINT`, and without that sends nothing."
        ),
    ] = None

    @property
    def closed(self) -> bool:
        """Whether strangers are turned away."""
        return self.require_key or self.api_key is not None or self.master_key is not None

    @property
    def limits(self) -> Limits:
        """The limits of all callers together."""
        return Limits(requests_per_minute=self.requests_per_minute, tokens_per_minute=self.tokens_per_minute)

    @property
    def budget(self) -> Budget | None:
        """The budget of all callers together; None without one."""
        if self.budget_usd is None:
            return None
        return Budget(
            usd=self.budget_usd,
            period=self.budget_period,
            time_zone=self.budget_time_zone,
            when_spent=self.budget_when_spent,
            pace=self.budget_pace,
        )

    @property
    def home_path(self) -> Path:
        """The folder of the ledger and the fetched LLM."""
        if self.home:
            return Path(self.home).expanduser()
        base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
        return Path(base).expanduser() / "underdog"

    @property
    def cache_file(self) -> Path | None:
        """The file of the cache; None where it is kept in memory only."""
        if not self.cache or self.cache_path == "off":
            return None
        return Path(self.cache_path).expanduser() if self.cache_path else self.home_path / "cache.sqlite3"


FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}


def is_table(name: str) -> bool:
    """Whether a setting is a list or a table of records: TOML writes it so, the environment as JSON, no flag has it."""
    return name in FIELDS and is_table_kind(FIELDS[name].type)


def is_secret(name: str) -> bool:
    """Whether a setting holds a key, or an address with a password in it: no flag has it, and nothing shows it."""
    kind, *_ = get_args(FIELDS[name].type)
    return Secret in (kind, *get_args(kind))


class Sources(Struct, frozen=True, kw_only=True):
    """Where a server's settings come from, so that they can be read again.

    ``flags``: values given on the command line; None values count as not given. ``environ``: the environment;
    ``os.environ`` where None. ``config``: the TOML file; ``UNDERDOG_CONFIG`` or ``./underdog.toml`` where None.
    """

    flags: Mapping[str, Any] = {}
    environ: Mapping[str, str] | None = None
    config: Path | None = None

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment."""
        return os.environ if self.environ is None else self.environ

    @property
    def file(self) -> Path:
        """The TOML file, whether it is there or not."""
        return self.config or Path(self.variables.get(CONFIG_VARIABLE) or DEFAULT_FILE)

    @property
    def file_is_named(self) -> bool:
        """Whether somebody named the file, which then must be there."""
        return self.config is not None or bool(self.variables.get(CONFIG_VARIABLE))

    def gather(self, *, text: str | None = None) -> dict[str, Given]:
        """What was given, by setting and not yet checked; of several values of one setting the one that counts.

        Args:
            text: stands for the file's, where it is given.

        Raises:
            SettingsError: the file cannot be read, or names what is no setting.
        """
        in_file = self._in_file() if text is None else given_in(text, str(self.file))
        return in_file | _in_environment(self.variables) | _in_flags(self.flags)

    def read(self) -> Settings:
        """The settings.

        Raises:
            SettingsError: naming the setting, where it came from, and what is allowed.
        """
        return settings_of(self.gather())

    def _in_file(self) -> dict[str, Given]:
        path = self.file
        if not self.file_is_named and not path.is_file():
            return {}
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"{path}: cannot be read ({error.strerror}).") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"{path}: not valid TOML: {error}.") from error
        return given_in(text, str(path))


def load_settings(
    *,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    config: Path | None = None,
) -> Settings:
    """Gather settings from flags, environment and TOML file; see `Sources`.

    Raises:
        SettingsError: naming the setting, where it came from, and what is allowed.
    """
    return Sources(flags=flags or {}, environ=environ, config=config).read()


def settings_of(given: Mapping[str, Given]) -> Settings:
    """The settings that were given, the others by default.

    Raises:
        SettingsError: naming the setting, where it came from, and what is allowed.
    """
    values = {name: converted(each, FIELDS[name], secret=is_secret(name)) for name, each in given.items()}
    settings = Settings(**values)
    require_sound(settings, given)
    return settings


def require_sound(settings: Settings, given: Mapping[str, Given]) -> None:
    """Refuse what types alone cannot rule out.

    Raises:
        SettingsError: naming the setting, where it came from, and what is allowed.
    """
    if settings.host not in LOOPBACK_HOSTS and not settings.closed:
        message = (
            f"{_origin(given, 'host')}: refusing to listen on {settings.host} without a key; "
            "set UNDERDOG_MASTER_KEY (or UNDERDOG_API_KEY), or listen on 127.0.0.1."
        )
        raise SettingsError(message)
    wrong = {"budget_time_zone": wrong_time_zone(settings.budget_time_zone)}
    if settings.budget_usd is not None:
        wrong["budget_usd"] = wrong_amount(settings.budget_usd)
    if settings.master_key is not None:
        wrong["master_key"] = _wrong_master_key(settings.master_key, settings)
    for name, said in wrong.items():
        if said is not None:
            raise SettingsError(f"{_origin(given, name)}: {said}.")


def _origin(given: Mapping[str, Given], name: str) -> str:
    return given[name].origin() if name in given else name


def _wrong_master_key(key: Secret, settings: Settings) -> str | None:
    if key == settings.api_key:
        return "is the same as api_key, which callers know; make another one"
    if settings.host not in LOOPBACK_HOSTS and len(key.reveal()) < MIN_MASTER_KEY_CHARS:
        fewest = f"must have at least {MIN_MASTER_KEY_CHARS} characters where others can reach the server"
        return f"{fewest}; `openssl rand -hex 32` makes one"
    return None


def given_in(text: str, path: str) -> dict[str, Given]:
    """What a TOML text gives, by setting.

    Args:
        text: of the file.
        path: by which messages name it.

    Raises:
        SettingsError: it is no TOML, or names what is no setting.
    """
    try:
        table = _flat(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}.") from error
    given = {
        name: Given(setting=name, value=value, source="file", place=path, text=text) for name, value in table.items()
    }
    for name in sorted(set(table) - set(FIELDS)):
        line = given[name].line()
        place = path if line is None else f"{path}, line {line}"
        raise SettingsError(f"{place}: {unknown(name)}")
    return given


def unknown(name: str) -> str:
    """What is said of a name that no setting has."""
    nearest = difflib.get_close_matches(name, FIELDS, n=1)
    hint = f"did you mean '{nearest[0]}'?" if nearest else "docs/settings.md lists them all."
    return f"unknown setting '{name[:60]}'; {hint}"


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """A setting may be written in a group: ``cache.max_wrong``, or ``max_wrong`` below ``[cache]``."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        group = value if isinstance(value, dict) and not is_table(name) else {}
        flat |= {f"{name}_{member}": inner for member, inner in group.items()} or {name: value}
    return flat


def _in_environment(environ: Mapping[str, str]) -> dict[str, Given]:
    variables = {name: PREFIX + name.upper() for name in FIELDS}
    _warn_of_misspelt(environ, list(variables.values()))
    return {
        name: Given(setting=name, value=environ[variable], source="environment", place=variable)
        for name, variable in variables.items()
        if environ.get(variable)
    }


def _warn_of_misspelt(environ: Mapping[str, str], known: list[str]) -> None:
    # Not refused: container platforms put variables of their own under a service's name.
    for variable in sorted(name for name in environ if name.startswith(PREFIX) and name not in known):
        nearest = difflib.get_close_matches(variable, known, n=1, cutoff=0.9)
        if nearest:
            logger.warning("%s is no setting and has no effect; did you mean %s?", variable, nearest[0])


def _in_flags(flags: Mapping[str, Any]) -> dict[str, Given]:
    return {
        name: Given(setting=name, value=value, source="flag", place=f"--{name.replace('_', '-')}")
        for name, value in flags.items()
        if value is not None
    }
