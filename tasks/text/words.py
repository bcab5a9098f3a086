"""Words of a text in any language, as summaries compare and count them.

The idea: what stands between spaces is a word, stemmed by the language's own stemmer and without its most
frequent words; where words do not stand apart (Chinese, Japanese, Thai), pairs of characters serve as words.
The language is told by script and frequent words, and a language without a list loses nothing but those.
"""

import re

from tasks.text.stems import stem

_RUN = re.compile(r"[^\W_]+(?:['\u2019][^\W\d_]{1,3})?")
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_CHARS_A_WORD = 2
"""Characters of an unspaced script that say as much as a word."""

_STOP = {
    "english": "a about above after again all also am an and any are as at be because been before being "
    "below between both but by can could did do does doing down during each few for from further "
    "had has have having he her here hers herein hereof hereto hereunder him his how i if in into "
    "is it its itself just may me more most must my no nor not now of off on once only or other "
    "our out over own per same shall she should so some such than that the their them then there "
    "thereof these they this those through to too under until up upon us very was we were what "
    "when where which while who whom why will with within without would you your",
    "german": "aber alle als also am an auch auf aus bei bin bis das da dass dem den der des die dies diese "
    "dieser dieses doch du durch ein eine einem einen einer eines er es für hat haben hatte ich "
    "ihr ihre im in ist ja kann kein keine man mit nach nicht noch nur oder ohne sein seine sich "
    "sie sind so soll über um und uns unter vom von vor war waren was wenn werden wie wir wird "
    "wurde wurden zu zum zur",
    "french": "a afin ai au aux avec avoir car ce ceci cela ces cet cette comme dans de des donc dont du "
    "elle elles en est et eu fait il ils je l la le les leur leurs lui mais me même mes moi mon "
    "ne nos notre nous on ont ou par pas plus pour qu que qui sa sans se ses si son sont sur ta "
    "tes toi ton tous tout très tu un une vos votre vous à été être",
    "spanish": "a al algo como con cual cuando de del desde donde el ella ellas ellos en entre era es esa "
    "ese eso esta este esto fue ha han hasta hay la las le les lo los mas me mi muy más ni no nos "
    "o otra otro para pero por porque que qué se ser si sin sobre son su sus sí también te tiene "
    "todo todos un una uno y ya",
    "italian": "a ad ai al alla alle anche che chi ci come con cui da dal dalla dei del della delle di e ed "
    "era gli ha hanno i il in io la le lo loro ma mi nei nel nella non o per più quando quella "
    "questo se si sono su sua sul sulla suo tra un una uno è",
    "portuguese": "a ao aos as até com como da das de depois do dos e ela ele em entre era essa esse está eu "
    "foi há isso já mais mas me mesmo na nas nem no nos não o os ou para pela pelo por qual "
    "quando que se sem ser seu só sua são também tem um uma é à",
    "dutch": "aan af al als bij dan dat de der deze die dit door een en er geen had hebben heeft het hij "
    "hoe hun ik in is je kan maar meer met na naar niet nog of om onder ook op over te tot uit "
    "van veel voor was wat we wel werd worden wordt zal ze zich zij zijn zo",
    "swedish": "alla att av bara de den denna det detta dig din du där efter eller en ett för från ha han "
    "har hon hur i inte jag kan med men men mot ned ni när nu och om oss på sig sin ska som så "
    "till under ut var vi vid är över",
    "russian": "а без бы был была были в во все вы для до его ее если же за и из или им их к как ко ли мы на "
    "не но о об он она они от по при с со так то у что это я",
}
STOP_WORDS = {name: frozenset(words.split()) for name, words in _STOP.items()}
"""By language, as snowball calls it."""
TOLD_BY = 2000
"""Words of a text by which its language is told."""


def language_of(text: str) -> str:
    """The language of a text, as snowball calls it; "" where its frequent words are those of none."""
    words: list[str] = _RUN.findall(text.lower())[:TOLD_BY]
    counts = {name: sum(word in stop for word in words) for name, stop in STOP_WORDS.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if 10 * counts[best] > len(words) else ""


def terms(text: str, language: str) -> list[str]:
    """Stems of the words that carry meaning, in order; pairs of characters of unspaced scripts."""
    stop = STOP_WORDS.get(language, frozenset())
    found: list[str] = []
    for run in _RUN.findall(text.lower()):
        if _UNSPACED.match(run):
            found += [run[at : at + 2] for at in range(max(1, len(run) - 1))]
        elif run not in stop and (len(run) > 1 or run.isdigit()):
            found.append(stem(run, language))
    return found


def length(text: str) -> int:
    """Words of a text; an unspaced script counts by its characters."""
    unspaced = sum(len(run) for run in _UNSPACED.findall(text))
    return len(_UNSPACED.sub(" ", text).split()) + -(-unspaced // _CHARS_A_WORD)
