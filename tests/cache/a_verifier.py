"""A verifier to load, as training writes it, that gives every pair of questions the same score."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from router.scoring.encoder import SCALES_FILE, TOKENIZER_FILE, VECTORS_FILE
from router.scoring.trees import NODE_DTYPE
from router.scoring.verifier.artifact import Fitted, write_verifier
from router.scoring.verifier.combination import Combination
from router.scoring.verifier.evidence import Evidence
from router.scoring.verifier.manifest import VerifierManifest
from tests.conftest import REPOSITORY

SHIPPED = REPOSITORY / "models" / "default" / "1"


def write_a_verifier(folder: Path, *, score: float, evidence: Evidence) -> Path:
    """Its token table is that of the shipped artifact; its only tree is one leaf."""
    vectors = np.load(SHIPPED / VECTORS_FILE)[:, :16]
    scales = np.load(SHIPPED / SCALES_FILE)
    fitted = Fitted(
        tokenizer_json=(SHIPPED / TOKENIZER_FILE).read_text(encoding="utf-8"),
        vectors=np.ascontiguousarray(vectors),
        scales=scales,
        rarity=np.ones_like(scales),
        trees=np.array([(0, -1, 0.0, 0, 0, score)], dtype=NODE_DTYPE),
    )
    about = VerifierManifest(
        version="1",
        command="none",
        description="For tests.",
        files={},
        feature_names=[],
        trees="",
        combination=Combination(),
        evidence={"questions": evidence},
    )
    write_verifier(folder, fitted, about)
    return folder
