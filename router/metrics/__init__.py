"""What ``GET /metrics`` tells, in Prometheus's text format, from counters in memory: a scrape reads no database.

Label values come from fixed sets (routes, reasons, the artifact's name), never from what a caller sends.
"""

from router.metrics.decisions import Metrics
from router.metrics.family import CONTENT_TYPE, Family, Histogram, Histograms, Labels, render
from router.metrics.traffic import Traffic

__all__ = ["CONTENT_TYPE", "Family", "Histogram", "Histograms", "Labels", "Metrics", "Traffic", "render"]
