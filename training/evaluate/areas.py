"""MMLU's 57 subjects by area, so that a table of them fits on a page and each row has enough questions to tell.

Subjects: Hendrycks et al., arXiv 2009.03300. The areas are ours.
"""

from __future__ import annotations

from collections.abc import Mapping

OTHER = "other"

SUBJECTS: Mapping[str, str] = {
    "mathematics": "abstract_algebra college_mathematics elementary_mathematics formal_logic high_school_mathematics "
    "high_school_statistics",
    "physics and engineering": "astronomy college_physics conceptual_physics electrical_engineering "
    "high_school_physics",
    "chemistry and biology": "college_biology college_chemistry high_school_biology high_school_chemistry",
    "computing": "college_computer_science computer_security high_school_computer_science machine_learning",
    "medicine and health": "anatomy clinical_knowledge college_medicine human_aging human_sexuality medical_genetics "
    "nutrition professional_medicine virology",
    "law and politics": "high_school_government_and_politics international_law jurisprudence professional_law "
    "security_studies us_foreign_policy",
    "economics and business": "business_ethics econometrics high_school_macroeconomics high_school_microeconomics "
    "management marketing professional_accounting public_relations",
    "psychology and society": "high_school_geography high_school_psychology professional_psychology sociology",
    "history": "high_school_european_history high_school_us_history high_school_world_history prehistory",
    "philosophy and ethics": "logical_fallacies moral_disputes moral_scenarios philosophy world_religions",
}
"""Area to its subjects, as the table spells them."""

_AREA_OF = {subject: area for area, subjects in SUBJECTS.items() for subject in subjects.split()}


def area_of(subject: str) -> str:
    """The area of a subject; ``other`` for general knowledge and for subjects that are not MMLU's."""
    return _AREA_OF.get(subject, OTHER)
