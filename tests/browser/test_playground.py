"""The console's playground: both models answer side by side, as text, with what it took and what it cost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Locator, expect

from router.upstream.scripted import ScriptedServer, Turn
from tests.browser.conftest import Visiting
from tests.browser.seeded import MARKED_ANSWER, STRONG, WEAK, Seeded, a_new_question
from tests.browser.visit import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

WEAK_ANSWER = "Paris is the capital of France"
READY = "textarea"


@pytest.fixture
def weak_turns(changing: Seeded) -> Iterator[list[Turn]]:
    """What the weak model does next; as before when the test ends."""
    yield from _turns(changing.weak)


@pytest.fixture
def strong_turns(changing: Seeded) -> Iterator[list[Turn]]:
    """The same of the strong one."""
    yield from _turns(changing.strong)


def _turns(model: ScriptedServer) -> Iterator[list[Turn]]:
    before = list(model.turns)
    yield model.turns
    model.turns[:] = before


async def opened(visiting: Visiting, seeded: Seeded, **options: str) -> Visit:
    here = await visiting(seeded, **options)
    await here.open("playground", READY)
    return here


async def asked(here: Visit, prompt: str) -> None:
    await here.page.get_by_label("Prompt", exact=True).fill(prompt)
    await here.page.keyboard.press("Control+Enter")


def answer(here: Visit, route: str) -> Locator:
    """A model's card."""
    return here.page.get_by_role("region", name=route.capitalize(), exact=True)


async def test_both_answer_side_by_side_with_times_tokens_and_costs(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing)
    await asked(here, a_new_question())
    await expect(here.page.get_by_role("region", name="Which was better?")).to_be_visible()
    for route, model, text in (("weak", WEAK, WEAK_ANSWER), ("strong", STRONG, "Bold")):
        card = answer(here, route)
        await expect(card).to_contain_text(model)
        await expect(card).to_contain_text(text)
        for name, told in (("First word after", "ms"), ("Whole after", "ms"), ("Tokens", "out"), ("Cost", "$")):
            await expect(card.locator("dl > div", has_text=name)).to_contain_text(told)
    await expect(here.page.locator(".play-decision")).to_contain_text("Underdog would have asked")
    await expect(here.page.locator(".play-decision")).to_contain_text("the threshold")


async def test_an_answer_is_text_whatever_it_holds(
    changing: Seeded, visiting: Visiting, weak_turns: list[Turn]
) -> None:
    right_to_left = "مرحبا بالعالم\n" * 3
    weak_turns[:] = [Turn(reply=f"{right_to_left}{'Donaudampfschifffahrt' * 40}")]
    here = await opened(visiting, changing)
    await asked(here, a_new_question())
    await expect(here.page.get_by_label("Answer of the strong model")).to_have_text(MARKED_ANSWER)
    await expect(here.page.get_by_label("Answer of the weak model")).to_contain_text("مرحبا")
    assert await here.page.locator("main b:has-text('Bold'), main script").count() == 0
    assert await here.sideways() == 0


async def test_nothing_comes_from_the_cache_and_nothing_is_kept_there(changing: Seeded, visiting: Visiting) -> None:
    question = a_new_question()
    here = await opened(visiting, changing)
    for _ in range(2):
        await asked(here, question)
        await expect(here.page.get_by_role("region", name="Which was better?")).to_be_visible()
    sent = [str(chat.body) for chat in (*changing.weak.chats, *changing.strong.chats)]
    assert sum(question in body for body in sent) == 4
    async with changing.http() as http:
        assert (await http.get("/cache/entries", params={"q": question})).json()["total"] == 0


async def test_system_prompt_and_parameters_go_along(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing)
    await here.page.get_by_text("System prompt and parameters").click()
    await here.page.get_by_label("System prompt", exact=True).fill("Answer in rhymes.")
    await here.page.get_by_label("Temperature").fill("0.7")
    await here.page.get_by_label("At most so many tokens").fill("42")
    await asked(here, a_new_question())
    await expect(here.page.get_by_role("region", name="Which was better?")).to_be_visible()
    body = changing.strong.chats[-1].body
    assert body["messages"][0] == {"role": "system", "content": "Answer in rhymes."}
    assert (body["temperature"], body.get("max_tokens", body.get("max_completion_tokens"))) == (0.7, 42)


async def test_which_was_better_is_kept_as_ratings_by_the_keyboard_alone(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing)
    await here.tab_to("textarea Prompt")
    await here.page.keyboard.type("Which colour has the sky at night?")
    await here.page.keyboard.press("Control+Enter")
    await expect(here.page.get_by_role("region", name="Which was better?")).to_be_visible()
    await here.tab_to("button The weak one")
    await here.page.keyboard.press("Enter")
    await expect(here.page.get_by_text("Kept: weak good, strong bad.")).to_be_visible()
    async with changing.http() as http:
        newest = (await http.get("/console/api/requests?limit=2")).json()["requests"]
    assert {row["route"]: row["rating"] for row in newest} == {"weak": "good", "strong": "bad"}


async def test_one_answer_can_be_stopped_while_the_other_goes_on(
    changing: Seeded, visiting: Visiting, strong_turns: list[Turn]
) -> None:
    strong_turns[:] = [Turn(reply="It begins and then says no more.", fault="hang-midway")]
    here = await opened(visiting, changing)
    await asked(here, a_new_question())
    await expect(here.page.get_by_label("Answer of the strong model")).to_have_text("It")
    await here.page.get_by_role("button", name="Stop the strong model").click()
    await expect(answer(here, "strong")).to_contain_text("Stopped.")
    await expect(answer(here, "weak")).to_contain_text(WEAK_ANSWER)
    await expect(here.page.get_by_role("button", name="Ask both")).to_be_enabled()
    await expect(here.page.get_by_role("region", name="Which was better?")).to_be_hidden()


async def test_what_went_wrong_is_said_in_the_answers_place(
    changing: Seeded, visiting: Visiting, weak_turns: list[Turn], strong_turns: list[Turn]
) -> None:
    for turns in (weak_turns, strong_turns):
        turns[:] = [Turn(status=400, error_message="This <b>prompt</b> is refused.")]
    here = await opened(visiting, changing)
    here.expect_status(400)
    await asked(here, a_new_question())
    for route in ("weak", "strong"):
        await expect(answer(here, route).get_by_role("alert")).to_contain_text("<b>prompt</b>")


async def test_without_a_prompt_nobody_is_asked(changing: Seeded, visiting: Visiting) -> None:
    before = len(changing.weak.chats)
    here = await opened(visiting, changing)
    await asked(here, "  ")
    await expect(here.page.get_by_text("Write what is to be asked.")).to_be_visible()
    assert "Prompt" in await here.focused()
    assert len(changing.weak.chats) == before


async def test_with_one_model_alone_that_one_is_asked(lonely: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, lonely)
    await expect(here.page.get_by_role("button", name="Ask the weak model")).to_be_visible()
    await asked(here, a_new_question())
    await expect(answer(here, "weak")).to_contain_text("all there is")
    await expect(answer(here, "strong")).to_have_count(0)
    await here.page.get_by_role("button", name="Good", exact=True).click()
    await expect(here.page.get_by_text("Kept: weak good.")).to_be_visible()


async def test_two_answers_keep_nobody_out(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing, scheme="dark", screen="phone")
    await here.page.get_by_text("System prompt and parameters").click()
    await asked(here, "Which <b>words</b> are bold?")
    await expect(here.page.get_by_role("region", name="Which was better?")).to_be_visible()
    await here.shoot("playground-answered-dark-phone")
    assert await here.axe() == []
    assert await here.sideways() == 0
