"""Documents for people beside the artifact: a page that stands alone, its figures, and the model card.

All are made from the manifest alone, so they can be made again at any time; learning curves are files of their own.
"""

from training.report.write import has_report, write_report

__all__ = ["has_report", "write_report"]
