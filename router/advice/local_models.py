"""Local models worth pulling, with what tells how much memory they take.

Looked up on 29 November 2026. The line above each row names what was read for it:

- a digest (the twelve digits that ``ollama list`` shows) and bytes: what Ollama's ``GET /api/tags`` answered, as answers
  printed in public repositories have it. ``ollama list`` there shows the same digests with the size cut to two digits;
- "GGUF" and bytes: the file that bartowski publishes on Hugging Face, where no answer of Ollama's was found. Five such
  files of models that stand here (Llama 3.1 and 3.2, Qwen2.5) are smaller than Ollama's by 13 to 16 kB each;
- litgpt: the row in Lightning-AI/litgpt, litgpt/config.py, which follows the model's ``config.json``: layers, key-value
  heads, head size and, unless another source is named, context. The number of parameters follows from its shape.

Sizes are rounded to a megabyte. Each agrees with parameters times the bits per weight that llama.cpp publishes
(tools/quantize/README.md: 4.89 for Q4_K_M, 8.50 for Q8_0), by test. Ollama's own pages of these models were not at hand.

Licences: openai/gpt-oss's README; Qwen's READMEs as others quote them (all of Qwen3; Qwen2.5 but for 3B and 72B); the card
of bartowski/phi-4-GGUF; Scaleway's list of models (scaleway/docs-content) for Llama 3.1 and 3.3 and for Mistral Small 3.2.
For Llama 3.2 only lists that others keep were found.
"""
# ruff: noqa: E501 - a row is a line

from __future__ import annotations

from msgspec import Struct

MB = 1_000_000
GB = 1_000 * MB


class Build(Struct, frozen=True):
    """One quantisation of a model: its name in Ollama's library, and the size of its files in bytes."""

    name: str
    quantization: str
    size: int


class LocalModel(Struct, frozen=True, kw_only=True):
    """One model.

    Attributes:
        builds: its quantisations, the one to prefer first.
        parameters: how many there are, in billions; ``active``: how many of them a token goes through.
        layers, kv_heads, head_dim: what its key-value cache consists of.
        context: the longest, in tokens.
        licence: its SPDX id, or its name.
        thinks: it thinks before it answers, which takes longer and costs tokens.
        page: where Ollama's library describes it.
    """

    builds: tuple[Build, ...]
    parameters: float
    active: float
    layers: int
    kv_heads: int
    head_dim: int
    context: int
    licence: str
    thinks: bool = False

    @property
    def page(self) -> str:
        """Where it is described."""
        return f"https://ollama.com/library/{self.builds[0].name.partition(':')[0]}"


def _model(
    builds: str,
    parameters: float,
    shape: str,
    context: int,
    licence: str,
    *,
    active: float | None = None,
    thinks: bool = False,
) -> LocalModel:
    """``builds``: name, quantization and megabytes of each, by ``;``. ``shape``: layers x heads x head size."""
    layers, kv_heads, head_dim = map(int, shape.split("x"))
    parts = [build.split() for build in builds.split(";")]
    return LocalModel(
        builds=tuple(Build(name, quantization, int(megabytes) * MB) for name, quantization, megabytes in parts),
        parameters=parameters,
        active=active or parameters,
        layers=layers,
        kv_heads=kv_heads,
        head_dim=head_dim,
        context=context,
        licence=licence,
        thinks=thinks,
    )


# fmt: off
LOCAL_MODELS = (
    # a6eb4748fd29, 42 520 413 916 bytes. litgpt: Llama-3.3-70B-Instruct.
    _model("llama3.3:70b Q4_K_M 42520", 70.55, "80x8x128", 131_072, "Llama 3.3 Community"),
    # 19e422b02313, 18 556 699 186 bytes. litgpt: Qwen3-30B-A3B-Instruct-2507. Model card: 3.3B activated, does not think.
    _model("qwen3:30b-a3b-instruct-2507-q4_K_M Q4_K_M 18557", 30.53, "48x4x128", 262_144, "Apache-2.0", active=3.3),
    # 5a408ab55df5, 24.0B, 15 177 369 888 bytes without template and licence. Shape and context: config.json of a copy of its
    # text part (darkc0de/3.2test on Hugging Face), which has 23.57 billion parameters; the rest sees images.
    _model("mistral-small3.2:24b Q4_K_M 15177", 24.01, "40x8x128", 131_072, "Apache-2.0"),
    # ac896e5b8b34, 9 053 116 391 bytes. 310d366232f4: a copy of Ollama's list has 16 GB; GGUF: 15.58 GB. litgpt: phi-4.
    _model("phi4:14b Q4_K_M 9053; phi4:14b-q8_0 Q8_0 15580", 14.66, "40x10x128", 16_384, "MIT"),
    # 7cdf5a0187d5, 8 988 124 069 bytes. Q8_0: GGUF, 15 701 598 336 bytes; the name is in use, its digest was not found.
    # litgpt: Qwen2.5-14B. Context: config.json of the instructed model (the base model's says 131 072).
    _model("qwen2.5:14b Q4_K_M 8988; qwen2.5:14b-instruct-q8_0 Q8_0 15702", 14.77, "48x8x128", 32_768, "Apache-2.0"),
    # 46e0c10c039e, 4 920 753 328 bytes. b158ded76fa0, 8.5 GB in ``ollama list``; GGUF: 8 540 775 840. litgpt: Llama-3.1-8B.
    _model("llama3.1:8b Q4_K_M 4921; llama3.1:8b-instruct-q8_0 Q8_0 8541", 8.03, "32x8x128", 131_072, "Llama 3.1 Community"),
    # 845dbda0ea48, 4 683 087 332 bytes. 2d9500c94841, 8.1 GB in ``ollama list``; GGUF: 8 098 525 888. litgpt: Qwen2.5-7B.
    # Context: ``/api/tags``.
    _model("qwen2.5:7b Q4_K_M 4683; qwen2.5:7b-instruct-q8_0 Q8_0 8099", 7.62, "28x4x128", 32_768, "Apache-2.0"),
    # 0edcdef34593, 2 497 293 803 bytes. litgpt: Qwen3-4B-Instruct-2507. QwenLM/Qwen3's README: does not think.
    _model("qwen3:4b-instruct Q4_K_M 2497", 4.02, "36x8x128", 262_144, "Apache-2.0"),
    # a80c4f17acd5, 2 019 393 189 bytes. e410b836fe61, 3.4 GB in ``ollama list``; GGUF: 3 421 899 296. litgpt: Llama-3.2-3B.
    _model("llama3.2:3b Q4_K_M 2019; llama3.2:3b-instruct-q8_0 Q8_0 3422", 3.21, "28x8x128", 131_072, "Llama 3.2 Community"),
    # 65ec06548149, 986 061 892 bytes. litgpt: Qwen2.5-1.5B. Context: ``/api/tags``.
    _model("qwen2.5:1.5b Q4_K_M 986", 1.54, "28x2x128", 32_768, "Apache-2.0"),
    # baf6a787fdff, 1 321 098 329 bytes. litgpt: Llama-3.2-1B.
    _model("llama3.2:1b Q8_0 1321", 1.24, "16x8x64", 131_072, "Llama 3.2 Community"),
    # a8b0c5157701, 397 821 319 bytes. litgpt: Qwen2.5-0.5B.
    _model("qwen2.5:0.5b Q4_K_M 398", 0.49, "24x2x64", 32_768, "Apache-2.0"),
    # These think first. A weak model is there to be quick, so they come after those that answer at once.
    # a951a23b46a1, 65 369 818 941 bytes, 116.8B. Shape: openai/gpt-oss, gpt_oss/torch/model.py. README: 5.1B active. Context:
    # NVIDIA's documentation of Megatron Bridge (128K, both sizes).
    _model("gpt-oss:120b MXFP4 65370", 116.8, "36x8x64", 131_072, "Apache-2.0", active=5.1, thinks=True),
    # 030ee887880f, 20 201 253 588 bytes (once, in the data of a test; ``ollama list``: 20 GB). litgpt: Qwen3-32B.
    _model("qwen3:32b Q4_K_M 20201", 32.76, "64x8x128", 40_960, "Apache-2.0", thinks=True),
    # 17052f91a42e, 13 793 441 244 bytes, 20.9B, context. Shape: the same documentation. README: 3.6B active.
    _model("gpt-oss:20b MXFP4 13793", 20.9, "24x8x64", 131_072, "Apache-2.0", active=3.6, thinks=True),
    # bdbd181c33f2, 9 276 198 565 bytes. litgpt: Qwen3-14B.
    _model("qwen3:14b Q4_K_M 9276", 14.77, "40x8x128", 40_960, "Apache-2.0", thinks=True),
    # 500a1f067a9f, 5 225 388 164 bytes. litgpt: Qwen3-8B.
    _model("qwen3:8b Q4_K_M 5225", 8.19, "36x8x128", 40_960, "Apache-2.0", thinks=True),
)
# fmt: on
"""In the order in which they are suggested, the first that fits first. That the larger of two answers better is our guess."""
