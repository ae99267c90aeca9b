"""Labels for one's own prompts: ask the models, grade or judge their answers, keep everything in a journal.

``questions`` reads the prompts, ``ask`` talks to the models, ``journal`` remembers what they said, ``grade`` and
``judge`` turn answers into labels, ``costs`` knows what it all costs, and ``run`` joins them.
"""
