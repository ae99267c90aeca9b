"""The pair encoder: a small transformer that reads both requests at once, and learns whether one answer serves both.

Needs the ``distill`` extra. Words of the second request are marked by token type 1, so the same network can tell the
sides apart; its head sees the mean of each side, how far they differ and what they share.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import BertModel

from router.errors import DataError
from router.scoring.verifier.pair_encoder import END, START, pair_inputs
from router.scoring.verifier.tokens import MAX_TOKENS
from training.pairs.checkpoints import Checkpoint
from training.pairs.folds import is_quoras
from training.pairs.records import RequestPair
from training.progress import progress

PAIRS_A_STEP = 32
PAIRS_AT_ONCE = 64
BUCKET = 40
"""Batches' worth of pairs that are sorted by length together, so that little is spent on padding."""

WEIGHT_DECAY = 0.01
WARM_UP = 0.06
"""Share of the steps over which the learning rate rises."""

EVERYDAY, QUORA = 0, 1
"""The two heads. Quora's raters call more questions the same than an exact answer allows, so they teach the layers
through a head of their own."""

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class PairNetwork(torch.nn.Module):  # type: ignore[misc]
    """A BERT with two heads on what it makes of a pair."""

    def __init__(self, body: BertModel) -> None:
        super().__init__()
        self.body = body
        self.heads = torch.nn.Linear(4 * body.config.hidden_size, 2)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """Logits float [N, 2] of int64 [N, T] ids, mask and types."""
        hidden = self.body(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state.float()
        second = (types * mask).unsqueeze(-1).float()
        first = ((1 - types) * mask).unsqueeze(-1).float()
        mean_a = (hidden * first).sum(1) / first.sum(1)
        mean_b = (hidden * second).sum(1) / second.sum(1)
        return self.heads(torch.cat([mean_a, mean_b, (mean_a - mean_b).abs(), mean_a * mean_b], dim=1))


class CrossEncoder:
    """The network with its tokenizer.

    Args:
        network: as fitted so far.
        tokenizer: of BERT's kind; its padding and truncation are switched off here.
    """

    def __init__(self, network: PairNetwork, tokenizer: Tokenizer) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.network = network
        self._tokenizer = tokenizer
        start, end = (tokenizer.token_to_id(token) for token in (START, END))
        if start is None or end is None:
            raise DataError(f"the tokenizer lacks {START} or {END}; give a sentence encoder of BERT's kind")
        self._start, self._end = start, end

    @classmethod
    def from_teacher(cls, folder: Path, *, seed: int) -> CrossEncoder:
        """Start from a sentence encoder's weights, with heads at random."""
        torch.manual_seed(seed)
        network = PairNetwork(BertModel.from_pretrained(folder, add_pooling_layer=False))
        for table in (network.body.embeddings.word_embeddings, network.body.embeddings.position_embeddings):
            table.weight.requires_grad = False  # words that no pair shows must stay where their neighbours are
        return cls(network, Tokenizer.from_file(str(folder / "tokenizer.json")))

    @classmethod
    def mean(cls, encoders: Sequence[CrossEncoder]) -> CrossEncoder:
        """The mean of the weights of several that went on from the same one; they must share their words."""
        found = encoders[0].copy()
        states = [encoder.network.state_dict() for encoder in encoders]
        found.network.load_state_dict(
            {name: torch.stack([state[name] for state in states]).mean(dim=0) for name in states[0]}
        )
        return found

    def copy(self) -> CrossEncoder:
        """A copy to go on with, which leaves this one as it is."""
        return CrossEncoder(deepcopy(self.network), self._tokenizer)

    def share_head(self) -> None:
        """Let everyday pairs begin with the head that Quora's have made."""
        with torch.no_grad():
            self.network.heads.weight[EVERYDAY] = self.network.heads.weight[QUORA]
            self.network.heads.bias[EVERYDAY] = self.network.heads.bias[QUORA]

    def fit(
        self,
        pairs: Sequence[RequestPair],
        *,
        rate: float,
        seed: int,
        say: Callable[[str], None] = lambda line: None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """One pass over ``pairs``; give them as often as they are to be seen.

        Args:
            pairs: in any order; sides are exchanged in every second one.
            rate: highest learning rate of the layers; the heads have ten times as much.
            seed: fixes the order.
            say: is told the loss now and then.
            checkpoint: where the fit is written down as it goes, and goes on from; nowhere where None.

        Raises:
            DataError: the checkpoint can be neither read nor written.
        """
        rng = random.Random(seed)  # noqa: S311 (no secret)
        torch.manual_seed(seed)
        batches = self._shuffled(pairs, rng)
        optimiser = self._optimiser(rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _slope(step, len(batches)))
        done = 0 if checkpoint is None else checkpoint.resume(self.network, optimiser, schedule)
        self.network.train()
        recent: list[float] = []
        for number, batch in enumerate(progress(batches[done:], label="pair encoder learns", unit="batches"), done + 1):
            target = torch.tensor([float(pair.same_answer) for pair in batch])
            head = torch.tensor([_head(pair) for pair in batch]).unsqueeze(1)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = self.network(*self.tensors([(pair.a, pair.b) for pair in batch]))
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits.gather(1, head).squeeze(1), target)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
            recent.append(loss.item())
            if number % 100 == 0:
                say(f"  batch {number} of {len(batches)}, loss {np.mean(recent[-100:]):.3f}")
            if checkpoint is not None:
                checkpoint.passed(number, self.network, optimiser, schedule)

    def logits(self, pairs: Sequence[RequestPair]) -> NDArray[np.float64]:
        """Logit float64 [N, 2] of each pair as it stands and with its sides exchanged; above 0 is the same answer."""
        self.network.eval()
        found = np.empty((len(pairs), 2))
        order = sorted(range(len(pairs)), key=lambda place: len(pairs[place].a) + len(pairs[place].b))
        starts = range(0, len(order), PAIRS_AT_ONCE)
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            for first in progress(starts, label="pair encoder reads", unit="batches"):
                places = order[first : first + PAIRS_AT_ONCE]
                there = [(pairs[place].a, pairs[place].b) for place in places]
                back = [(b, a) for a, b in there]
                for column, texts in enumerate((there, back)):
                    found[places, column] = self.network(*self.tensors(texts))[:, EVERYDAY].double().numpy()
        return found

    def _shuffled(self, pairs: Sequence[RequestPair], rng: random.Random) -> list[list[RequestPair]]:
        """Batches of pairs of like length, in random order, the sides exchanged in half of the pairs."""
        turned = [
            RequestPair(pair.b, pair.a, pair.same_answer, pair.source, pair.group, pair.family)
            if rng.random() < 0.5
            else pair
            for pair in rng.sample(pairs, len(pairs))
        ]
        size = PAIRS_A_STEP * BUCKET
        batches = []
        for first in range(0, len(turned), size):
            bucket = sorted(turned[first : first + size], key=lambda pair: len(pair.a) + len(pair.b))
            batches += [bucket[place : place + PAIRS_A_STEP] for place in range(0, len(bucket), PAIRS_A_STEP)]
        rng.shuffle(batches)
        return batches

    def _optimiser(self, rate: float) -> torch.optim.Optimizer:
        body = [weight for weight in self.network.body.parameters() if weight.requires_grad]
        heads = list(self.network.heads.parameters())
        groups = [{"params": body, "lr": rate}, {"params": heads, "lr": 10 * rate}]
        return torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY)

    def tensors(self, texts: Sequence[tuple[str, str]]) -> Batch:
        """Int64 [N, T] ids, mask and token types of N pairs of texts, as the network reads them."""
        sides = self._tokenizer.encode_batch_fast([text for pair in texts for text in pair], add_special_tokens=False)
        ids = [np.array(side.ids[-MAX_TOKENS:], np.int64) for side in sides]
        inputs = pair_inputs(list(zip(ids[::2], ids[1::2], strict=True)), self._start, self._end)
        return torch.from_numpy(inputs["ids"]), torch.from_numpy(inputs["mask"]), torch.from_numpy(inputs["types"])


def _head(pair: RequestPair) -> int:
    return QUORA if is_quoras(pair) else EVERYDAY


def _slope(step: int, steps: int) -> float:
    """Share of the highest learning rate at a step: up, then straight down to nothing."""
    warm = max(1, round(WARM_UP * steps))
    return (step + 1) / warm if step < warm else max(0.0, (steps - step) / max(1, steps - warm))
