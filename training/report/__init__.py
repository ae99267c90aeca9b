"""Documents for people beside the artifact: a figure of the cost-quality curve, an HTML report, the model card.

All three are made from the manifest alone, so they can be made again at any time.
"""

from training.report.write import write_report

__all__ = ["write_report"]
