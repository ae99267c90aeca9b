"""The pair verifier: whether the answer to one request may be served for another.

``words`` and ``lexical`` (what the words tell), ``tokens`` and ``alignment`` (what stays without a match) ->
``features`` (one row) -> the kernel's ``trees`` and, where they leave a chance, ``pair_encoder`` -> ``combination``
(one score) -> ``evidence`` (the threshold that keeps wrong answers rare). ``conversation`` asks it turn by turn;
``manifest`` and ``artifact`` keep it on disk; ``verifier`` joins them.
"""
