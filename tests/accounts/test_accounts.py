"""Making, changing and ending keys and teams, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest

from router.accounts import Issued, KeyForm
from router.accounts.accounts import MAX_GRACE_S
from router.accounts.finding import find_key, find_team, team_names
from router.accounts.store import Which
from router.errors import InvalidRequest, UnknownAccount
from tests.accounts.support import Place, form

HOSTILE = "'); DROP TABLE keys; --"


def test_a_key_is_made_read_changed_and_revoked(place: Place) -> None:
    issued = place.accounts.create_key(form(name="ci", user="ann", budget_usd="0.30", metadata={"a": [1]}))
    found = place.elsewhere.key(issued.key.id)
    assert found == issued.key
    assert found.form == KeyForm(name="ci", user="ann", budget_usd=Decimal("0.30"), metadata={"a": [1]})
    changed = place.elsewhere.change_key(found.id, form(requests_per_minute=7, name=None))
    assert (changed.form.name, changed.form.requests_per_minute, changed.form.user) == (None, 7, "ann")
    revoked = place.accounts.revoke_key(found.id)
    assert revoked.revoked_at is not None
    assert place.accounts.revoke_key(found.id) == revoked
    for end in (lambda: place.accounts.change_key(found.id, b"{}"), lambda: place.accounts.rotate_key(found.id)):
        with pytest.raises(InvalidRequest, match="revoked") as caught:
            end()
        assert caught.value.code == "key_revoked"


def test_a_rotation_leaves_all_but_the_secret(place: Place) -> None:
    issued = place.accounts.create_key(form(name="ci"))
    rotated = place.accounts.rotate_key(issued.key.id)
    assert rotated.key.id == issued.key.id
    assert rotated.key.form == issued.key.form
    assert rotated.key.created_at == issued.key.created_at
    assert rotated.text.reveal() != issued.text.reveal()
    assert rotated.key.digest != issued.key.digest
    assert rotated.key.previous_digest is None
    assert place.accounts.rotate_key(issued.key.id, grace_s=60).key.previous_digest == rotated.key.digest
    for grace in (-1, float("nan"), float("inf"), MAX_GRACE_S + 1):
        with pytest.raises(InvalidRequest) as caught:
            place.accounts.rotate_key(issued.key.id, grace_s=grace)
        assert caught.value.param == "grace_s"


def test_a_key_joins_a_team_by_its_id_or_its_name(place: Place) -> None:
    team = place.accounts.create_team(form(name="search"))
    for called in (team.id, "search"):
        key = place.accounts.create_key(form(team=called)).key
        assert key.form.team == team.id
        assert place.accounts.change_key(key.id, form(team=None)).form.team is None
        assert place.accounts.change_key(key.id, form(team=called)).form.team == team.id
    place.accounts.delete_team(team.id)
    for called in (team.id, "search"):
        with pytest.raises(InvalidRequest, match="there is no team") as caught:
            place.accounts.create_key(form(team=called))
        assert caught.value.param == "team"


def test_a_team_is_made_changed_and_deleted_with_its_keys(place: Place) -> None:
    team = place.accounts.create_team(form(name="search", tokens_per_minute=1000))
    keys = [place.accounts.create_key(form(team=team.id)) for _ in range(3)]
    other = place.accounts.create_key(b"{}")
    with pytest.raises(InvalidRequest, match="another team") as caught:
        place.accounts.create_team(form(name="search"))
    assert caught.value.param == "name"
    assert place.elsewhere.change_team(team.id, form(blocked=True)).form.blocked
    deleted, revoked = place.accounts.delete_team(team.id)
    assert (deleted.deleted_at is not None, revoked) == (True, 3)
    assert place.accounts.delete_team(team.id) == (deleted, 0)
    assert [place.accounts.key(key.key.id).revoked_at for key in keys] == [deleted.deleted_at] * 3
    assert place.accounts.key(other.key.id).revoked_at is None
    assert place.accounts.create_team(form(name="search")).id != team.id
    with pytest.raises(InvalidRequest, match="deleted"):
        place.accounts.change_team(team.id, form(blocked=False))
    with pytest.raises(InvalidRequest) as caught:
        place.accounts.create_key(form(team=team.id))
    assert caught.value.param == "team"


NO_IDS = (HOSTILE, "", "a" * 12, "A" * 12, "a" * 13, "\x00", "%", "é" * 12, "a" * 12 + "\n")


def test_what_is_no_id_finds_nothing_and_does_no_harm(place: Place) -> None:
    accounts = place.accounts
    for no_id in NO_IDS:
        for ask in (accounts.key, accounts.revoke_key, accounts.rotate_key, accounts.team, accounts.delete_team):
            with pytest.raises(UnknownAccount):
                ask(no_id)
        for change in (accounts.change_key, accounts.change_team):
            with pytest.raises(UnknownAccount):
                change(no_id, b"{}")


def test_sql_in_names_metadata_and_filters_is_text(place: Place) -> None:
    accounts = place.accounts
    team = accounts.create_team(form(name=HOSTILE, metadata={HOSTILE: HOSTILE, "%s": "?", "nul": "\u0000"}))
    key = accounts.create_key(form(name=HOSTILE, user=HOSTILE, team=team.id, metadata={HOSTILE: [HOSTILE]}))
    accounts.create_key(form(name="other"))
    assert accounts.key(key.key.id).form.metadata == {HOSTILE: [HOSTILE]}
    assert accounts.team(team.id).form.metadata == {HOSTILE: HOSTILE, "%s": "?", "nul": "\u0000"}
    for which in (Which(name=HOSTILE), Which(user=HOSTILE), Which(team=team.id)):
        assert [found.id for found in accounts.keys(which).items] == [key.key.id]
    for which in (Which(name="' OR 1=1 --"), Which(user="%"), Which(team="' OR ''='"), Which(after=HOSTILE)):
        assert accounts.keys(which).items == []
    with pytest.raises(InvalidRequest):
        accounts.create_key(form(team="' OR ''='"))
    assert accounts.create_key(form(team=HOSTILE)).key.form.team == team.id


def test_lists_come_newest_first_in_pages_that_miss_nothing(place: Place) -> None:
    made = [place.accounts.create_key(form(name=f"k{number}")).key.id for number in range(7)]
    place.accounts.revoke_key(made[3])
    seen: list[str] = []
    after = None
    for _ in range(10):
        page = place.accounts.keys(Which(limit=2, after=after))
        seen += [key.id for key in page.items]
        after = seen[-1]
        if not page.has_more:
            break
    assert seen == [key_id for key_id in reversed(made) if key_id != made[3]]
    assert [key.id for key in place.accounts.keys(Which(ended="yes")).items] == [made[3]]
    assert len(place.accounts.keys(Which(ended="any")).items) == 7


def test_people_find_keys_and_teams_by_what_they_call_them(place: Place) -> None:
    accounts = place.accounts
    team = accounts.create_team(form(name="search"))
    key = accounts.create_key(form(name="ci"))
    for called in (key.key.id, key.key.label, key.text.reveal(), "ci"):
        assert find_key(accounts, called).id == key.key.id
    for called in (team.id, "search"):
        assert find_team(accounts, called).id == team.id
    assert team_names(accounts) == {team.id: "search"}
    accounts.create_key(form(name="ci"))
    with pytest.raises(InvalidRequest, match="Several"):
        find_key(accounts, "ci")
    for called in ("nobody", "", "sk-ud-", HOSTILE):
        with pytest.raises(UnknownAccount):
            find_key(accounts, called)
        with pytest.raises(UnknownAccount):
            find_team(accounts, called)


def test_changes_of_two_servers_at_once_are_all_kept_and_none_shares_a_number(place: Place) -> None:
    key = place.accounts.create_key(b"{}").key
    made: list[Issued] = []

    def change(accounts: object, field: str) -> None:
        for number in range(1, 11):
            accounts.change_key(key.id, form(**{field: number}))  # type: ignore[attr-defined]
            made.append(accounts.create_key(b"{}"))  # type: ignore[attr-defined]

    sides = [(place.accounts, "requests_per_minute"), (place.elsewhere, "tokens_per_minute")]
    threads = [threading.Thread(target=change, args=side) for side in sides]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = place.accounts.key(key.id)
    assert (last.form.requests_per_minute, last.form.tokens_per_minute) == (10, 10)
    numbers = [issued.key.change for issued in made]
    assert len(set(numbers)) == len(numbers) == 20
    assert last.change <= max(numbers) == 41
