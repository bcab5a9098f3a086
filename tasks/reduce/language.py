"""What a language's words do in a sentence, as far as a check without a parser needs it.

The idea: a shortened sentence stays true if its content words stand in the source in the same order, and no
word that turns, weakens or limits the claim was added or lost. For English those words are listed. Of other
languages only the conditions are: there whole clauses may be left out, and nothing inside one. A language
without a list loses nothing at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from tasks.text.stems import stem
from tasks.text.words import UNSPACED, language_of


@dataclass(frozen=True, eq=False)
class Language:
    """One language's words by what they do; all in lower case."""

    name: str
    """The stemmer's; words of a language that has none are compared as they are."""
    conditions: frozenset[str] = frozenset()
    """Words that limit a whole sentence, which is never told without them."""
    lenient: bool = False
    """Whether words may be lost inside a clause: where the lists below say which may not."""
    spaced: bool = True
    """Whether its words stand apart; characters are compared where they do not."""
    function: frozenset[str] = frozenset()
    """Articles, forms of "to be", prepositions: they may come and go."""
    polar: Mapping[str, str] = field(default_factory=dict)
    """Words that turn, weaken or bind a claim, each with its class: they stay with their clause."""
    marks: Mapping[str, str] = field(default_factory=dict)
    """Function words that say who did what to whom, and when, each with its class."""
    coordinators: frozenset[str] = frozenset()
    """Words that join clauses: and, or, but, that, which."""
    equal: frozenset[str] = frozenset()
    """Of them, those that join a clause which stands as well alone: and, but."""
    openings: frozenset[str] = frozenset()
    """First words of a phrase before the subject that may be left out: in, during, however."""
    pronouns: frozenset[str] = frozenset()
    """Words that mean what an earlier sentence names."""
    articles: frozenset[str] = frozenset()
    """Words that begin a subject."""

    def stem(self, word: str) -> str:
        """Stem of a word in lower case."""
        return stem(word, self.name)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _classes(**groups: str) -> dict[str, str]:
    return {word: name for name, words in groups.items() for word in words.split()}


_DOUBTS = """
fail refus deni declin reject doubt prohibit forbid forbidden prevent ban avoid ceas stop cancel
claim alleg propos recommend suggest plan intend seek attempt tri want hope wish expect request
ask urg consid pretend lack unabl neglect omit revok suspend withdraw oppos argu believ estim
deem some most many few several partly partially almost nearly hardly barely rarely seldom
sometimes usually generally often reportedly possibly perhaps maybe probably potentially likely
unlikely former formerly untrue wrong incorrect less least more only
"""
"""Stems of verbs that do not say that something is so, and words that weaken: each a class of its own."""

ENGLISH = Language(
    "english",
    lenient=True,
    function=_words(
        """a an the of to in on at for with as these those is are was were be been being am has have had do
        does did there here also then such into onto under over between among during per via"""
    ),
    polar=_classes(
        no="not no none neither nor nothing nobody nowhere",
        never="never",
        must="must shall will",
        should="should ought",
        would="would",
        may="may might",
        can="can could",
    )
    | {word: word for word in _DOUBTS.split()},
    conditions=_words(
        """if unless until except excluding without only provided subject when whenever once upon where
        wherever event false untrue myth rumour rumor denied denies doubted doubts alleged alleges pretended
        pretends"""
    ),
    marks=_classes(
        by="by",
        source="from",
        than="than",
        against="against",
        before="before",
        after="after",
        since="since",
        past="was were had did",
        present="is are has have do does",
        either="or nor",
        bound="""up over under above below within about approximately exceeding maximum minimum between circa
        roughly around""",
    ),
    coordinators=_words(
        "and or but nor yet while whereas that which who whom whose because so although though"
    ),
    equal=_words("and but while whereas yet"),
    openings=_words(
        """in on at during under for as according since while although though after before by with within
        however moreover therefore thus also finally further furthermore additionally then today
        currently"""
    ),
    pronouns=_words("""it they he she this these those we i you their his her its our my your him them us"""),
    articles=_words("the a an"),
)
_CONDITIONS = {
    "german": "wenn falls sofern soweit außer ohne bis nur sobald solange ob wäre hätte würde sei",
    "french": "si sauf sans jusqu seulement lorsque quand hors excepté pourvu serait aurait",
    "spanish": "si salvo excepto sin hasta solo sólo cuando mientras siempre sería habría",
    "italian": "se salvo tranne senza finché solo quando purché sarebbe avrebbe",
    "portuguese": "se salvo exceto sem até só somente quando enquanto seria teria",
    "dutch": "als indien tenzij behalve zonder totdat alleen slechts wanneer mits zou",
    "swedish": "om utom utan tills bara endast när såvida skulle",
    "russian": "если кроме без пока только когда бы ли",
}
_PRONOUNS = {
    "german": "er sie es ihr ihre ihren sein seine seinen wir ich du dies diese dieser dieses",
    "french": "il elle ils elles ce cela leur leurs son sa ses nous je vous on",
    "spanish": "él ella ellos ellas ello su sus esto este esta nosotros yo usted",
}
KNOWN = {
    "english": ENGLISH,
    UNSPACED: Language(UNSPACED, _words("若 如 除 仅 僅 只 倘 当 當 场 場 限 ば"), spaced=False),
    **{
        name: Language(name, _words(conditions), pronouns=_words(_PRONOUNS.get(name, "")))
        for name, conditions in _CONDITIONS.items()
    },
}


@cache
def language(name: str) -> Language:
    """The language of this name; of one that nothing is known of, nothing may be lost."""
    return KNOWN.get(name) or Language(name)


def language_in(text: str) -> Language:
    """The language of a text, by its script and its frequent words."""
    return language(language_of(text))
