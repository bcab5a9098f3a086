"""Made-up dialogues of any length with facts planted in them, and questions about the facts in other words.

The idea: every fact is about a thing of one person ("Mirela's allergy"), said once, among hundreds of others
of its kind and among talk about the same people and things that says nothing of it. Nothing is taken from
evaluation data.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random

from tasks.memory.sessions.round import Said

_WHO = (
    "Edda Tomas Mirela Oskar Yuki Lamin Ines Pavel Aoife Marco Hana Kwame Sunniva Ravi Bettina Goran Noor "
    "Elif Jonas Carmen Dario Ayla Henrik Zofia Mateo Priya Anselm Rosa Bilal Greta Viktor Leila Otto Chiara "
    "Samir Ingrid Paulo Tamar Niklas Amara "
    "Florin Selma Hugo Nadia Emil Salome Dmitri Wanda Joao Frieda Kofi Lucia "
    "Stellan Mina Arturo Helga Idris Petra Lorenz Bianca"
).split()
_CITIES = (
    "Lisbon Tallinn Bergen Osaka Quito Palermo Lyon Gdansk Porto Utrecht Seville Zagreb Oslo Turin".split()
)
_STREETS = "Mill Harbour Chapel Orchard Station Castle Weaver Lantern Bishop Foundry River Cooper".split()
_SPEAKERS = ("Nora", "Ivo")


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that can be known of a person: how it is said, how it is asked for, and its values."""

    said: tuple[str, ...]
    asked: tuple[str, ...]
    values: tuple[str, ...]


def _kind(said: str, asked: str, values: str | Sequence[str]) -> Kind:
    some = values.split(",") if isinstance(values, str) else values
    return Kind(tuple(said.split("|")), tuple(asked.split("|")), tuple(some))


KINDS = (
    _kind(
        "{who} adopted a {value} from the shelter last weekend.|Since Friday {who} has a {value} at home.",
        "What did {who} adopt?|Which pet does {who} have?",
        "beagle,grey parrot,tortoise,lame greyhound,one-eyed cat,corn snake,rabbit,ferret,goat,hedgehog",
    ),
    _kind(
        "{who} cannot eat {value}, it brings on a rash within minutes.|The doctor told {who} to keep away "
        "from {value} for good.",
        "What can {who} not eat?|What is {who} allergic to?",
        "hazelnuts,shellfish,celery,sesame,strawberries,mustard,lupin flour,kiwi,soy,buckwheat",
    ),
    _kind(
        "{who} starts as a {value} on the first of next month.|They offered {who} the post of {value}, and "
        "it was accepted on the spot.",
        "What will {who} start as next month?|What is {who}'s new job?",
        "ferry pilot,dental nurse,archivist,crane operator,puppeteer,surveyor,pastry cook,court clerk",
    ),
    _kind(
        "{who} flies to {value} for the whole of Easter.|The tickets to {value} are booked, {who} told me.",
        "Where does {who} fly at Easter?|To which city is {who} travelling?",
        _CITIES,
    ),
    _kind(
        "{who} moved into number {value} Street with two boys.|The new flat of {who} is at {value} Street.",
        "In which street is the new flat of {who}?|What is {who}'s address?",
        [f"{number} {street}" for number, street in product((7, 18, 42, 95), _STREETS)],
    ),
    _kind(
        "The bicycle lock of {who} opens with {value}.|For the bike of {who} the lock needs {value}.",
        "What is the code of {who}'s bicycle lock?|Which number unlocks {who}'s bike?",
        [str(number) for number in range(1043, 9999, 97)],
    ),
    _kind(
        "{who} is learning the {value} in the evenings.|On Tuesdays {who} has a lesson on the {value}.",
        "What is {who} learning in the evenings?|Which instrument does {who} play?",
        "accordion,harp,oboe,mandolin,bassoon,viola,zither,trombone,bagpipes,dulcimer",
    ),
    _kind(
        "{who} paid {value} euros for the old van.|The van cost {who} {value} euros in the end.",
        "How much did {who} pay for the van?|What was the price of {who}'s van?",
        [f"{number:,}" for number in range(1150, 9800, 170)],
    ),
    _kind(
        "{who} has an appointment at the clinic on {value}.|The operation of {who} was put off to {value}.",
        "When is {who}'s appointment at the clinic?|On which day does {who} go to the hospital?",
        [f"{day} {month}" for day, month in product((3, 11, 19, 27), "March June August October".split())],
    ),
    _kind(
        "{who} painted the kitchen {value}, and it looks twice as big.|The kitchen of {who} is {value} now.",
        "What colour is {who}'s kitchen?|In which shade did {who} redecorate?",
        "lemon yellow,slate grey,mint green,brick red,navy blue,salmon pink,chalk white,violet",
    ),
    _kind(
        "{who} gave the {value} to a nephew when he left school.|The nephew of {who} got the {value}.",
        "What did {who} give the nephew?|Which present did {who} give a relative?",
        "pocket watch,telescope,fountain pen,chess set,sailing knife,atlas,camera,compass,typewriter",
    ),
    _kind(
        "{who} lost the {value} on the night train.|Nobody has handed in the {value} that {who} left behind.",
        "What did {who} lose on the train?|Which thing of {who}'s went missing?",
        "umbrella,violin case,passport,left glove,reading glasses,laptop,rucksack,wedding ring,scarf",
    ),
)
"""What is planted. A person has each of them once at most."""

_THINGS = (
    "roof,boiler,garden,choir,market,bridge,library,ferry,bakery,school,orchard,museum,river,tram,kitchen,theatre,"
    "bus,harbour,stairs,window,letter,neighbour,committee,newspaper,festival,workshop,fence,cellar,radio,piano"
).split(",")
_DEEDS = (
    "was repaired,is closed again,looks better than last year,took us the whole morning,made everybody laugh,"
    "needs new paint,was louder than I thought,reminds me of my childhood,cost the town a fortune,is full of "
    "people,will open in spring,smells of rain,kept us waiting,is older than the church,came up at dinner"
).split(",")
_ASIDES = (
    "I slept badly and still got up early.",
    "You would have liked it.",
    "We should talk about it on Sunday.",
    "It is raining here, so nothing dries.",
    "I have not made up my mind yet.",
    "My sister says the same.",
    "The coffee is cold by now.",
    "Remind me to bring the keys.",
    "That was a long day.",
    "I keep forgetting the name of that place.",
)
_ABOUT = (
    "Have you heard anything from {who} lately?",
    "{who} sends regards, by the way.",
    "I met {who} at the market, always in a hurry.",
    "{who} wants to know whether you come on Saturday.",
    "Somebody should call {who} about the meeting.",
    "I wonder how {who} is getting on with everything.",
    "{who} laughed about it for an hour.",
    "Tell {who} that the parcel has arrived.",
)
_OF_KINDS = (
    "A pet is a lot of work, as everybody in our street says.",
    "Half the people I know are allergic to something.",
    "Everyone seems to change jobs this year.",
    "Travelling at Easter is expensive again.",
    "Moving house is worse than an operation.",
    "I never remember the code of my own bicycle lock.",
    "I always wanted to play an instrument.",
    "Old vans cost more than they are worth.",
    "The clinic is booked out for months.",
    "I cannot choose a colour for the kitchen.",
    "Presents for nephews are the hardest.",
    "People lose the strangest things on trains.",
)


@dataclass(frozen=True, slots=True)
class Planted:
    """A fact: the number of the round that says it, what was said, and a question that it answers."""

    round: int
    value: str
    question: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Rounds from number 1 on, and the facts that are planted in them."""

    rounds: list[Said]
    facts: list[Planted]


def dialogue(length: int, facts: int, seed: int, sentences: int = 3, where: Sequence[int] = ()) -> Dialogue:
    """A dialogue of `length` rounds with `facts` facts of different persons and kinds.

    Args:
        sentences: of a round, about.
        where: numbers of the rounds that say a fact, from 1; drawn evenly where there are none.

    Raises:
        ValueError: if there are not so many facts to tell.
    """
    random = Random(seed)
    pairs = list(product(_WHO, KINDS))
    if facts > len(pairs):
        raise ValueError(f"facts={facts}: there are {len(pairs)}, one of each kind for each person")
    random.shuffle(pairs)
    numbers = sorted(where or random.sample(range(1, length + 1), facts))
    planted = {number: _fact(random, *pair) for number, pair in zip(numbers, pairs, strict=False)}
    rounds, found, time = [], [], datetime(2026, 1, 5, 8, tzinfo=UTC)
    for number in range(1, length + 1):
        told = list(_talk(random, max(1, sentences + random.randint(-1, 1))))
        if number in planted:
            statement, value, question = planted[number]
            told[random.randrange(len(told))] = statement
            found.append(Planted(number, value, question))
        time += timedelta(minutes=random.choice((1, 2, 3, 5, 240)))
        rounds.append(Said(_SPEAKERS[number % 2], " ".join(told), time))
    return Dialogue(rounds, found)


def _fact(random: Random, who: str, kind: Kind) -> tuple[str, str, str]:
    value = random.choice(kind.values)
    said, asked = random.choice(kind.said), random.choice(kind.asked)
    return said.format(who=who, value=value), value, asked.format(who=who)


def _talk(random: Random, sentences: int) -> Iterator[str]:
    """Sentences that say no fact; some of them name people and things that facts are about."""
    for _ in range(sentences):
        drawn = random.random()
        if drawn < 0.1:
            yield random.choice(_ABOUT).format(who=random.choice(_WHO))
        elif drawn < 0.17:
            yield random.choice(_OF_KINDS)
        elif drawn < 0.35:
            yield random.choice(_ASIDES)
        else:
            yield f"The {random.choice(_THINGS)} {random.choice(_DEEDS)}."
