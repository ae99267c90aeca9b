"""Who is let in."""

from __future__ import annotations

import pytest

from router.configured.secret import Secret
from router.errors import Forbidden, Unauthenticated
from router.http.auth import Doorman
from router.types import ANONYMOUS


def test_a_server_without_a_key_is_open() -> None:
    assert Doorman(None).admit({}) == ANONYMOUS


def test_the_right_key_is_let_in() -> None:
    assert Doorman(Secret("sesame")).admit({"authorization": "Bearer sesame"}).key_id == "server"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic sesame", "sesame", "Bearer sesame2"])
def test_anything_else_is_not(header: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        Doorman(Secret("sesame")).admit({"authorization": header})
    assert caught.value.status == 401
    assert "sesame" not in caught.value.message


def test_a_key_beyond_ascii_is_recognised_as_servers_hand_it_over() -> None:
    header = "Bearer Sésam".encode().decode("latin-1")
    assert Doorman(Secret("Sésam")).admit({"authorization": header}).key_id == "server"


def test_pages_of_other_sites_may_not_use_an_open_server() -> None:
    browser = {"sec-fetch-site": "cross-site"}
    with pytest.raises(Forbidden, match="UNDERDOG_API_KEY"):
        Doorman(None).admit(browser)
    assert Doorman(None).admit({"sec-fetch-site": "same-site"}) == ANONYMOUS
    assert Doorman(Secret("sesame")).admit({**browser, "authorization": "Bearer sesame"}).key_id == "server"
