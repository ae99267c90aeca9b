"""One comparison, stage by stage: read -> label -> encode once -> fit and score -> measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from router.scoring.encoder import StaticEncoder
from router.scoring.inputs import Inputs
from training.encoding import EncodedHere
from training.labels import label
from training.plan import Plan
from training.reading import read_corpus, without_tests
from training.selection.clear_cut import ClearCut
from training.selection.contenders import LENGTH, Contenders, Prompts
from training.selection.figures import Figures, figures
from training.selection.held_out import FOLDS, Trial, held_out

Say = Callable[[str], None]


def compare(
    kinds: Sequence[str], plan: Plan, encoder: StaticEncoder, clear_cut: Sequence[ClearCut], say: Say
) -> list[Figures]:
    """Compare kinds of classifier on the training sources of a plan.

    Args:
        kinds: names of :data:`training.fit.CLASSIFIERS`.
        plan: what to read, and the seed; test sets are only kept out.
        encoder: gives the inputs.
        clear_cut: prompts that are in no fit.
        say: told what is done.

    Returns:
        figures of the baselines, then of each kind.

    Raises:
        DataError: the data cannot be used; says which and what to do.
    """
    here = EncodedHere(Inputs(encoder))
    labelled = label(without_tests(read_corpus(plan), plan, here.vectors))

    def prompts(texts: list[str]) -> Prompts:
        return Prompts(texts, here.rows(texts))

    contenders = Contenders(kinds, encoder.dim, plan.seed)
    trial = Trial(
        contenders, labelled, prompts([row.prompt for row in labelled]), prompts([row.prompt for row in clear_cut])
    )
    say(f"comparing {', '.join(kinds)} on {len(labelled):,} prompts: each exam held out, then {FOLDS} folds of all")
    found = held_out(trial)
    return [
        figures(name, found[name], found[LENGTH], labelled, clear_cut, contenders.seconds.get(name, ()))
        for name in contenders.names
    ]
