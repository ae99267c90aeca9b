"""What providers' errors are taken for: their own words, as they send them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from router.errors import (
    KEY_REJECTED,
    NOT_READY,
    UpstreamBroken,
    UpstreamError,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from router.upstream.faults import fault_of
from router.upstream.refusals import error_in_answer, error_object

CONTEXT: list[tuple[str, int, str]] = [
    ("OpenAI", 400, ('{"error":{"message":"This model\'s maximum context length is 8192 tokens. However, your'
     ' messages resulted in 8545 tokens.","type":"invalid_request_error","code":"context_length_exceeded"}}')),
    ("OpenAI, code alone", 400, '{"error":{"message":"Too much.","code":"context_length_exceeded"}}'),
    ("OpenAI, newer", 400, '{"error":{"message":"Input tokens exceed the configured limit of 272000 tokens."}}'),
    ("Anthropic", 400, ('{"type":"error","error":{"type":"invalid_request_error",'
     '"message":"prompt is too long: 208310 tokens > 200000 maximum"}}')),
    ("Anthropic, with max_tokens", 400, ('{"error":{"type":"invalid_request_error","message":"input length and'
     ' `max_tokens` exceed context limit: 190000 + 20000 > 200000"}}')),
    ("vLLM", 400, ('{"error":{"message":"This model\'s maximum context length is 4096 tokens. However, you requested'
     ' 5000 tokens in the messages","type":"BadRequestError","param":null,"code":400}}')),
    ("vLLM, newer", 400, ('{"error":{"message":"The decoder prompt (length 5000) is longer than the maximum model'
     ' length of 4096.","type":"BadRequestError","code":400}}')),
    ("vLLM, older", 400, ('{"object":"error","message":"This model\'s maximum context length is 4096 tokens.",'
     '"type":"BadRequestError","param":null,"code":400}')),
    ("llama.cpp", 400, ('{"error":{"code":400,"message":"the request exceeds the available context size, try increasing'
     ' it","type":"exceed_context_size_error","n_prompt_tokens":5000,"n_ctx":4096}}')),
    ("llama.cpp, older", 500, '{"error":{"code":500,"message":"the request exceeds the available context size"}}'),
    ("Ollama", 400, '{"error":"input length exceeds the context length"}'),
    ("Gemini", 400, ('[{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of'
     ' tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}]')),
    ("xAI", 400, '{"error":"This model\'s maximum prompt length is 131072 but the request contains 537812 tokens."}'),
    ("Bedrock", 400, '{"error":{"message":"Input is too long for requested model."}}'),
    ("Groq", 413, ('{"error":{"message":"Request too large for model `x` on tokens per minute (TPM): Limit 6000",'
     '"type":"tokens","code":"rate_limit_exceeded"}}')),
    ("LM Studio", 400, '{"error":"Trying to keep the first 5000 tokens when context the overflows."}'),
]  # fmt: skip

FILTERED: list[tuple[str, int, str]] = [
    ("Azure", 400, ('{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI\'s'
     ' content management policy.","code":"content_filter","status":400,'
     '"innererror":{"code":"ResponsibleAIPolicyViolation"}}}')),
    ("OpenAI", 400, ('{"error":{"message":"Your request was rejected as a result of our safety system.",'
     '"type":"invalid_request_error","code":"content_policy_violation"}}')),
    ("OpenAI, reasoning", 400, ('{"error":{"message":"Invalid prompt: your prompt was flagged as potentially violating'
     ' our usage policy.","code":"invalid_prompt"}}')),
    ("Anthropic", 400, ('{"error":{"type":"invalid_request_error",'
     '"message":"Output blocked by content filtering policy"}}')),
    ("DeepSeek", 400, '{"error":{"message":"Content Exists Risk","type":"invalid_request_error"}}'),
    ("Alibaba", 400, '{"error":{"code":"data_inspection_failed","message":"Input data may contain inappropriate."}}'),
]  # fmt: skip

OUT_OF_MEMORY: list[tuple[str, int, str]] = [
    ("Ollama", 500, '{"error":"model requires more system memory (8.4 GiB) than is available (7.7 GiB)"}'),
    ("Ollama, GPU", 500, '{"error":"llama runner process has terminated: cudaMalloc failed: out of memory"}'),
    ("TGI", 424, '{"error":"Request failed during generation: CUDA out of memory.","error_type":"generation"}'),
    ("vLLM", 500, '{"error":{"message":"torch.OutOfMemoryError: CUDA out of memory.","type":"InternalServerError"}}'),
    ("llama.cpp", 500, '{"error":{"code":500,"message":"failed to allocate compute buffers","type":"server_error"}}'),
    ("PyTorch elsewhere", 503, '{"error":{"message":"OutOfMemoryError"}}'),
]  # fmt: skip

REFUSED: list[tuple[str, int, str]] = [
    ("a wrong field", 400, '{"error":{"message":"Unsupported parameter: temperature","code":"unsupported_parameter"}}'),
    ("no such model", 404, '{"error":{"message":"The model does not exist","code":"model_not_found"}}'),
    ("too short", 400, '{"error":{"message":"max_tokens must be at least 1"}}'),
    ("not implemented", 501, '{"error":{"message":"no completions here"}}'),
    ("unprocessable", 422, '{"detail":[{"loc":["body"],"msg":"field required"}]}'),
]


def refused(status: int, body: str) -> UpstreamRefused:
    error: dict[str, Any] | None = error_object(body.encode())
    message = error["message"] if error else "no message"
    return UpstreamRefused(message, upstream="strong", status=status, body=error)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        pytest.param(status, body, kind, id=f"{kind}: {name}")
        for kind, cases in (("context", CONTEXT), ("content-filter", FILTERED), ("refused", REFUSED))
        for name, status, body in cases
    ],
)
def test_a_providers_refusal_is_known_by_its_words(status: int, body: str, kind: str) -> None:
    fault = fault_of(refused(status, body))
    assert fault.kind == kind
    assert not (fault.elsewhere)
    assert not (fault.again)
    assert not (fault.sick)


@pytest.mark.parametrize(
    ("status", "body"), [pytest.param(status, body, id=name) for name, status, body in OUT_OF_MEMORY]
)
def test_a_server_without_memory_is_sick_and_others_may_answer(status: int, body: str) -> None:
    fault = fault_of(refused(status, body))
    assert (fault.kind, fault.elsewhere, fault.again, fault.sick) == ("out-of-memory", True, False, True)


def test_a_refusal_that_speaks_of_memory_lets_others_answer_and_makes_nobody_sick() -> None:
    # LM Studio's words.
    said = '{"error":{"message":"Error: Model loading was stopped due to insufficient system resources."}}'
    fault = fault_of(refused(400, said))
    assert (fault.kind, fault.elsewhere, fault.sick) == ("out-of-memory", True, False)


@pytest.mark.parametrize(
    ("status", "kind", "passed_on"),
    [(429, "rate-limited", 429), (500, "server-error", 502), (502, "server-error", 502), (503, "overloaded", 503),
     (504, "server-error", 504), (529, "overloaded", 503), (599, "server-error", 502),
     (402, "out-of-quota", 402), (408, "server-error", 408), (425, "server-error", 425)],
)  # fmt: skip
def test_a_status_says_who_may_be_asked_next_and_is_never_passed_on_as_our_own_fault(
    status: int, kind: str, passed_on: int
) -> None:
    error = refused(status, "{}")
    assert fault_of(error).kind == kind
    assert fault_of(error).elsewhere
    assert error.status == passed_on


def test_a_429_for_want_of_credit_is_no_matter_of_waiting() -> None:
    fault = fault_of(refused(429, '{"error":{"message":"You exceeded your quota","code":"insufficient_quota"}}'))
    assert (fault.kind, fault.elsewhere, fault.again) == ("out-of-quota", True, False)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UpstreamUnreachable("x", upstream="a"), "unreachable"),
        (UpstreamUnreachable("x", upstream="a", code=NOT_READY), "not-ready"),
        (UpstreamTimeout("x", upstream="a"), "timeout"),
        (UpstreamBroken("x", upstream="a"), "broken"),
        (UpstreamError("x", upstream="a", code=KEY_REJECTED), "key-rejected"),
        (UpstreamError("x", upstream="a"), "broken"),
    ],
)
def test_errors_of_ours_have_their_kind(error: UpstreamError, kind: str) -> None:
    assert fault_of(error).kind == kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"code":429,"message":"slow down"}', "rate-limited"),
        ('{"code":503,"message":"no instances"}', "overloaded"),
        ('{"code":401,"message":"no such user"}', "broken"),
        ('{"code":"oops","message":"This model\'s maximum context length is 5"}', "context"),
        ('{"code":"content_filter","message":"no"}', "content-filter"),
        ('"just a sentence"', "broken"),
        ("7", "broken"),
    ],
)
def test_an_error_with_status_200_is_taken_at_its_word(body: str, kind: str) -> None:
    error = error_in_answer(msgspec.json.decode(body), "strong")
    assert fault_of(error).kind == kind
    assert error.status != 500
    assert error.payload()["error"]["message"]
