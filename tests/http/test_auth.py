"""Who is let in."""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from litestar.datastructures import Headers

from router.accounts.ring import NOT_VALID
from router.configured.secret import Secret
from router.errors import AdminOnly, Forbidden, Unauthenticated
from router.http import auth
from router.http.auth import Doorman, require_admin, require_operator, require_own_name
from router.principals import ANONYMOUS, Limits, Principal, Scope


def test_a_server_without_a_key_is_open() -> None:
    assert Doorman().admit({}) == ANONYMOUS


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
        Doorman().admit(browser)
    assert Doorman().admit({"sec-fetch-site": "same-site"}) == ANONYMOUS
    assert Doorman(Secret("sesame")).admit({**browser, "authorization": "Bearer sesame"}).key_id == "server"


@pytest.mark.parametrize(
    "host", ["evil.example:8787", "evil.example", "localhost.evil.example", "", "[::1", "127.0.0.1.nip.io"]
)
def test_no_page_gets_in_by_a_name_that_its_own_site_lets_lead_here(host: str) -> None:
    page = {"origin": "http://evil.example:8787", "host": host}
    with pytest.raises(Forbidden, match="UNDERDOG_API_KEY"):
        Doorman().admit(page)
    assert Doorman(Secret("sesame")).admit({**page, "x-api-key": "sesame"}).key_id == "server"


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://evil.example:8787", "null", "", "http://192.168.0.9"]
)
@pytest.mark.parametrize("host", ["0.0.0.0:8787", "[::ffff:127.0.0.1]:8787", "192.168.0.2:8787", "127.0.0.1:8787"])
def test_no_page_of_another_site_gets_in_by_an_address_either(origin: str, host: str) -> None:
    # To addresses that are not loopback by their looks, browsers do not say sec-fetch-site.
    with pytest.raises(Forbidden, match="UNDERDOG_API_KEY"):
        Doorman().admit({"origin": origin, "host": host})
    assert Doorman().admit({"origin": f"http://{host}", "host": host}) == ANONYMOUS


@pytest.mark.parametrize("host", ["localhost:8787", "app.localhost", "127.0.0.1:8787", "[::1]:8787", "192.168.0.2"])
def test_pages_on_the_machine_itself_and_programs_may_use_an_open_server(host: str) -> None:
    assert Doorman().admit({"origin": "http://localhost:3000", "host": host}) == ANONYMOUS
    assert Doorman().admit({"host": "underdog.internal"}) == ANONYMOUS


def test_a_page_that_only_reads_sees_nothing_of_what_is_kept_by_a_name_of_its_own() -> None:
    # No origin: to the browser, the page reads from its own site.
    by_name = {"host": "evil.example:8787"}
    with pytest.raises(Forbidden, match="localhost"):
        require_own_name(Doorman().admit(by_name), by_name)
    for host in ("localhost:8787", "127.0.0.1:8787", "[::1]:8787"):
        require_own_name(Doorman().admit({"host": host}), {"host": host})
    keyed = {**by_name, "x-api-key": "sesame"}
    require_own_name(Doorman(Secret("sesame")).admit(keyed), keyed)


MASTER = Secret("master")
SERVER = Scope(kind="server", id="server", limits=Limits(requests_per_minute=5))


class OneKey:
    """Knows one key, as the ring would."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def principal(self, text: str, digest: bytes) -> Principal:
        self.asked.append(text)
        if text != "sk-ud-mine":
            raise Unauthenticated(NOT_VALID)
        return Principal("key:mine", key_id="mine")


def test_the_master_key_administers_and_nobody_else_does() -> None:
    doorman = Doorman(Secret("sesame"), master_key=MASTER)
    admin = doorman.admit({"x-api-key": "master"})
    assert (admin.admin, admin.key_id, admin.tenant) == (True, "master", "local")
    require_admin(admin)
    for other in (doorman.admit({"x-api-key": "sesame"}), Doorman().admit({}), Principal("key:a")):
        assert not other.admin
        with pytest.raises(AdminOnly, match="UNDERDOG_MASTER_KEY"):
            require_admin(other)
    require_operator(doorman.admit({"x-api-key": "sesame"}))
    with pytest.raises(AdminOnly):
        require_operator(Principal("team:a"))


def test_a_key_that_is_not_set_is_nobodys() -> None:
    doorman = Doorman(master_key=MASTER)
    for key in ("", "None", "***", "sesame"):
        with pytest.raises(Unauthenticated):
            doorman.admit({"x-api-key": key})
    assert not Doorman(Secret("sesame")).admit({"x-api-key": "sesame"}).admin


@pytest.mark.parametrize("closed", [{"master_key": MASTER}, {"require_key": True}, {"api_key": Secret("sesame")}])
def test_any_of_three_settings_closes_the_server_to_strangers(closed: dict[str, Any]) -> None:
    doorman = Doorman(**closed, keys=OneKey())
    for headers in ({}, {"authorization": "Bearer not-needed"}, {"x-api-key": "sk-ud-theirs"}):
        with pytest.raises(Unauthenticated):
            doorman.admit(headers)
    assert doorman.admit({"authorization": "Bearer sk-ud-mine"}).key_id == "mine"


def test_an_open_server_asks_the_ring_about_our_keys_alone() -> None:
    keys = OneKey()
    doorman = Doorman(keys=keys)
    for placeholder in ("not-needed", "sk-proj-x", "SK-UD-mine", ""):
        assert doorman.admit({"authorization": f"Bearer {placeholder}"}) == ANONYMOUS
    assert keys.asked == []
    assert doorman.admit({"x-api-key": "sk-ud-mine"}).key_id == "mine"
    with pytest.raises(Unauthenticated) as caught:
        doorman.admit({"x-api-key": "sk-ud-theirs"})
    assert "sk-ud-theirs" not in caught.value.message
    assert doorman.admit({"x-api-key": "one", "authorization": "Bearer other"}) == ANONYMOUS
    with pytest.raises(Unauthenticated, match="different"):
        doorman.admit({"x-api-key": "sk-ud-mine", "authorization": "Bearer other"})


def test_a_second_line_of_a_header_is_not_overlooked() -> None:
    doorman = Doorman(keys=OneKey(), require_key=True)
    twice = Headers([(b"authorization", b"Bearer sk-ud-mine"), (b"authorization", b"Bearer sk-ud-other")])
    with pytest.raises(Unauthenticated, match="different"):
        doorman.admit(twice)
    assert doorman.admit(Headers([(b"authorization", b"Bearer sk-ud-mine")] * 2)).key_id == "mine"


def test_whatever_is_sent_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    doorman = Doorman(Secret("sesame"), master_key=MASTER)
    compared: list[tuple[int, int]] = []
    in_constant_time = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return in_constant_time(one, other)

    monkeypatch.setattr(auth.hmac, "compare_digest", compare)
    for key in ("", "s", "sesame2", "master2", "x" * 10_000, "sk-ud-x", "\xff"):
        compared.clear()
        with pytest.raises(Unauthenticated):
            doorman.admit({"x-api-key": key})
        assert compared == [(32, 32), (32, 32)]


def test_what_all_requests_count_against_is_everybodys() -> None:
    doorman = Doorman(Secret("sesame"), master_key=MASTER, server=SERVER)
    for key in ("sesame", "master"):
        assert doorman.admit({"x-api-key": key}).scopes == (SERVER,)
    assert Doorman(server=SERVER).admit({}).scopes == (SERVER,)
    assert Doorman().admit({}).scopes == ()
