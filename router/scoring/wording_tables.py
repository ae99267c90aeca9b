"""The words that the normal form of a question knows. A word that is in no table is always kept as it stands."""

from __future__ import annotations

from collections.abc import Mapping

Phrase = tuple[str, ...]


def _phrases(*texts: str) -> tuple[Phrase, ...]:
    # Longest first, so that "can you tell me" is not taken for something shorter.
    return tuple(sorted((tuple(text.split()) for text in texts), key=len, reverse=True))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in text.split())


QUESTION_WORDS = _words("what who whom whose which when where why how")
AUXILIARIES = _words("is are was were am be do does did can could will would should shall may might must has have had")
SUBJECT_STARTS = _words("the a an my your his her our their its it this that these those i you we they he she")

ENGLISH = _words(
    "what who whom whose which when where why how the does did could would should write explain tell please describe "
    "translate summarize suggest recommend you your my this these those they there their from with"
)
"""Words that no other language written in these letters shares."""
TASK_VERBS = _words(
    "write give tell list explain describe find show suggest recommend help compare calculate compute "
    "convert create generate make draft compose solve define provide teach draw fix prove design plan "
    "translate summarize name recite"
)
"""Verbs that begin a task: "can you please <verb> ..." asks for it to be done, and no question mark is needed."""
ENGLISH_STARTS = TASK_VERBS | _words("is are can do am have whats hows wheres")
"""First words of English requests; "was" and "will" begin German ones too."""
QUESTION_STARTS = QUESTION_WORDS | AUXILIARIES
ASKED_OF_US = _words("explain describe list suggest recommend summarize compare")
"""Of these, "can you <verb> ..." is a request too: nobody asks whether people in general can."""
WRITINGS = _words(
    "poem story essay haiku limerick letter email function script program query summary paragraph joke speech"
)
"""What "can you write a ..." asks us for; a will or a book might be a question."""
MEASURES = _words("old tall big far long deep wide heavy large high")

TAKES_ME = _words("write give tell show suggest recommend draft compose")

GREETINGS = frozenset({"hi", "hello", "hey", "greetings", "thanks"})
THANKS = _phrases(
    "please", "thanks", "thank you", "thx", "many thanks", "thanks in advance", "thank you in advance", "thanks a lot",
    "thank you very much", "thank you so much", "thanks so much",
)  # fmt: skip

AFTER_A_GREETING = QUESTION_STARTS | TASK_VERBS | _words("please kindly i in any just quick")
BEFORE_A_VERB = AUXILIARIES | _words("to please not you i we they he she it and or who")
"""Words after which a closing "please" is the verb."""
BEFORE_USING = _words("help stop start of by from for")
"""Words after which "using Java" is no choice of language for the answer."""

OPENERS = _phrases(
    "tell me", "please tell me", "can you tell me", "could you tell me", "would you tell me", "can you please tell me",
    "could you please tell me", "do you know", "do you happen to know", "any idea", "does anyone know",
    "i want to know",
    "i would like to know", "i'd like to know", "i need to know", "i am wondering", "i was wondering", "i wonder",
    "i am curious", "i was just wondering", "just wondering", "quick question",
)  # fmt: skip
"""Openings that only announce the question word that follows."""

EXPLAINERS = _phrases(
    "explain", "explain to me", "please explain", "can you explain", "could you explain", "can you please explain",
    "could you please explain", "show me", "teach me", "help me understand", "how come",
)  # fmt: skip
"""Openings that only announce a "how" or "why"."""

ANNOUNCEMENTS: Mapping[str, tuple[Phrase, ...]] = {
    first: tuple(phrase for phrase in (*OPENERS, *EXPLAINERS) if phrase[0] == first)
    for first in {phrase[0] for phrase in (*OPENERS, *EXPLAINERS)}
}
"""Openers and explainers by their first word."""

STATES = _words(
    "look feel sound seem appear smell taste hear compare rank rate differ relate fit come work think know do be like "
    "love hate get help"
)
"""Verbs after which "how do I" asks about the asker and not for steps, or too often does."""

HANDIWORK = _words(
    "reverse sort boil bake cook roast fry peel tie install uninstall wash clean repair plant prune knit sew fold "
    "paint iron"
)
"""Verbs after which "how do you" cannot be asked of the one who answers."""

CODE_TOPICS = _words("regex regexes regexp regexps glob globs wildcard wildcards operator operators")
"""Words after which every mark counts."""
LANGUAGE_TOPICS = _words(
    "rewrite uppercase lowercase capitalise capitalize letter letters vowel vowels consonant consonants syllable "
    "syllables character characters word words sentence sentences phrase phrases rhyme rhymes synonym synonyms "
    "antonym antonyms plural plurals anagram anagrams palindrome palindromes acronym acronyms etymology homophone "
    "homophones repeat say called titled named lyrics"
)
LANGUAGE_STEMS = tuple("translat spell pronounc grammar proofread rephras paraphras summari punctuat abbreviat".split())
"""Words, and beginnings of words, of requests whose very wording matters."""

CAPITAL_STARTS = _words(
    "polish turkey china jordan chile java rust swift mercury apple amazon windows shell target visa oracle excel ford "
    "guinea lima stripe signal mobile galaxy"
)
"""Words whose capital is kept even where a sentence starts."""

IS_AFTER = _words("what who where when how why that there here")

CONTRACTIONS: Mapping[str, Phrase] = {
    short: tuple(full.split("_"))
    for short, full in _pairs(
        "can't=can_not cannot=can_not won't=will_not don't=do_not dont=do_not doesn't=does_not "
        "doesnt=does_not didn't=did_not didnt=did_not isn't=is_not isnt=is_not aren't=are_not arent=are_not "
        "wasn't=was_not wasnt=was_not "
        "weren't=were_not hasn't=has_not haven't=have_not hadn't=had_not shouldn't=should_not couldn't=could_not "
        "wouldn't=would_not mustn't=must_not i'm=i_am im=i_am i've=i_have i'll=i_will you're=you_are we're=we_are "
        "they're=they_are you've=you_have we've=we_have they've=they_have whats=what_is hows=how_is wheres=where_is "
        "what're=what_are who're=who_are"
    ).items()
}

UNITS = _words(
    "km m cm mm kg g mg lb lbs oz l ml mi ft in h s ms min gb mb tb kb GB MB TB KB GHz MHz kHz Hz kW W V A mW MW"
)
"""Units that may be written against their number."""

NUMBER_WORDS: Mapping[str, str] = _pairs("two=2 three=3 four=4 five=5 six=6 eight=8 nine=9 ten=10 eleven=11 twelve=12")

LANGUAGES = _words(
    "python javascript typescript java ruby rust go golang perl php kotlin swift scala haskell bash "
    "powershell sql c c++ c# f# r Java Rust Go Ruby Swift Perl C R matlab julia lua dart elixir"
)

AGENTS: Mapping[str, str] = _pairs(
    "author=wrote inventor=invented painter=painted discoverer=discovered composer=composed"
)
ATTRIBUTES: Mapping[str, Phrase] = {
    "height": ("how", "tall"),
    "age": ("how", "old"),
    "depth": ("how", "deep"),
    "width": ("how", "wide"),
    "length": ("how", "long"),
}

WORDS: Mapping[str, str] = _pairs(
    "colour=color colours=colors favourite=favorite favourites=favorites organise=organize "
    "organisation=organization centre=center theatre=theater analyse=analyze optimise=optimize "
    "realise=realize recognise=recognize behaviour=behavior neighbour=neighbor neighbours=neighbors "
    "flavour=flavor flavours=flavors humour=humor labour=labor honour=honor travelling=traveling "
    "travelled=traveled cancelled=canceled cancelling=canceling modelling=modeling defence=defense "
    "aluminium=aluminum tyre=tire tyres=tires maths=math initialise=initialize "
    "normalise=normalize purchase=buy purchasing=buying automobile=car automobiles=cars "
    "television=tv photograph=photo photographs=photos biggest=largest "
    "commence=start begin=start approximately=roughly "
    "postgres=postgresql js=javascript golang=Go kilometers=km kilometres=km kilograms=kg centimeters=cm "
    "centimetres=cm percent=% fridge=refrigerator aero"
    "usa=united_states USA=united_states uk=united_kingdom UK=united_kingdom nyc=new_york_city"
)
PHRASES: Mapping[Phrase, Phrase] = {
    tuple(left.split()): tuple(right.split())
    for left, right in {
        "united states of america": "united_states",
        "the united states": "the united_states",
        "united states": "united_states",
        "united kingdom": "united_kingdom",
        "new york city": "new_york_city",
        "per cent": "%",
        "a lot of": "many",
        "lots of": "many",
        "advantages and disadvantages": "pros and cons",
        "benefits and drawbacks": "pros and cons",
    }.items()
}
PHRASE_STARTS = frozenset(phrase[0] for phrase in PHRASES)
COMPARISONS = _words("mean meaning define definition term difference differences vs versus")
"""Words of questions about words, in which no word may be put for another."""
