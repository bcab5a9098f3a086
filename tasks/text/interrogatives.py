"""Words that ask, and units of money, of languages other than English, German, French and Spanish.

The idea: they are few and say what kind of value answers; a language that is not here is asked by its words.
"""

ASKS = {
    "duration": "どのくらいの期間|何(?:日間|年間|か月|時間)|얼마나 오래|как долго|πόσο καιρό"
    "|كم من الوقت|כמה זמן|कितने (?:दिन|साल)|นานเท่า|quanto tempo",
    "money": "(?:费用|价格|租金)(?:是|为)?多少|(?:费用|費用|料金|値段|価格)は?いくら|いくらで|何円"
    "|얼마|сколько сто|πόσο κόστ|كم (?:بلغت |تبلغ )?(?:تكلفة|ثمن|سعر)|כמה (?:עול|על)|कितने (?:रुपये|पैसे)|กี่บาท"
    "|ราคาเท่า|combien co[uû]t|cuánto c(?:uesta|ostó)|quanto cost",
    "date": "什麼時候|哪一天|何(?:年|月|日)(?!間)|언제|몇 ?[년월일]|когда|в каком году|πότε"
    r"|متى|מתי|कब|เมื่อไ|เมื่อใด|\bquando\b|\bwanneer\b|\bkiedy\b",
    "number": r"いくつ|何[人個枚本冊台回件名メ]|몇|сколько|πόσ[αοεη]|(?<!\w)كم(?!\w)|כמה"
    r"|कितन|กี่|เท่าไ|\bquant[oaie]s?\b|\bhoeveel\b|^\W*ile\b",
    "reason": r"なぜ|どうして|왜|почему|зачем|γιατί|لماذا|למה|מדוע|क्यों|ทำไม"
    r"|\bpor qué\b|\bperché\b|\bwaarom\b",
    "person": r"どなた|누구|누가|(?<!\w)к(?:то|ого|ому|ем)(?!\w)|ποι(?:ος|ον|οι)(?!\w)"
    r"|^\W*من (?:هو|هي|ال)|(?<!\w)מי(?!\w)|कौन|किसन|किसक|ใคร|^\W*chi\b|\bquem\b"
    r"|\bqui[eé]nes\b",
}
"""By what they ask for, as patterns."""

FRAME = (
    "いくら|どなた|何(?:年|月|日|人|円|時)?|谁|誰|多久|哪里|哪裡|哪儿|几(?=[个年月天人])"
    "|언제|어디|누구|누가|얼마|무엇|무슨|몇|왜|어떻게"
    "|ใคร|ที่ไหน|เมื่อ(?:ไหร่|ไร|ใด)|เท่า(?:ไหร่|ไร)|กี่|ทำไม|อะไร|อย่างไร"
)
"""Of languages without spaces, or with endings on every word: the words that ask, as a pattern."""

MONEY = r"원|บาท|руб\w*|ευρώ|δραχμ\w+|रुपये|रुपए|جنيه\w*|دينار\w*|ريال\w*|ש\"ח|שקל\w*|לירות|złotych|kr\b|лир\w*"
"""Units behind an amount in figures, as a pattern."""
SPELT_MONEY = "[一二三四五六七八九十百千万億亿两〇零]+(?:円|元)|[일이삼사오육칠팔구십백천만억]+ ?원"
SPELT_DATE = (
    "[〇零○一二三四五六七八九]{4}年(?:[一二三四五六七八九十]{1,3}月(?:[一二三四五六七八九十廿]{1,3}日)?)?"
)
KOREAN_DATE = r"\d{2,4}\s*년(?:\s*\d{1,2}\s*월)?(?:\s*\d{1,2}\s*일)?"
