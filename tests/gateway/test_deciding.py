"""What the decider puts together: deployments of several models, named models, aliases in rules, keys of the cache."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from router.artifacts.in_use import InUse
from router.calls import Call
from router.catalogue import Abilities, Catalogue
from router.configured.catalogue import CatalogueEntry
from router.configured.rules import Rule
from router.deciding import Decider
from router.errors import RefusedByRule, SettingsError, UnsupportedByModel
from router.policy import Dial
from router.principals import ANONYMOUS
from router.rules import Rules
from router.scoring.scorer import Scorer
from router.terms import Ways
from router.types import ChatRequest, Tuning
from router.upstream.aliases import Aliases
from router.upstream.build import Upstreams
from router.upstream.named import NamedModels
from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.pool import Resilience, Share, pool_of

TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {}}}]
NO_TOOLS = CatalogueEntry(model="*-mute", tools=False)


@pytest.fixture(scope="module")
def in_use() -> InUse:
    scorer = Scorer.load()
    dial = Dial(curve=scorer.curve, operating_points={}, default=0.77)
    return InUse(scorer=scorer, dial=dial, artifact=scorer.version, digest=scorer.manifest.digest)


def upstream(model: str) -> OpenAICompatibleUpstream:
    return OpenAICompatibleUpstream(name=model, base_url="http://127.0.0.1:9/v1", model=model)


def decider(
    weak: str = "weak-model",
    *,
    named: tuple[str, ...] = (),
    entries: tuple[CatalogueEntry, ...] = (NO_TOOLS,),
    **more: Any,
) -> Decider:
    models = NamedModels({name: upstream(name) for name in named})
    upstreams = Upstreams(
        weak=pool_of("weak", [Share((upstream(model),)) for model in weak.split()], Resilience()),
        strong=pool_of("strong", [Share((upstream("strong-model"),))], Resilience()),
        named=models,
        aliases=Aliases({"clever": "strong", "third": "third-model"}, has=lambda name: name in named),
    )
    rules = Rules([msgspec.convert(rule, Rule) for rule in more.pop("rules", [])])
    return Decider(upstreams=upstreams, ways=Ways(catalogue=Catalogue(entries), rules=rules))


def call(tuning: Tuning | None = None, **fields: Any) -> Call:
    body = {"messages": [{"role": "user", "content": "hi"}], **fields}
    request = msgspec.convert(body, ChatRequest)
    return Call(principal=ANONYMOUS, request=request, body=body, tuning=tuning or Tuning())


def test_of_deployments_with_several_models_only_what_all_of_them_take_is_counted_on(in_use: InUse) -> None:
    mixed = decider("weak-model weak-mute")
    decision, _ = mixed.decide(call(tools=TOOLS), in_use, mixed.terms(call(tools=TOOLS), in_use))
    assert (decision.route, decision.reason) == ("strong", "capability")


def test_the_smallest_window_of_several_holds() -> None:
    entries = (CatalogueEntry(model="small", context=100), CatalogueEntry(model="large", context=1_000, tools=True))
    several = decider("small large", entries=entries)
    weak = several._upstreams.weak
    assert weak is not None
    assert several.abilities(weak) == Abilities(context=100, tools=True)


def test_a_named_model_that_lacks_what_is_needed_is_refused(in_use: InUse) -> None:
    third = decider(named=("third-mute", "third-model"))
    for name, error in (("third-mute", UnsupportedByModel), ("third-model", None)):
        asked = call(Tuning(pinned_model=name), tools=TOOLS)
        terms = third.terms(asked, in_use)
        if error is None:
            assert third.decide(asked, in_use, terms)[0].model == name
        else:
            with pytest.raises(error, match="named model third-mute takes none"):
                third.decide(asked, in_use, terms)


def test_a_named_model_stands_in_only_where_it_takes_the_request_and_nobody_chose_another(in_use: InUse) -> None:
    third = decider(named=("third-mute", "third-model"))
    asked = call(tools=TOOLS)
    decision, _ = third.decide(asked, in_use, third.terms(asked, in_use))
    assert third.may_answer(asked, decision, "named", upstream("third-model"))
    assert not third.may_answer(asked, decision, "named", upstream("third-mute"))
    pinned = msgspec.structs.replace(decision, reason="rule", eligible=("weak",))
    assert not third.may_answer(asked, pinned, "named", upstream("third-model"))
    assert not third.may_answer(asked, pinned, "strong", upstream("strong-model"))


@pytest.mark.parametrize(("model", "route"), [("clever", "strong"), ("third", "named"), ("third-model", "named")])
def test_a_rule_may_name_an_alias_or_a_third_model(in_use: InUse, model: str, route: str) -> None:
    ruled = decider(named=("third-model",), rules=[{"name": "r", "then": {"model": model}}])
    asked = call(Tuning(pinned_route="weak", source="model"))
    decision, _ = ruled.decide(asked, in_use, ruled.terms(asked, in_use))
    assert (decision.route, decision.reason, decision.eligible) == (route, "rule", (route,))


@pytest.mark.parametrize(
    ("written", "tuning", "ruled"),
    [
        ("third", Tuning(pinned_model="third-model"), "third-model"),  # an alias, as the gateway reads it
        ("cloud", Tuning(pinned_route="strong"), "strong-model"),
        ("strong-model", Tuning(pinned_model="strong-model"), "strong"),
        ("auto", Tuning(), "auto"),
    ],
)
def test_a_rule_about_a_model_holds_under_all_of_its_names(
    in_use: InUse, written: str, tuning: Tuning, ruled: str
) -> None:
    rules = [{"name": "r", "when": {"model": ruled}, "then": {"refuse": "No."}}]
    strict = decider(named=("third-model",), rules=rules)
    with pytest.raises(RefusedByRule):
        strict.terms(call(tuning, model=written), in_use)
    strict.terms(call(Tuning(threshold=0.5), model="weak-model"), in_use)


def test_a_rule_that_names_no_model_is_refused_at_the_start() -> None:
    with pytest.raises(SettingsError, match=r"rules: .r.: then\.model: The model 'nowhere' does not exist here"):
        decider(rules=[{"name": "r", "then": {"model": "nowhere"}}])


@pytest.mark.parametrize(("bound", "route"), [({"min_threshold": 1}, "weak"), ({"max_threshold": 0}, "strong")])
@pytest.mark.parametrize(
    "tuning", [Tuning(), Tuning(threshold=1.0), Tuning(threshold=0.0), Tuning(pinned_route="weak")]
)
def test_a_bound_that_leaves_one_route_lets_the_other_answer_for_no_reason(
    in_use: InUse, bound: dict[str, float], route: str, tuning: Tuning
) -> None:
    mute = decider("weak-mute", rules=[{"name": "r", "then": bound}])
    plain = call(tuning)
    decision, _ = mute.decide(plain, in_use, mute.terms(plain, in_use))
    assert (decision.route, decision.eligible) == (route, (route,))
    with_tools = call(tuning, tools=TOOLS)
    if route == "weak":
        with pytest.raises(UnsupportedByModel):
            mute.decide(with_tools, in_use, mute.terms(with_tools, in_use))


def test_a_bound_that_leaves_a_route_without_a_model_stops_the_start() -> None:
    upstreams = Upstreams(weak=upstream("weak-model"), strong=None)
    rules = Rules([msgspec.convert({"name": "r", "then": {"max_threshold": 0}}, Rule)])
    with pytest.raises(SettingsError, match=r"rules: 'r': then\.max_threshold: leaves strong alone"):
        Decider(upstreams=upstreams, ways=Ways(rules=rules))


def test_answers_are_kept_apart_by_who_could_have_given_them(in_use: InUse) -> None:
    asked = call(tools=TOOLS)
    free, bound = decider(entries=()), decider(entries=(CatalogueEntry(model="weak-model", tools=False),))
    policies = {either.cache_policy(in_use, either.terms(asked, in_use)) for either in (free, bound)}
    assert len(policies) == 2
    plain = {either.cache_policy(in_use, either.terms(call(), in_use)) for either in (free, bound)}
    assert len(plain) == 1


def test_answers_are_kept_apart_by_every_model_of_a_route_though_they_share_an_address(in_use: InUse) -> None:
    keys = {
        several.cache_policy(in_use, several.terms(call(), in_use))
        for several in (decider("one"), decider("one two"), decider("one three"))
    }
    assert len(keys) == 3


def test_a_moved_threshold_is_part_of_the_key_and_keeps_no_promise(in_use: InUse) -> None:
    dial = Dial(curve=in_use.scorer.curve, operating_points={}, default=0.77)
    ruled = decider(rules=[{"name": "r", "then": {"min_threshold": 0.9}}])
    asked = call(Tuning(quality=0.8, source="query"))
    terms = ruled.terms(asked, dataclasses.replace(in_use, dial=dial))
    assert (terms.threshold, terms.promise, terms.tuning.source) == (0.9, "none", "rule")
    assert "threshold=0.900000" in ruled.cache_policy(in_use, terms)
