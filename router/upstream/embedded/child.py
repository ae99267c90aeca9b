"""The child process of the embedded LLM: llama.cpp's own OpenAI-compatible server, on a loopback port of its choice.

Run as a file, so that it depends on nothing but xllamacpp wherever Underdog is installed. It reads one line of JSON
from standard input (the job), writes one line of JSON to standard output (``{"url": ...}`` or ``{"error": ...}``), and
lives until standard input ends: when the parent goes, however it goes, so does the child.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from typing import IO, Any

PR_SET_PDEATHSIG = 1
NICENESS = 5
"""A little behind everything else: on two cores the gateway must stay quick while the LLM computes."""


def main() -> None:
    """Do the job on standard input."""
    report = _private_output()
    job = json.loads(sys.stdin.readline())
    _die_with(job["parent"])
    os.nice(NICENESS)
    try:
        server = _serve(job)
    except Exception as error:  # whatever it is, the parent must hear of it  # noqa: BLE001
        _tell(report, {"error": f"{type(error).__name__}: {error}"})
        os._exit(1)
    _tell(report, {"url": server.listening_address})
    sys.stdin.read()  # returns when the parent closes the pipe or dies
    os._exit(0)  # without waiting for answers that nobody will read


def _private_output() -> IO[str]:
    """Keep standard output for the report: what llama.cpp prints goes to standard error instead."""
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return report


def _tell(report: IO[str], message: dict[str, Any]) -> None:
    report.write(json.dumps(message) + "\n")
    report.flush()


def _die_with(parent: int) -> None:
    """Have Linux kill us when the parent dies, even if something else still holds our standard input open."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def _serve(job: dict[str, Any]) -> Any:
    """Load the weights and listen.

    Args:
        job: ``weights`` (a path), ``model`` (an id), ``key``, ``threads``, ``context`` and ``answer_limit`` (in
            tokens), ``slots``.
    """
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = job["weights"]
    params.model_alias = {job["model"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [job["key"]]
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = job["threads"]
        cpu.poll = 0  # do not spin while waiting for another thread: the cores are shared
    params.n_gpu_layers = 0
    params.n_ctx = job["context"]
    params.n_parallel = job["slots"]
    params.kv_unified = True  # the slots share one context, so that a request alone may use all of it
    params.n_predict = job["answer_limit"]
    params.n_threads_http = 32  # a connection holds its thread while its request waits for a slot
    params.cache_ram_mib = 0  # no copies of old prompts in memory
    params.warmup = False
    # What the model's authors use for it; a request's own values win.
    params.sampling.temp = 0.2
    params.sampling.top_p = 0.9
    # Nothing but the API: no web page, no view on what others ask.
    params.ui = False
    params.endpoint_slots = False
    params.endpoint_metrics = False
    params.verbosity = 0
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
