"""Prompts that we wrote, whose scores are recorded in every artifact and replayed when it is loaded.

They are varied on purpose: every feature group, several scripts, the shortest and the longest text.
"""

from __future__ import annotations

GOLDEN_PROMPTS: tuple[str, ...] = (
    "hi",
    "Thanks, that was all I needed!",
    "What is the capital of Portugal?",
    "Give me three names for a grey cat.",
    "Translate 'the train leaves at noon' into Spanish.",
    "Write a birthday message for my aunt. She likes gardening and bad puns. Two sentences at most.",
    ("Summarise in one line: The committee met on Tuesday, moved the vote to next month, and asked for a new budget."),
    "Why does bread go stale faster in the fridge than on the counter?",
    (
        "A tank fills in 12 minutes and drains in 18. Both valves are open and it is empty. After how many "
        "minutes is it half full?"
    ),
    ("Prove that for every integer n the number n^3 - n is divisible by 6, and say where each step is used."),
    ("Let $f(x) = \\frac{x^2 - 1}{x - 1}$. Find $\\lim_{x \\to 1} f(x)$ and explain why $f(1)$ is not defined."),
    ("Which of these melts at the lowest temperature?\nA. Iron\nB. Gallium\nC. Copper\nD. Tungsten\nAnswer:"),
    (
        "Write a Python function that merges overlapping intervals. It must run in O(n log n) and keep the "
        "input unchanged."
    ),
    (
        "```rust\nfn main() {\n    let v = vec![1, 2, 3];\n    let first = &v[0];\n    drop(v);\n    "
        'println!("{first}");\n}\n```\nWhy does this not compile, and what are two ways to fix it?'
    ),
    (
        "Act as a ship's cook in 1790 and describe supper on a night with no wind. Exactly four sentences, "
        "no adjectives."
    ),
    (
        "Compare optimistic and pessimistic locking for a booking system with many readers and few "
        "writers. Think step by step."
    ),
    (
        "Our landlord wants to keep the deposit because of nail holes. We live in Austria. What does the "
        "law say about normal wear?"
    ),
    "Explique en deux phrases pourquoi le ciel est bleu.",
    (
        "\u0420\u0430\u0441\u0441\u043a\u0430\u0436\u0438 \u043a\u043e\u0440\u043e\u0442\u043a\u043e, "
        "\u043a\u0430\u043a \u0440\u0430\u0431\u043e\u0442\u0430\u0435\u0442 "
        "\u0445\u043e\u043b\u043e\u0434\u0438\u043b\u044c\u043d\u0438\u043a."
    ),
    "\u8bf7\u5199\u4e00\u4e2a\u5173\u4e8e\u79cb\u5929\u7684\u56db\u884c\u77ed\u8bd7\u3002",
    (
        "Rank these by tail latency and justify each place:\n- a B-tree on a spinning disk\n- an LSM tree "
        "on flash\n- a hash map in memory\n- a queue in another region"
    ),
    "Read the log and say what failed first.\n" + "12:00:01 worker-3 retry 1 of 5, upstream said 503\n" * 40,
)
