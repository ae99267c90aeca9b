"""The first stage: everything that the plan names, read, cleaned of test prompts, and accounted for."""

from __future__ import annotations

from pathlib import Path

from router.errors import DataError
from training.corpus import Corpus, read_data_folder, read_source
from training.decontaminate import decontaminate, test_prompts
from training.encoding import Encode
from training.plan import Plan
from training.sources import source_of_file

BENCHMARK_FOLDER = "routellm_evals"


def read_corpus(plan: Plan) -> Corpus:
    """Read every source of the plan; test prompts are taken out by their text.

    Raises:
        DataError: nothing to read, or a source cannot be read.
    """
    corpora = [_read_folder(plan.data, plan.commercial_only)] if plan.data is not None else []
    corpora += [_licensed(read_source(spec), plan.commercial_only) for spec in plan.specs]
    if not corpora:
        raise DataError("nothing to train on: give --data DIR or --battles FILE")
    corpus = corpora[0]
    for other in corpora[1:]:
        corpus = corpus.merged(other)
    return without_tests(corpus, plan)


def without_tests(corpus: Corpus, plan: Plan, encode: Encode | None = None) -> Corpus:
    """The corpus without prompts of the test sets and, where texts can be embedded, without near rewordings of them."""
    folder = test_set_folder(plan)
    if folder is None:
        return corpus
    return decontaminate(corpus, test_prompts(folder), encode=encode)


def test_set_folder(plan: Plan) -> Path | None:
    """The folder of benchmarks: as named, else the one inside the data folder, if there is one."""
    if plan.test_sets is not None:
        return plan.test_sets
    inside = plan.data / BENCHMARK_FOLDER if plan.data is not None else None
    return inside if inside is not None and inside.is_dir() else None


def test_set_lines(plan: Plan) -> list[str]:
    """What to say of the test sets: that their prompts were kept out, and whether their scores will be read.

    Raises:
        DataError: the plan is to evaluate, and there is nothing to evaluate on.
    """
    folder = test_set_folder(plan)
    if folder is not None:
        scores = "their scores are read for --evaluate alone" if plan.evaluate else "their scores are not read"
        return [f"test sets in {folder}: prompts like theirs are kept out of training; {scores}"]
    if plan.evaluate:
        raise DataError(
            f"--evaluate: no test sets; name their folder with --test-sets, or put {BENCHMARK_FOLDER} in --data"
        )
    return []


def _read_folder(folder: Path, commercial_only: bool) -> Corpus:
    registered = any(
        source_of_file(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file()
    )
    if registered or not folder.is_dir():
        return read_data_folder(folder, commercial_only=commercial_only)
    return read_source(str(folder))


def _licensed(corpus: Corpus, commercial_only: bool) -> Corpus:
    barred = [source for source in corpus.sources if not source.commercial]
    if commercial_only and barred:
        raise DataError(
            f"{barred[0].name}: its licence ({barred[0].licence}) does not allow commercial use; "
            "leave it out, or pass --all-licences where that is no concern"
        )
    return corpus
