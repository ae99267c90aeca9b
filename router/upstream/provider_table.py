"""The providers that we know, a row each.

Addresses and variables as of 29 November 2026, each held against at least one of: the provider's own documentation, the
model catalogue models.dev, and the provider tables of the libraries any-llm-sdk 1.40 and litellm 1.110. Local servers
listen where their documentation says they do by default.
"""
# ruff: noqa: E501 - a row is a line

from __future__ import annotations

from router.upstream.provider import Protocol, Provider


def _cloud(
    name: str,
    keys: str,
    url: str,
    strong: str | None = None,
    *,
    speaks: Protocol = "openai",
    key_header: str | None = None,
    priced: bool = True,
    shared_key: bool = False,
    prices: str | None = None,
) -> Provider:
    return Provider(
        id=name,
        base_url=url if url.startswith("{") else f"https://{url}",
        key_variables=tuple(keys.split()),
        strong_model=strong,
        protocol=speaks,
        key_header=key_header or ("x-api-key" if speaks == "anthropic" else "authorization"),
        priced=priced,
        shared_key=shared_key,
        prices=prices,
    )


def _local(name: str, url: str, key: str = "") -> Provider:
    return Provider(id=name, base_url=f"http://{url}", key_variables=tuple(key.split()), local=True)


# fmt: off
PROVIDERS = (
    # gpt-4.1 because it takes what existing clients send: later ones refuse `max_tokens` and a temperature.
    _cloud("openai", "OPENAI_API_KEY", "api.openai.com/v1", "gpt-4.1"),
    _cloud("openrouter", "OPENROUTER_API_KEY", "openrouter.ai/api/v1", "anthropic/claude-opus-5.5"),
    _cloud("anthropic", "ANTHROPIC_API_KEY", "api.anthropic.com/v1", "claude-opus-5-5", speaks="anthropic"),
    _cloud("google", "GEMINI_API_KEY GOOGLE_API_KEY", "generativelanguage.googleapis.com/v1beta/openai", "gemini-2.5-pro"),
    _cloud("mistral", "MISTRAL_API_KEY", "api.mistral.ai/v1", "mistral-large-latest"),
    _cloud("deepseek", "DEEPSEEK_API_KEY", "api.deepseek.com/v1", "deepseek-chat"),
    _cloud("x-ai", "XAI_API_KEY", "api.x.ai/v1", "grok-4.7"),
    _cloud("groq", "GROQ_API_KEY", "api.groq.com/openai/v1", "openai/gpt-oss-120b"),
    _cloud("cerebras", "CEREBRAS_API_KEY", "api.cerebras.ai/v1", "gpt-oss-120b"),
    _cloud("together", "TOGETHER_API_KEY", "api.together.xyz/v1", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    _cloud("fireworks", "FIREWORKS_API_KEY", "api.fireworks.ai/inference/v1", "accounts/fireworks/models/deepseek-v4-pro"),
    # Not found by their keys alone: deployments and callers name them.
    _cloud("ai21", "AI21_API_KEY", "api.ai21.com/studio/v1", priced=False),
    _cloud("aws", "AWS_BEARER_TOKEN_BEDROCK", "bedrock-runtime.{AWS_REGION}.amazonaws.com/openai/v1"),
    _cloud("aws-mantle", "AWS_BEARER_TOKEN_BEDROCK", "bedrock-mantle.{AWS_REGION}.api.aws/v1", prices="aws"),
    _cloud("azure", "AZURE_OPENAI_API_KEY", "{AZURE_OPENAI_ENDPOINT}/openai/v1", key_header="api-key"),
    _cloud("azure-dated", "AZURE_OPENAI_API_KEY", "{AZURE_OPENAI_ENDPOINT}/openai/deployments/{model}?api-version={OPENAI_API_VERSION}", key_header="api-key", prices="azure"),
    _cloud("baseten", "BASETEN_API_KEY", "inference.baseten.co/v1"),
    _cloud("chutes", "CHUTES_API_KEY", "llm.chutes.ai/v1", priced=False),
    _cloud("cloudflare", "CLOUDFLARE_API_TOKEN CLOUDFLARE_API_KEY", "api.cloudflare.com/client/v4/accounts/{CLOUDFLARE_ACCOUNT_ID}/ai/v1", shared_key=True),
    _cloud("cohere", "COHERE_API_KEY CO_API_KEY", "api.cohere.ai/compatibility/v1"),
    _cloud("dashscope", "DASHSCOPE_API_KEY", "dashscope-intl.aliyuncs.com/compatible-mode/v1", priced=False),
    _cloud("dashscope-cn", "DASHSCOPE_API_KEY", "dashscope.aliyuncs.com/compatible-mode/v1", priced=False),
    _cloud("databricks", "DATABRICKS_TOKEN", "{DATABRICKS_HOST}/serving-endpoints", shared_key=True),
    _cloud("deepinfra", "DEEPINFRA_API_KEY", "api.deepinfra.com/v1/openai", priced=False),
    _cloud("digitalocean", "DIGITALOCEAN_ACCESS_TOKEN", "inference.do-ai.run/v1", priced=False, shared_key=True),
    _cloud("friendli", "FRIENDLI_TOKEN", "api.friendli.ai/serverless/v1", priced=False),
    _cloud("github", "GITHUB_TOKEN", "models.github.ai/inference", priced=False, shared_key=True),
    _cloud("huggingface", "HF_TOKEN", "router.huggingface.co/v1", priced=False, shared_key=True),
    _cloud("hyperbolic", "HYPERBOLIC_API_KEY", "api.hyperbolic.xyz/v1", priced=False),
    _cloud("inception", "INCEPTION_API_KEY", "api.inceptionlabs.ai/v1", priced=False),
    _cloud("inference-net", "INFERENCE_API_KEY", "api.inference.net/v1", priced=False),
    _cloud("ionos", "IONOS_API_TOKEN", "openai.inference.de-txl.ionos.com/v1", priced=False, shared_key=True),
    _cloud("meta", "META_API_KEY", "api.meta.ai/v1"),
    _cloud("minimax", "MINIMAX_API_KEY", "api.minimax.io/v1"),
    _cloud("moonshotai", "MOONSHOT_API_KEY", "api.moonshot.ai/v1"),
    _cloud("nebius", "NEBIUS_API_KEY", "api.tokenfactory.nebius.com/v1", priced=False),
    _cloud("novita", "NOVITA_API_KEY", "api.novita.ai/openai/v1"),
    _cloud("nvidia", "NVIDIA_API_KEY NVIDIA_NIM_API_KEY", "integrate.api.nvidia.com/v1", priced=False),
    _cloud("ovhcloud", "OVHCLOUD_API_KEY", "oai.endpoints.kepler.ai.cloud.ovh.net/v1"),
    _cloud("perplexity", "PERPLEXITY_API_KEY", "api.perplexity.ai"),
    _cloud("poe", "POE_API_KEY", "api.poe.com/v1", priced=False),
    _cloud("requesty", "REQUESTY_API_KEY", "router.requesty.ai/v1", priced=False),
    _cloud("sambanova", "SAMBANOVA_API_KEY", "api.sambanova.ai/v1", priced=False),
    _cloud("scaleway", "SCALEWAY_API_KEY SCW_SECRET_KEY", "api.scaleway.ai/v1", priced=False, shared_key=True),
    _cloud("siliconflow", "SILICONFLOW_API_KEY", "api.siliconflow.com/v1", priced=False),
    _cloud("snowflake", "SNOWFLAKE_CORTEX_PAT", "{SNOWFLAKE_ACCOUNT}.snowflakecomputing.com/api/v2/cortex/v1", priced=False),
    _cloud("upstage", "UPSTAGE_API_KEY", "api.upstage.ai/v1/solar", priced=False),
    _cloud("vercel", "AI_GATEWAY_API_KEY", "ai-gateway.vercel.sh/v1", priced=False),
    _cloud("wandb", "WANDB_API_KEY", "api.inference.wandb.ai/v1", priced=False, shared_key=True),
    _cloud("zai", "ZAI_API_KEY", "api.z.ai/api/paas/v4"),
    _cloud("zhipuai", "ZHIPU_API_KEY ZHIPUAI_API_KEY", "open.bigmodel.cn/api/paas/v4"),
    # On one's own machine.
    _local("jan", "localhost:1337/v1"),
    _local("koboldcpp", "localhost:5001/v1"),
    _local("llamacpp", "localhost:8080/v1", "LLAMACPP_API_KEY"),
    _local("llamafile", "localhost:8080/v1"),
    _local("lmstudio", "localhost:1234/v1"),
    _local("localai", "localhost:8080/v1", "LOCALAI_API_KEY"),
    _local("ollama", "localhost:11434/v1", "OLLAMA_API_KEY"),
    _local("sglang", "localhost:30000/v1"),
    _local("text-generation-webui", "localhost:5000/v1"),
    _local("tgi", "localhost:3000/v1"),
    _local("vllm", "localhost:8000/v1", "VLLM_API_KEY"),
)
# fmt: on
"""Those with a strong model come first, in the order in which keys found in the environment are taken."""

OTHER_NAMES = {
    "ai21_chat": "ai21",
    "alibaba": "dashscope",
    "anthropic_text": "anthropic",
    "azure-openai": "azure",
    "bedrock": "aws",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "friendliai": "friendli",
    "gemini": "google",
    "hosted_vllm": "vllm",
    "kimi": "moonshotai",
    "llama.cpp": "llamacpp",
    "lm-studio": "lmstudio",
    "lm_studio": "lmstudio",
    "meta_llama": "meta",
    "moonshot": "moonshotai",
    "nim": "nvidia",
    "nvidia_nim": "nvidia",
    "ollama_chat": "ollama",
    "qwen": "dashscope",
    "text-generation-inference": "tgi",
    "together_ai": "together",
    "vercel_ai_gateway": "vercel",
    "xai": "x-ai",
    "z-ai": "zai",
}
"""What else people call them, LiteLLM among them."""
