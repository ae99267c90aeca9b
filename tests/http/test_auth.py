"""Who is let in."""

from __future__ import annotations

import pytest

from router.configured.secret import Secret
from router.errors import Forbidden, Unauthenticated
from router.http.auth import Doorman
from router.principals import ANONYMOUS


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


@pytest.mark.parametrize("header", ["x-api-key", "api-key"])
def test_the_headers_of_anthropics_and_azures_clients_carry_the_key_as_well(header: str) -> None:
    doorman = Doorman(Secret("sesame"))
    assert doorman.admit({header: "sesame"}).key_id == "server"
    assert doorman.admit({header: "sesame", "authorization": "Bearer sesame"}).key_id == "server"
    assert doorman.admit({header: "sesame", "authorization": "Basic other"}).key_id == "server"
    for wrong in ("", " ", "sesame2"):
        with pytest.raises(Unauthenticated):
            doorman.admit({header: wrong})


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "sesame", "authorization": "Bearer other"},
        {"x-api-key": "other", "authorization": "Bearer sesame"},
        {"x-api-key": "sesame", "api-key": "other"},
    ],
)
def test_two_different_keys_are_refused_even_if_one_is_right(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated, match="different API keys") as caught:
        Doorman(Secret("sesame")).admit(headers)
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


@pytest.mark.parametrize(
    "host", ["evil.example:8787", "evil.example", "localhost.evil.example", "", "[::1", "127.0.0.1.nip.io"]
)
def test_no_page_gets_in_by_a_name_that_its_own_site_lets_lead_here(host: str) -> None:
    page = {"origin": "http://evil.example:8787", "host": host}
    with pytest.raises(Forbidden, match="UNDERDOG_API_KEY"):
        Doorman(None).admit(page)
    assert Doorman(Secret("sesame")).admit({**page, "x-api-key": "sesame"}).key_id == "server"


@pytest.mark.parametrize("host", ["localhost:8787", "app.localhost", "127.0.0.1:8787", "[::1]:8787", "192.168.0.2"])
def test_pages_on_the_machine_itself_and_programs_may_use_an_open_server(host: str) -> None:
    assert Doorman(None).admit({"origin": "http://localhost:3000", "host": host}) == ANONYMOUS
    assert Doorman(None).admit({"host": "underdog.internal"}) == ANONYMOUS
