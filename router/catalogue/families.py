"""Model families by name: what they cannot take, and how much they can read.

Only what is known to be lacking is said, and windows: what is not said is assumed. Open weights are served with
windows of the server's choosing (Ollama's ``num_ctx``, vLLM's ``--max-model-len``), so theirs is the most that the
model was made for: whoever serves it with less says so in ``[[catalogue]]``.

The source stands beside each row: the makers' own model pages and model cards, as of 2025-11. Whether a local server
hands a family's tools over is by Ollama's model library (the tag "tools") where the card says nothing.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from router.catalogue.abilities import UNKNOWN, Abilities


class Family(NamedTuple):
    """Models of one kind. ``pattern`` is searched for in a ``plain`` name. ``open_weights``: anybody may serve them."""

    pattern: re.Pattern[str]
    abilities: Abilities
    open_weights: bool


def plain(model: str) -> str:
    """A model id as the table writes it: lower case, without provider, account or tag, versions with points.

    ``accounts/fireworks/models/llama-v3p1-8b-instruct`` and ``meta-llama/Llama-3.1-8B`` begin alike.
    """
    name = _TAG.sub("", model.lower().rsplit("/", 1)[-1])
    return _VERSION.sub(r"\1.\2", name)


def family(model: str) -> Family | None:
    """The family of a model id; None where no pattern fits."""
    name = plain(model)
    return next((row for row in FAMILIES if row.pattern.search(name)), None)


_TAG = re.compile(r":(free|nitro|floor|online|extended|exacto|thinking|latest)$")
"""What OpenRouter and Ollama put behind a model's name without making it another model."""

_VERSION = re.compile(r"\bv?(\d)p(\d)")

_TEXT = Abilities(images=False, audio=False, files=False)
_SIGHT = Abilities(audio=False)
_LOCAL_SIGHT = Abilities(audio=False, files=False)


def _closed(pattern: str, base: Abilities, **more: Any) -> Family:
    return Family(re.compile(pattern), Abilities(**more).over(base), open_weights=False)


def _open(pattern: str, base: Abilities, **more: Any) -> Family:
    return Family(re.compile(pattern), Abilities(**more).over(base), open_weights=True)


FAMILIES: tuple[Family, ...] = (
    # OpenAI: platform.openai.com/docs/models, each model's own page; JSON schema: docs/guides/structured-outputs
    # ("gpt-4o-mini, gpt-4o-2024-08-06 and later"); JSON mode: docs/guides/structured-outputs#json-mode.
    _open(r"gpt-oss", _TEXT, context=131_072),
    _closed(r"^gpt-3\.5-turbo-instruct", _TEXT, tools=False, json_schema=False, json_mode=False, context=4_096),
    _closed(r"^gpt-3\.5-turbo|^gpt-35-turbo", _TEXT, json_schema=False, context=16_385, max_output=4_096),
    _closed(r"^gpt-4-32k", _TEXT, json_schema=False, json_mode=False, context=32_768),
    _closed(r"^gpt-4-(turbo-preview|1106|0125)", _TEXT, json_schema=False, context=128_000, max_output=4_096),
    _closed(r"^gpt-4-(turbo|vision)", _SIGHT, files=False, json_schema=False, context=128_000, max_output=4_096),
    _closed(r"^gpt-4(-0314|-0613)?$", _TEXT, json_schema=False, json_mode=False, context=8_192, max_output=8_192),
    _closed(r"^gpt-4o(-mini)?-(audio|realtime)|^gpt-audio", UNKNOWN, images=False, files=False, context=128_000),
    _closed(r"^gpt-4o(-mini)?-search", _TEXT, tools=False, context=128_000, max_output=16_384),
    _closed(r"^gpt-4o-2024-05-13", _SIGHT, json_schema=False, context=128_000, max_output=4_096),
    _closed(r"^chatgpt-4o", _SIGHT, tools=False, context=128_000, max_output=16_384),
    _closed(r"^gpt-4o(-mini)?(-\d{4}|$)", _SIGHT, context=128_000, max_output=16_384),
    _closed(r"^gpt-4\.1", _SIGHT, context=1_047_576, max_output=32_768),
    _closed(r"^o1-(mini|preview)", _TEXT, tools=False, json_schema=False, json_mode=False, context=128_000),
    _closed(r"^o3-mini", _TEXT, context=200_000, max_output=100_000),
    _closed(r"^o(1|3|4-mini)(-pro)?(-\d{4}|$)", _SIGHT, context=200_000, max_output=100_000),
    _closed(r"^gpt-5(-mini|-nano|-pro)?(-\d{4}|$)", _SIGHT, context=400_000, max_output=128_000),
    _closed(r"^gpt-5", _SIGHT),
    # Anthropic: docs.anthropic.com/en/docs/about-claude/models, /build-with-claude/vision and /pdf-support.
    _closed(r"^claude-(instant|2)", _TEXT, tools=False),
    _closed(r"^claude-3-(opus|sonnet|haiku)", _SIGHT, context=200_000, max_output=4_096),
    _closed(r"^claude-3[.-]5", _SIGHT, context=200_000, max_output=8_192),
    _closed(r"claude-(3|(opus|sonnet|haiku)-4)", _SIGHT),
    # Google: ai.google.dev/gemini-api/docs/models (text, images, audio, video and PDF in).
    _closed(r"^gemini-(1\.0-)?pro($|-001|-002)", _TEXT, context=32_768),
    # Meta: github.com/meta-llama/llama-models, MODEL_CARD.md of each version.
    _open(r"llama-?4", _LOCAL_SIGHT),
    _open(r"llama-?3\.2-?(:|vision|11b|90b)?.*(vision|11b|90b)", _LOCAL_SIGHT, context=131_072),
    _open(r"llama-?3\.[123]", _TEXT, context=131_072),
    _open(r"llama-?3(?!\.)", _TEXT, tools=False, context=8_192),
    _open(r"(code)?llama-?2", _TEXT, tools=False, context=4_096),
    # Alibaba: qwenlm.github.io/blog/qwen2.5 and /qwen3, model cards of huggingface.co/Qwen.
    _open(r"qwen.*omni", UNKNOWN, files=False),
    _open(r"qwen.*vl|qvq", _LOCAL_SIGHT),
    _open(r"qwen(2\.5)?-?turbo|qwen-(plus|max|long|flash)", _SIGHT),
    _open(r"qwen-?2\.5", _TEXT, context=131_072),
    _open(r"qwen-?2", _TEXT, context=131_072),
    _open(r"qwq|qwen-?3(?!\.)", _TEXT),
    # Mistral: docs.mistral.ai/getting-started/models, /capabilities/vision.
    _open(r"pixtral|mistral-(small-3\.[1-9]|small-latest|medium|large-(latest|2512|3))", _LOCAL_SIGHT),
    _open(r"voxtral", Abilities(images=False, files=False)),
    _open(r"mi[sx]tral-?(7b|:7b|8x7b)|^mistral(:|$)", _TEXT, context=32_768),
    _open(r"mixtral-?8x22b", _TEXT, context=65_536),
    _open(r"mistral-nemo", _TEXT, context=131_072),
    # Google: ai.google.dev/gemma/docs, model card of each version. No chat template of theirs up to 3 has tools.
    _open(r"gemma-?3n", Abilities(tools=False, files=False), context=32_768),
    _open(r"gemma-?3[-:](270m|1b)", _TEXT, tools=False, context=32_768),
    _open(r"gemma-?3", _LOCAL_SIGHT, tools=False, context=131_072),
    _open(r"^(code)?gemma(-?2)?([-:]([279]|1\.1|27)b|$)", _TEXT, tools=False, context=8_192),
    # Microsoft: model cards of huggingface.co/microsoft.
    _open(r"phi-?4-multimodal", Abilities(files=False), context=131_072),
    _open(r"phi-?3(\.5)?-?vision", _LOCAL_SIGHT, tools=False, context=131_072),
    _open(r"phi-?3(\.5)?", _TEXT, tools=False),
    _open(r"phi-?4-mini", _TEXT, context=131_072),
    _open(r"phi-?4", _TEXT, tools=False),
    # DeepSeek: api-docs.deepseek.com/quick_start/pricing and /guides/json_mode (no JSON schema);
    # R1's card: github.com/deepseek-ai/DeepSeek-R1 (distilled ones have no tools in their template).
    _closed(r"^deepseek-(chat|reasoner)$", _TEXT, json_schema=False, context=131_072),
    _open(r"deepseek-r1.*distill|deepseek-r1:(1\.5|7|8|14|32|70)b", _TEXT, tools=False, context=131_072),
    _open(r"deepseek-(coder|v[23]|r1)", _TEXT),
    # SmolLM2: huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct (2,048 tokens pre-trained, 8,192 tuned; function
    # calls for 1.7B alone). llama.cpp holds any of them to a JSON grammar.
    _open(r"smollm2.*(135m|360m)", _TEXT, tools=False, context=8_192),
    _open(r"smollm2", _TEXT, context=8_192),
    # xAI: docs.x.ai/docs/models. Kimi: platform.moonshot.ai/docs. GLM: docs.z.ai (text models; those with a V see).
    _closed(r"^grok-(2-vision|4)", _SIGHT),
    _closed(r"^grok-(beta|2|3)", _TEXT),
    _open(r"kimi-k2(?!\.[5-9])", _TEXT),
    _open(r"glm-4(\.[5-7])?(-air|-flash|-9b)?$", _TEXT),
)
"""The first row that fits counts."""
