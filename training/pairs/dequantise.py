"""The pair encoder of an artifact as a network that goes on learning: its int8 weights as floats again.

No other copy of a shipped network is kept. Rounding costs little: logits differ by some .2, which a few hundred steps
make up for. Needs the ``distill`` extra.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from router.errors import DataError
from router.scoring.verifier.artifact import load_parts
from router.scoring.verifier.pair_encoder import PAIR_ENCODER_FILE
from training.distill.vocabulary import static_tokenizer
from training.pairs.cross_encoder import CrossEncoder

WORDS = "body.embeddings.word_embeddings.weight"
FIXED = (WORDS, "body.embeddings.position_embeddings.weight")
"""Tables that no fit changes: they are taken from the teacher, exactly."""

_PREFIX = "network."
_QUANTISED, _SCALE, _ZERO = "_quantized", "_scale", "_zero_point"
_HEADS = "network.heads.weight_Transposed"

Arrays = dict[str, NDArray[np.float32]]


def shipped_encoder(folder: Path, teacher: Path, *, seed: int) -> CrossEncoder:
    """The pair encoder of a verifier, to go on with.

    Args:
        folder: of the verifier, as ``train-router verifier --export`` writes it.
        teacher: of the sentence encoder that it was made from; words that the artifact leaves out come from there.
        seed: fixes what the artifact does not say, which is nothing where both heads are in it.

    Raises:
        ArtifactError: the verifier cannot be loaded.
        DataError: it has no pair encoder, or was made from another teacher.
    """
    parts = load_parts(folder)
    if parts.pair_encoder is None:
        raise DataError(f"{folder}: has no pair encoder to go on with; fit one with --export")
    encoder = CrossEncoder.from_teacher(teacher, seed=seed)
    _, kept = static_tokenizer((teacher / "tokenizer.json").read_text(encoding="utf-8"))
    found = dequantised(folder / PAIR_ENCODER_FILE)
    own = encoder.network.state_dict()
    _check_teacher(found, own, kept, folder, teacher)
    learned = {name: array for name, array in found.items() if name not in FIXED}
    missing = own.keys() - learned.keys() - set(FIXED)
    wrong = [name for name, array in learned.items() if name not in own or own[name].shape != array.shape]
    if missing or wrong:
        raise DataError(f"{folder}: its network is not one of {teacher}'s ({min([*missing, *wrong])})")
    encoder.network.load_state_dict({**own, **{name: torch.from_numpy(array) for name, array in learned.items()}})
    return encoder


def dequantised(path: Path) -> Arrays:
    """The weights of an exported network by the names that they have in ``PairNetwork``, float32.

    Matrices are stored for the right-hand side of a product and unnamed; the node that multiplies by one tells whose it
    is.

    Raises:
        DataError: the file is not a network that ``export_network`` wrote.
    """
    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:  # protobuf's errors share no base but Exception
        raise DataError(f"{path}: not an ONNX file ({error})") from error
    arrays = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    owners = {node.input[1]: _owner(node.name) for node in graph.node if node.op_type == "MatMulInteger"}
    found: Arrays = {}
    for name, array in arrays.items():
        if name.endswith(_QUANTISED):
            base = name.removesuffix(_QUANTISED)
            values = _floats(arrays, base)
            if name in owners:
                found[owners[name]] = np.ascontiguousarray(values.T)
            else:
                found[base.removeprefix(_PREFIX)] = values
        elif name.startswith(_PREFIX) and array.dtype == np.float32 and not name.endswith((_SCALE, _ZERO)):
            found[name.removeprefix(_PREFIX)] = array.copy()
    return found


def _owner(node: str) -> str:
    """``/network/body/encoder/layer.0/attention/self/query/MatMul_quant`` to the name of that layer's weight."""
    parts = node.strip("/").split("/")[1:-1]
    return ".".join([*parts, "weight"])


def _floats(arrays: Mapping[str, NDArray[np.generic]], base: str) -> NDArray[np.float32]:
    try:
        whole, scale, zero = (arrays[base + end] for end in (_QUANTISED, _SCALE, _ZERO))
    except KeyError as error:
        raise DataError(f"{base}: quantised without {error}") from error
    return (whole.astype(np.float32) - zero.astype(np.float32)) * scale.astype(np.float32)


def _check_teacher(
    found: Arrays, own: Mapping[str, torch.Tensor], kept: NDArray[np.intp], folder: Path, teacher: Path
) -> None:
    """The word table of the artifact must be the teacher's, rounded."""
    words, theirs = found.get(WORDS), own[WORDS].numpy()
    if words is None or words.shape != (len(kept), theirs.shape[1]):
        raise DataError(f"{folder}: its pair encoder reads other words than {teacher}'s")
    step = float(theirs[kept].max() - theirs[kept].min()) / 255
    if float(np.abs(words - theirs[kept]).max()) > step:
        raise DataError(f"{folder}: its pair encoder was made from another encoder than {teacher}")
