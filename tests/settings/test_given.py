"""Which line of the file a complaint is about."""

from __future__ import annotations

import pytest

from router.configured.given import placed
from router.settings import PREFIX, given_in

FILE = """\
strong_url = "nonsense"

[[deployments]]
route = "weak"
model = "a"

[[deployments]]
route = "named"
model = "own"
headers = { x = "[[deployments]]" }

[[deployments]]
route = "weak"
model = "b"

[[deployments]]
name = "eu"
route = "weak"
"""


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("UNDERDOG_STRONG_URL: not a URL.", 1),
        ("deployments: 'weak-1': url", 3),
        ("deployments: 'own': url", 7),
        ("deployments: 'weak-2': url", 12),
        ("deployments: 'eu': url", 16),
        ("deployments: one with the route 'named' names no model", 3),
        ("rules: 'r': then.model", None),
        ("Cannot listen on 127.0.0.1", None),
    ],
)
def test_a_complaint_is_told_with_the_line_that_it_is_about(message: str, line: int | None) -> None:
    told = placed(message, given_in(FILE, "f.toml"), PREFIX)
    assert told == (message if line is None else f"f.toml, line {line}: {message}")
