"""The newest requests of this server in memory, for who looks: their rows, and the numbers that the scorer saw of them.

No text is kept. What can be told of them is computed when somebody asks; a request pays for being put down alone.
"""

from router.recent.ring import Recent, Settled, Sight, Step
from router.recent.tally import SPAN_S, STEP_S, Figures, Steps, Tally

__all__ = ["SPAN_S", "STEP_S", "Figures", "Recent", "Settled", "Sight", "Step", "Steps", "Tally"]
