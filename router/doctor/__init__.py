"""What this machine has for Underdog, and what to make of it: machine, model servers, keys, and a model that fits."""

from router.doctor.examine import examine
from router.doctor.findings import FoundKey, Report

__all__ = ["FoundKey", "Report", "examine"]
