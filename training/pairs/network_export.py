"""The pair encoder as an ONNX file with int8 weights, which ONNX Runtime reads on any processor.

Needs the ``distill`` extra. Weights are quantised channel by channel and with reduced range: with one scale for a whole
matrix, or with all eight bits on processors without VNNI, verdicts change.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from training.pairs.cross_encoder import EVERYDAY, CrossEncoder, PairNetwork

INPUTS = ("ids", "mask", "types")
OUTPUT = "logit"
OPSET = 17
_EXAMPLE = [("how do I get there", "which way is it to the station"), ("one two", "three four five")]


class _Everyday(torch.nn.Module):  # type: ignore[misc]
    """The network with the head for everyday pairs alone."""

    def __init__(self, network: PairNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        return self.network(ids, mask, types)[:, EVERYDAY]


def export_network(encoder: CrossEncoder, kept: NDArray[np.intp], path: Path) -> None:
    """Write ``path``: int64 [N, T] ids, mask and types in, float32 [N] logits out.

    Args:
        encoder: as fitted.
        kept: intp [V], for each token of the artifact's tokenizer the id that the encoder's has for it.
        path: of the file.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    network = _with_vocabulary(encoder.network, kept).eval()
    axes = {0: "pairs", 1: "tokens"}
    with TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.onnx"
        torch.onnx.export(
            _Everyday(network),
            tuple(tensor.clamp(max=len(kept) - 1) for tensor in encoder.tensors(_EXAMPLE)),
            whole,
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            dynamic_axes={**dict.fromkeys(INPUTS, axes), OUTPUT: {0: "pairs"}},
            opset_version=OPSET,
            dynamo=False,
        )
        quantize_dynamic(whole, path, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)


def _with_vocabulary(network: PairNetwork, kept: NDArray[np.intp]) -> PairNetwork:
    """A copy that reads the ids of the artifact's tokenizer."""
    own = deepcopy(network)
    weights = own.body.embeddings.word_embeddings.weight.detach()[torch.from_numpy(kept)]
    own.body.embeddings.word_embeddings = torch.nn.Embedding.from_pretrained(weights.clone())
    return own
