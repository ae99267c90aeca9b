"""Commands let NumPy's matrix library use one thread: idle ones spin, and the products are small."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from router.cli import ONE_BLAS_THREAD


def test_matrix_products_of_a_command_use_one_thread_unless_the_operator_says_otherwise() -> None:
    threads = "from threadpoolctl import threadpool_info; print([it['num_threads'] for it in threadpool_info()])"
    asks = f"from router.cli import main; main(['route', 'Hello'], standalone_mode=False); {threads}"
    pytest.importorskip("threadpoolctl")
    plain = {name: value for name, value in os.environ.items() if name not in ONE_BLAS_THREAD}
    for given, expected in ({}, "1"), ({"OPENBLAS_NUM_THREADS": "2"}, "2"):
        found = subprocess.run(
            [sys.executable, "-c", asks], env=plain | given, capture_output=True, text=True, check=True
        )
        assert f"[{expected}" in found.stdout.splitlines()[-1]
