"""Made-up conversations and questions about them in other words, to calibrate re-ranking with.

The idea: questions that a model writes about a text repeat its words, and words are found without a reader.
People ask about what was said in words of their own, and name who said it; so do these. Nothing is taken from
evaluation data.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from model.rerank.passages import Passage

_SEED = 11
_SAID = (
    ("We adopted a puppy last weekend, and the children are over the moon.", "Which pet does {who} have?"),
    (
        "My knee still hurts after the fall, so no football for me until spring.",
        "Why has {who} stopped playing?",
    ),
    ("I spent the whole of May in Norway with my sister.", "Where did {who} travel to see family?"),
    ("They offered me the post of head nurse, and I said yes on the spot!", "What is the new job of {who}?"),
    ("I cannot stand liver, it reminds me of the school canteen.", "What food does {who} dislike?"),
    ("On Sundays I carry boxes at the food bank.", "What voluntary work does {who} do?"),
    ("My grandmother taught me the accordion when I was seven.", "Which instrument can {who} play?"),
    (
        "The doctor wants me to sleep more, so the phone is off after nine.",
        "What advice about health did {who} get?",
    ),
    ("I sold the car and go everywhere by bicycle now.", "How does {who} get to work these days?"),
    ("I am in the middle of a book about the polar expeditions.", "What has {who} been reading lately?"),
    ("We painted the kitchen yellow, and it looks twice as big.", "What did {who} redecorate at home?"),
    (
        "My brother will be married in October, and I hold the rings.",
        "When is the wedding in {who}'s family?",
    ),
    ("I left my umbrella on the train, and nobody has handed it in.", "What has {who} lost?"),
    ("The beans came up at last, after all that rain.", "What does {who} grow in the garden?"),
    ("One day I shall open a bakery of my own.", "What business does {who} dream of?"),
    (
        "I was through in under two hours, half a minute slower than last year.",
        "How did the race go for {who}?",
    ),
    ("I start evening classes in Portuguese on Tuesday.", "Which language is {who} learning?"),
    ("That night in the tent I was afraid of every sound.", "What frightened {who} while camping?"),
    ("Our boiler broke again, so we washed at the neighbours'.", "What household trouble did {who} have?"),
    ("I gave the watch to my nephew when he left school.", "What present did {who} give a relative?"),
    ("I have stopped eating meat since the summer.", "How did {who}'s diet change?"),
    ("My old teacher was the one who told me to try the theatre.", "Who encouraged {who} to act?"),
    (
        "The flight was cancelled, and we slept on the floor of the airport.",
        "What went wrong on {who}'s trip?",
    ),
    ("I collect stamps with birds on them.", "What is {who}'s hobby?"),
)
"""What is said, and a question about it."""
_WHO = (
    "Edda",
    "Tomas",
    "Mirela",
    "Oskar",
    "Yuki",
    "Lamin",
    "Ines",
    "Pavel",
    "Aoife",
    "Marco",
    "Hana",
    "Kwame",
)
_ANSWERED = ("Oh, tell me more about that!", "You never said so. How are the others?")
TURNS = 12
_ASKED = 5
"""Turns of a conversation that are asked about."""


@dataclass(frozen=True)
class Asked:
    """A question and passages in a row, one of which it was made from."""

    question: str
    passages: list[Passage]
    right: int


def conversations(count: int) -> Iterator[Asked]:
    """`count` questions about turns of conversations, each among the turns of its conversation."""
    random, asked = Random(_SEED), 0
    while asked < count:
        names = random.sample(_WHO, 2)
        facts = random.sample(_SAID, TURNS - len(_ANSWERED))
        said = [(fact, question) for fact, question in facts] + [(text, "") for text in _ANSWERED]
        random.shuffle(said)
        turns = [f"{names[at % 2]}: {text}" for at, (text, _) in enumerate(said)]
        passages = [
            Passage(
                f"{turns[at - 1]}\n" if at else "",
                turn,
                "".join(f"\n{one}" for one in turns[at + 1 : at + 2]),
            )
            for at, turn in enumerate(turns)
        ]
        for right in random.sample([at for at, (_, question) in enumerate(said) if question], _ASKED):
            if asked < count:
                asked += 1
                yield Asked(said[right][1].format(who=names[right % 2]), passages, right)
