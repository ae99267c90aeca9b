"""The upstream that is configured for embeddings."""

from typing import Any

import pytest

from router.configured.secret import Secret
from router.errors import SettingsError
from router.settings import Settings
from router.upstream.embeddings import embeddings_upstream


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"embeddings_url": "ftp://h/v1"}, "UNDERDOG_EMBEDDINGS_URL: 'ftp://h/v1' must begin with"),
        ({"embeddings_url": "http://u:p@h/v1"}, "move the key to UNDERDOG_EMBEDDINGS_API_KEY"),
        (
            {"embeddings_url": "http://h/v1", "embeddings_api_key": Secret("a\nb")},
            "UNDERDOG_EMBEDDINGS_API_KEY: holds characters",
        ),
        ({"embeddings_api_key": Secret("k")}, "is set without UNDERDOG_EMBEDDINGS_URL"),
    ],
)
def test_what_could_not_work_is_named_as_the_operator_knows_it(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        embeddings_upstream(Settings(**settings), {})
