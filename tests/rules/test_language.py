"""Languages are told by script and common words; what is not known is not guessed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from router.rules.language import LANGUAGES, language_of

ISO = {
    "English": "en",
    "Spanish": "es",
    "German": "de",
    "French": "fr",
    "Portuguese": "pt",
    "Russian": "ru",
    "Chinese": "zh",
    "Japanese": "ja",
    "Arabic": "ar",
    "Hindi": "hi",
    "Turkish": "tr",
}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the difference between these two functions?", "en"),
        ("Was ist der Unterschied zwischen den beiden?", "de"),
        ("Quelle est la différence entre les deux ?", "fr"),
        ("¿Cuál es la diferencia entre los dos?", "es"),
        ("Qual è la differenza tra i due e perché?", "it"),
        ("Qual é a diferença entre os dois e por que não?", "pt"),
        ("Wat is het verschil tussen de twee?", "nl"),
        ("Jaka jest różnica między nimi i dlaczego?", "pl"),
        ("Vad är skillnaden mellan de två?", "sv"),
        ("Bu ikisi arasındaki fark nedir?", "tr"),
        ("В чём разница между ними?", "ru"),
        ("Яка різниця між ними?", "uk"),
        ("Ποια είναι η διαφορά;", "el"),
        ("מה ההבדל ביניהם?", "he"),
        ("ما الفرق بينهما؟", "ar"),
        ("दोनों में क्या अंतर है?", "hi"),
        ("ต่างกันอย่างไร", "th"),
        ("둘의 차이가 무엇인가요?", "ko"),
        ("二つの違いは何ですか？", "ja"),
        ("两者有什么区别？", "zh"),
    ],
)
def test_a_plain_question_is_told(text: str, language: str) -> None:
    assert language in LANGUAGES
    assert language_of(text) == language


@pytest.mark.parametrize("text", ["", "42", "ok", "x += f(y) // 2", "Kuna tofauti gani?", "تفاوت چیست؟ گ"])
def test_what_is_not_clear_is_not_guessed(text: str) -> None:
    assert language_of(text) is None


def test_the_sample_is_told_rightly_or_not_at_all(repository: Path) -> None:
    rows = msgspec.json.Decoder(dict[str, object]).decode_lines(
        (repository / "data/sample/battles.jsonl").read_bytes(),
    )
    told = [(language_of(str(row["turns"][-1])), ISO[str(row["language"])]) for row in rows]  # type: ignore[index]
    right = sum(got == true for got, true in told)
    wrong = sum(got not in (None, true) for got, true in told)
    assert right / len(told) >= 0.88
    assert wrong / len(told) <= 0.02
