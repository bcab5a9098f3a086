"""Numbers as the items of a list write them: "iv", "bb", "3rd", "二十一", "③"; and raised numbers.

Forms are called as Word calls them (ECMA-376, part 1, 17.18.59); one that is not known is decimal.
"""

import re
from collections.abc import Callable

_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
    (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_MOST_ROMAN, _MOST_REPEATED = 5000, 30
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_IRREGULAR = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_ALPHABETS = {
    "lowerLetter": "abcdefghijklmnopqrstuvwxyz",
    "russianLower": "абвгдежзиклмнопрстуфхцчшщыэюя",
    "aiueoFullWidth": "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホ"
    "マミムメモヤユヨラリルレロワヲン",
    "irohaFullWidth": "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤ"
    "マケフコエテアサキユメミシヱヒモセスン",
    "ganada": "가나다라마바사아자차카타파하",
    "chosung": "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ",
    "arabicAlpha": "أبتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "arabicAbjad": "أبجدهوزحطيكلمنسعفصقرشتثخذضظغ",
    "thaiLetters": "กขคงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮ",
    "ideographTraditional": "甲乙丙丁戊己庚辛壬癸",
    "ideographZodiac": "子丑寅卯辰巳午未申酉戌亥",
    "chicago": "*†‡§",
}
"""Signs that stand for 1, 2, 3 ...; behind the last they begin again, each twice."""
_UPPER = {"upperLetter": "lowerLetter", "russianUpper": "russianLower", "upperRoman": "lowerRoman"}
_SAME = {"aiueo": "aiueoFullWidth", "iroha": "irohaFullWidth"} | {
    "decimalFullWidth2": "decimalFullWidth", "decimalEnclosedCircleChinese": "decimalEnclosedCircle",
    "chineseCounting": "chineseCountingThousand", "japaneseCounting": "chineseCountingThousand",
    "taiwaneseCountingThousand": "chineseCountingThousand", "taiwaneseCounting": "chineseCountingThousand",
    "japaneseDigitalTenThousand": "ideographDigital", "taiwaneseDigital": "ideographDigital",
}  # fmt: skip
_ENCLOSED = {
    "decimalEnclosedCircle": 0x2460,
    "decimalEnclosedParen": 0x2474,
    "decimalEnclosedFullstop": 0x2488,
}
"""Where the signs for 1 to 20 begin."""
_DIGITS = {
    "ideographDigital": "〇一二三四五六七八九",
    "thaiNumbers": "๐๑๒๓๔๕๖๗๘๙",
    "hindiNumbers": "०१२३४५६७८९",
    "decimalFullWidth": "０１２３４５６７８９",
}
_HAN = {
    "chineseCountingThousand": ("零一二三四五六七八九", "十百千", "万"),
    "chineseLegalSimplified": ("零壹贰叁肆伍陆柒捌玖", "拾佰仟", "万"),
    "ideographLegalTraditional": ("零壹貳參肆伍陸柒捌玖", "拾佰仟", "萬"),
    "japaneseLegal": ("零壱弐参四伍六七八九", "拾百阡", "萬"),
}

_RAISED = str.maketrans("0123456789+-\u2212", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
_RAISED_NUMBER = re.compile(r"[+\-\u2212]?[0-9]{1,4}")


def numeral(number: int, form: str) -> str:
    """A number in a form such as "upperRoman"; in decimal where the form is unknown or ends before it."""
    if form in _UPPER:
        return numeral(number, _UPPER[form]).upper()
    form = _SAME.get(form, form)
    if form in _ENCLOSED:
        return chr(_ENCLOSED[form] + number - 1) if 1 <= number <= 20 else str(number)
    if form in _DIGITS:
        return "".join(_DIGITS[form][int(digit)] for digit in str(number)) if number >= 0 else str(number)
    if number > 0 and form in _ALPHABETS:
        signs = _ALPHABETS[form]
        times, at = divmod(number - 1, len(signs))
        return signs[at] * (times + 1) if times < _MOST_REPEATED else str(number)
    if 0 < number < 10_000 * 10 and form in _HAN:
        return _han(number, *_HAN[form])
    return _WRITTEN[form](number) if form in _WRITTEN else str(number)


def superscript(text: str) -> str:
    """A raised number as raised characters, such as "⁶" in "10⁶", which is another figure than 106; any other
    text is as it was."""
    return text.translate(_RAISED) if _RAISED_NUMBER.fullmatch(text) else text


def _roman(number: int) -> str:
    if not 0 < number < _MOST_ROMAN:
        return str(number)
    said = ""
    for value, letters in _ROMAN:
        said += letters * (number // value)
        number %= value
    return said


def _ordinal(number: int) -> str:
    last = abs(number) % 10 if abs(number) % 100 not in (11, 12, 13) else 0
    return f"{number}{('th', 'st', 'nd', 'rd')[last] if last < 4 else 'th'}"


def _words(number: int) -> str:
    """A number in English words, such as "twenty-one"."""
    if not 0 <= number < 1000:
        return str(number)
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    below = _ONES[rest] if rest < 20 else _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")
    if not hundreds:
        return below
    return f"{_ONES[hundreds]} hundred" + (f" {below}" if rest else "")


def _ordinal_words(number: int) -> str:
    said = _words(number)
    if said[-1:].isdigit():
        return _ordinal(number)
    cut = max(said.rfind("-"), said.rfind(" ")) + 1
    first, last = said[:cut], said[cut:]
    return first + _IRREGULAR.get(last, f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")


def _han(number: int, digits: str, units: str, myriad: str) -> str:
    """A number in Chinese characters: 十一, 一百零二."""
    if number >= 10_000:
        high, low = divmod(number, 10_000)
        gap = digits[0] if 0 < low < 1000 else ""
        return (
            _han(high, digits, units, myriad)
            + myriad
            + (gap + _han(low, digits, units, myriad) if low else "")
        )
    said, gap = "", ""
    for power in (3, 2, 1, 0):
        digit = number // 10**power % 10
        if digit:
            said += gap + digits[digit] + (units[power - 1] if power else "")
        gap = digits[0] if said and not digit else ""
    return said[1:] if 10 <= number < 20 and digits[1] == "一" else said


_WRITTEN: dict[str, Callable[[int], str]] = {
    "lowerRoman": _roman,
    "ordinal": _ordinal,
    "cardinalText": lambda number: _words(number).capitalize(),
    "ordinalText": lambda number: _ordinal_words(number).capitalize(),
    "decimalZero": lambda number: f"{number:02}",
    "numberInDash": lambda number: f"- {number} -",
    "hex": lambda number: f"{number:X}",
    "none": lambda number: "",
}
