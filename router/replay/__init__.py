"""Past requests decided once more: what they would have cost at another threshold, and how good they would have been.

Pure but for the clock of prices: requests in, figures out.
"""
