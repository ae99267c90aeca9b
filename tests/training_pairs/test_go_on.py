"""``train-router verifier --start --teacher``: a shipped verifier whose pair encoder learns more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from router.errors import DataError
from router.scoring.verifier.verifier import PairVerifier
from tests.training_pairs.tiny import tiny_bert, tiny_encoder
from training.cli import main
from training.pairs.records import RequestPair

pytestmark = pytest.mark.distill


def run(*words: object) -> None:
    result = CliRunner().invoke(main, ["verifier", *map(str, words), "-q"])
    assert result.exit_code == 0, result.output


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    pytest.importorskip("onnx")
    return tiny_bert(tmp_path)


def test_a_verifier_goes_on_and_rests_on_what_no_fit_knew(
    pair_folders: tuple[Path, Path], new_pairs: Path, tmp_path: Path, bert: Path
) -> None:
    own, data = pair_folders
    shared = ["--data", data, "--pairs", own, "--teacher", bert, "--encoder", tiny_encoder(tmp_path, bert)]
    first, second, again = (tmp_path / "verifier" / name for name in "123")
    run(*shared, "--folds", 2, "--export", first)
    goes_on = [*shared, "--start", first, "--calibrate", new_pairs, "--keep", tmp_path / "kept", "--seed", 7]
    run(*goes_on, "--export", second)
    old, new = PairVerifier.load(first).manifest, PairVerifier.load(second).manifest
    changed = {name for name in new.files if new.files[name] != old.files[name]}
    assert changed == {"pair.onnx"}
    assert new.evidence["questions"].traps == sum(number % 3 > 0 for number in range(16)) * 2
    assert new.settings["went_on"]["from"] == "verifier/1"
    assert {row["source"] for row in new.settings["went_on"]["shown"]} >= {"questions", "conversations", "qqp", "edits"}
    assert np.isfinite(PairVerifier.load(second).threshold(0.5))
    run(*goes_on, "--export", again)
    assert PairVerifier.load(again).manifest.files == new.files


def test_weights_come_back_from_an_artifact(tmp_path: Path, bert: Path) -> None:
    import torch

    from training.distill.vocabulary import static_tokenizer
    from training.pairs.cross_encoder import CrossEncoder
    from training.pairs.dequantise import FIXED, WORDS, dequantised
    from training.pairs.network_export import export_network

    fitted = CrossEncoder.from_teacher(bert, seed=3)
    with torch.no_grad():
        for weight in fitted.network.parameters():  # biases are 0 before a fit, and equal arrays are written once
            weight.add_(0.1 * torch.randn_like(weight))
    _, kept = static_tokenizer((bert / "tokenizer.json").read_text(encoding="utf-8"))
    export_network(fitted, kept, tmp_path / "pair.onnx")
    found = dequantised(tmp_path / "pair.onnx")
    weights = {name: tensor.numpy() for name, tensor in fitted.network.state_dict().items()}
    weights[WORDS] = weights[WORDS][kept]
    assert found.keys() == weights.keys()
    assert set(FIXED) <= found.keys()
    for name, array in found.items():
        # Seven bits for each column of a matrix, eight for a whole table; biases are stored as they are.
        steps = {1: 0.0, 2: 1 / 127}[array.ndim] * np.abs(weights[name]).max()
        np.testing.assert_allclose(array, weights[name], atol=1e-7 + steps, err_msg=name)


def test_another_teacher_is_refused(pair_folders: tuple[Path, Path], tmp_path: Path, bert: Path) -> None:
    import torch
    from transformers import BertModel

    from training.pairs.dequantise import shipped_encoder

    own, data = pair_folders
    out = tmp_path / "verifier" / "1"
    static = tiny_encoder(tmp_path, bert)
    run("--data", data, "--pairs", own, "--teacher", bert, "--encoder", static, "--folds", 2, "--export", out)
    other = BertModel.from_pretrained(bert)
    with torch.no_grad():
        other.embeddings.word_embeddings.weight.mul_(-1)
    other.save_pretrained(bert)
    with pytest.raises(DataError, match="another encoder"):
        shipped_encoder(out, bert, seed=0)


def test_a_fit_that_was_cut_off_goes_on_to_the_same_weights(
    made_pairs: list[RequestPair], tmp_path: Path, bert: Path
) -> None:
    from training.pairs.checkpoints import Checkpoint
    from training.pairs.cross_encoder import CrossEncoder

    class CutOff(Exception):
        pass

    class Stops(Checkpoint):
        def passed(self, batches: int, *rest: object) -> None:
            super().passed(batches, *rest)
            if batches == 3:
                raise CutOff

    shown = 6 * made_pairs
    whole = CrossEncoder.from_teacher(bert, seed=0)
    whole.fit(shown, rate=1e-2, seed=1)
    path = tmp_path / "kept" / "fit.pt"
    with pytest.raises(CutOff):
        CrossEncoder.from_teacher(bert, seed=0).fit(shown, rate=1e-2, seed=1, checkpoint=Stops(path, every=2))
    later = CrossEncoder.from_teacher(bert, seed=5)
    later.fit(shown, rate=1e-2, seed=1, checkpoint=Checkpoint(path, every=2))
    for name, tensor in whole.network.state_dict().items():
        np.testing.assert_array_equal(later.network.state_dict()[name].numpy(), tensor.numpy(), err_msg=name)


def test_a_damaged_checkpoint_is_named(made_pairs: list[RequestPair], tmp_path: Path, bert: Path) -> None:
    from training.pairs.checkpoints import Checkpoint
    from training.pairs.cross_encoder import CrossEncoder

    (tmp_path / "fit.pt").write_bytes(b"no fit")
    with pytest.raises(DataError, match=r"fit\.pt: not a fit to go on with"):
        CrossEncoder.from_teacher(bert, seed=0).fit(
            made_pairs, rate=1e-3, seed=0, checkpoint=Checkpoint(tmp_path / "fit.pt")
        )
