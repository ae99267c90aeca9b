"""The ledger's schema, as numbered steps; see ``router.database.migrations``.

Money is kept as exact decimal text (``0.0000025``). Price lists quote up to 18 decimals per million tokens, so no
integer unit that fits 64 bits (nano-, even pico-dollars) is exact; text is, it has no largest amount, and it reads as
dollars in any SQL shell. It is added up by ``exact_add`` and ``exact_sum``, never by SQL's own sums. Times are whole
microseconds since 1970, UTC: exact, short, and ordered as numbers.
"""

from __future__ import annotations

COMPONENT = "ledger"
"""What the steps are counted under."""

Migration = tuple[str, ...]
"""The SQL statements of one step."""

MIGRATIONS: tuple[Migration, ...] = (
    (
        """
        CREATE TABLE requests (
            seq INTEGER PRIMARY KEY,            -- order of writing
            request_id TEXT NOT NULL UNIQUE,
            at INTEGER NOT NULL,                -- microseconds since 1970-01-01, UTC
            tenant TEXT NOT NULL,
            key_id TEXT,
            endpoint TEXT NOT NULL,
            requested_model TEXT,
            route TEXT,
            model TEXT,
            reason TEXT,
            win_rate REAL,
            threshold REAL,
            artifact TEXT,
            cache TEXT,
            cache_similarity REAL,
            stream INTEGER NOT NULL,            -- 0 or 1
            status INTEGER NOT NULL,
            outcome TEXT NOT NULL,
            error_code TEXT,
            finish_reason TEXT,
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            tokens_estimated INTEGER NOT NULL,  -- 0 or 1
            cost_usd TEXT,                      -- exact decimal; NULL: price not known
            baseline_cost_usd TEXT,             -- the same
            latency_ms REAL NOT NULL,
            first_token_ms REAL,
            decision_us REAL
        ) STRICT
        """,
        "CREATE INDEX requests_by_tenant ON requests (tenant, seq)",
        """
        CREATE TABLE rollup (                   -- totals of `requests`; '' in the key stands for NULL
            tenant TEXT NOT NULL,
            route TEXT NOT NULL,
            reason TEXT NOT NULL,
            cache TEXT NOT NULL,
            outcome TEXT NOT NULL,
            error_code TEXT NOT NULL,
            requests INTEGER NOT NULL,
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            estimated INTEGER NOT NULL,         -- requests whose tokens were estimated
            priced INTEGER NOT NULL,            -- requests whose cost is known
            baselined INTEGER NOT NULL,         -- requests whose baseline cost is known
            compared INTEGER NOT NULL,          -- requests where both are known
            cost_usd TEXT NOT NULL,             -- exact decimals
            baseline_cost_usd TEXT NOT NULL,
            saved_usd TEXT NOT NULL,            -- over the compared requests
            first_at INTEGER NOT NULL,          -- microseconds since 1970-01-01, UTC
            last_at INTEGER NOT NULL,
            PRIMARY KEY (tenant, route, reason, cache, outcome, error_code)
        ) STRICT, WITHOUT ROWID
        """,
    ),
    (
        """
        CREATE TABLE feedback (
            request_id TEXT PRIMARY KEY REFERENCES requests (request_id),
            rating TEXT NOT NULL CHECK (rating IN ('good', 'bad')),
            at INTEGER NOT NULL                 -- microseconds since 1970-01-01, UTC
        ) STRICT, WITHOUT ROWID
        """,
    ),
    (
        "ALTER TABLE requests ADD COLUMN scored_tokens INTEGER",
        "ALTER TABLE requests ADD COLUMN unfamiliarity REAL",
    ),
    (
        "ALTER TABLE requests ADD COLUMN cache_key TEXT",
        "ALTER TABLE requests ADD COLUMN cache_entry TEXT",
        "ALTER TABLE requests ADD COLUMN cache_verdict REAL",
        "ALTER TABLE requests ADD COLUMN cache_verifier TEXT",
        "CREATE INDEX reworded ON requests (seq) WHERE cache_entry IS NOT NULL",
        """
        CREATE TABLE rated_pairs (              -- only where the operator lets questions be kept
            request_id TEXT PRIMARY KEY REFERENCES requests (request_id),
            a TEXT NOT NULL,                    -- JSON: the messages whose answer was given
            b TEXT NOT NULL                     -- JSON: the messages that it was given to
        ) STRICT, WITHOUT ROWID
        """,
    ),
    (
        "ALTER TABLE requests ADD COLUMN team TEXT",
        "ALTER TABLE requests ADD COLUMN user_id TEXT",
        "ALTER TABLE requests ADD COLUMN provider TEXT",
        "ALTER TABLE requests ADD COLUMN deployment TEXT",
        "ALTER TABLE requests ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE requests ADD COLUMN rule TEXT",
        "ALTER TABLE requests ADD COLUMN cached_tokens INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE requests ADD COLUMN cache_written_tokens INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE requests ADD COLUMN reasoning_tokens INTEGER NOT NULL DEFAULT 0",
    ),
    (
        "ALTER TABLE requests ADD COLUMN uncertain_usd TEXT",
        "ALTER TABLE requests ADD COLUMN verify_us REAL",
        "ALTER TABLE requests ADD COLUMN embedded_ms REAL",
        "ALTER TABLE rollup ADD COLUMN uncertain_usd TEXT NOT NULL DEFAULT '0'",
        """
        CREATE TABLE quarters (                 -- totals of a quarter of an hour; '' in the key stands for NULL
            quarter INTEGER NOT NULL,           -- its beginning: seconds since 1970-01-01, UTC
            tenant TEXT NOT NULL,
            team TEXT NOT NULL,
            key_id TEXT NOT NULL,
            user_id TEXT NOT NULL,
            model TEXT NOT NULL,
            route TEXT NOT NULL,
            cache TEXT NOT NULL,
            requests INTEGER NOT NULL,
            errors INTEGER NOT NULL,            -- requests whose outcome is `error`
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            cached_tokens INTEGER NOT NULL,
            cache_written_tokens INTEGER NOT NULL,
            reasoning_tokens INTEGER NOT NULL,
            estimated INTEGER NOT NULL,         -- requests whose tokens were estimated
            priced INTEGER NOT NULL,            -- requests whose cost is known
            baselined INTEGER NOT NULL,         -- requests whose baseline cost is known
            compared INTEGER NOT NULL,          -- requests where both are known
            cost_usd TEXT NOT NULL,             -- exact decimals
            baseline_cost_usd TEXT NOT NULL,
            saved_usd TEXT NOT NULL,            -- over the compared requests
            uncertain_usd TEXT NOT NULL,        -- part of the baseline, see LedgerRow
            unpriced INTEGER NOT NULL,          -- requests answered by a model whose price nobody knows
            decision_us INTEGER NOT NULL,       -- what this machine itself took, in whole microseconds
            verify_us INTEGER NOT NULL,
            embedded_us INTEGER NOT NULL,
            PRIMARY KEY (quarter, tenant, team, key_id, user_id, model, route, cache)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX quarters_by_team ON quarters (team, quarter)",
        "CREATE INDEX quarters_by_key ON quarters (key_id, quarter)",
        # Of the requests so far: times are counted from 1970, so that a quarter is a whole number of 900 seconds.
        """
        INSERT INTO quarters
        SELECT
            at / 900000000 * 900, tenant, coalesce(team, ''), coalesce(key_id, ''), coalesce(user_id, ''),
            substr(coalesce(model, ''), 1, 200), coalesce(route, ''), coalesce(cache, ''),
            count(*), sum(CASE WHEN outcome = 'error' THEN 1 ELSE 0 END), sum(prompt_tokens), sum(completion_tokens),
            sum(cached_tokens), sum(cache_written_tokens), sum(reasoning_tokens), sum(tokens_estimated),
            count(cost_usd), count(baseline_cost_usd), count(exact_add(cost_usd, baseline_cost_usd)),
            coalesce(exact_sum(cost_usd), '0'), coalesce(exact_sum(baseline_cost_usd), '0'),
            coalesce(exact_sum(exact_add(baseline_cost_usd, '-' || cost_usd)), '0'), '0',
            sum(CASE WHEN cost_usd IS NULL AND prompt_tokens + completion_tokens > 0 THEN 1 ELSE 0 END),
            coalesce(sum(CAST(decision_us AS INTEGER)), 0), 0, 0
        FROM requests
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
        """,
        """
        CREATE TABLE prompts (                  -- only where the operator lets them be kept
            request_id TEXT PRIMARY KEY REFERENCES requests (request_id),
            sealed_by TEXT NOT NULL,            -- name of the key; '' where it is not encrypted
            body BLOB NOT NULL                  -- JSON: messages and answer; or a nonce and what AES-256-GCM made of it
        ) STRICT
        """,
    ),
)
