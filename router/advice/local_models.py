"""Local models worth pulling, with what tells how much memory they take.

Figures as of 29 November 2026:

- sizes of files: as Ollama's library lists them (ollama.com/library), which rounds to a tenth of a gigabyte above one. Each
  agrees with its number of parameters times the bits per weight that llama.cpp publishes for its quantisation
  (tools/quantize/README.md: 4.89 for Q4_K_M, 8.50 for Q8_0), by test;
- layers, key-value heads, head size and context: the model's own ``config.json``, as in litgpt's litgpt/config.py for
  Llama, Qwen2.5, Phi and Mistral, and in Qwen's and OpenAI's model cards for Qwen3 and gpt-oss. The context is what
  Ollama's library allows for where that is less.
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
    _model("llama3.3:70b Q4_K_M 43000", 70.55, "80x8x128", 131_072, "Llama 3.3 Community"),
    _model("qwen3:30b-a3b-instruct-2507-q4_K_M Q4_K_M 19000", 30.53, "48x4x128", 262_144, "Apache-2.0", active=3.3),
    _model("mistral-small3.2:24b Q4_K_M 15000", 24.01, "40x8x128", 131_072, "Apache-2.0"),
    _model("phi4:14b Q4_K_M 9100; phi4:14b-q8_0 Q8_0 16000", 14.66, "40x10x128", 16_384, "MIT"),
    _model("qwen2.5:14b Q4_K_M 9000; qwen2.5:14b-instruct-q8_0 Q8_0 16000", 14.77, "48x8x128", 32_768, "Apache-2.0"),
    _model("llama3.1:8b Q4_K_M 4900; llama3.1:8b-instruct-q8_0 Q8_0 8500", 8.03, "32x8x128", 131_072, "Llama 3.1 Community"),
    _model("qwen2.5:7b Q4_K_M 4700; qwen2.5:7b-instruct-q8_0 Q8_0 8100", 7.62, "28x4x128", 32_768, "Apache-2.0"),
    _model("qwen3:4b-instruct Q4_K_M 2500", 4.02, "36x8x128", 262_144, "Apache-2.0"),
    _model("llama3.2:3b Q4_K_M 2000; llama3.2:3b-instruct-q8_0 Q8_0 3400", 3.21, "28x8x128", 131_072, "Llama 3.2 Community"),
    _model("qwen2.5:1.5b Q4_K_M 986", 1.54, "28x2x128", 32_768, "Apache-2.0"),
    _model("llama3.2:1b Q8_0 1300", 1.24, "16x8x64", 131_072, "Llama 3.2 Community"),
    _model("qwen2.5:0.5b Q4_K_M 398", 0.49, "24x2x64", 32_768, "Apache-2.0"),
    # These think first. A weak model is there to be quick, so they come after those that answer at once.
    _model("gpt-oss:120b MXFP4 65000", 116.8, "36x8x64", 131_072, "Apache-2.0", active=5.1, thinks=True),
    _model("qwen3:32b Q4_K_M 20000", 32.76, "64x8x128", 40_960, "Apache-2.0", thinks=True),
    _model("gpt-oss:20b MXFP4 14000", 20.9, "24x8x64", 131_072, "Apache-2.0", active=3.6, thinks=True),
    _model("qwen3:14b Q4_K_M 9300", 14.77, "40x8x128", 40_960, "Apache-2.0", thinks=True),
    _model("qwen3:8b Q4_K_M 5200", 8.19, "36x8x128", 40_960, "Apache-2.0", thinks=True),
)
# fmt: on
"""In the order in which they are suggested, the first that fits first. That the larger of two answers better is our guess."""
