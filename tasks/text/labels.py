"""Labels: what a reader should know of words before using them, by rules on the words alone.

The idea: a document is data, whatever it says. Words that address a machine change nothing here; they are
labelled, so that whoever hands a passage to a model or a person knows. A label is neither a filter nor a
proof: a paper that quotes an attack has it, an attack in words that nobody used before has none.
"""

import re
from collections.abc import Sequence

from tasks.text.private import CONTACT, private
from tasks.text.visible import bared, hides

LABELS = ("instructions", "hidden characters", "secret", "personal data")
RULES = "1"
"""Changes with what these rules find in a text: records that others labelled are labelled again."""
WARNED = {
    "instructions": "these words read like instructions to a machine; they are shown as data",
    "hidden characters": "characters that nobody sees hide words here, or show them in another order",
    "secret": "this holds what looks like a password or a key",
}
"""Labels that a reader is warned of, and how."""

HOLDS = {
    "instructions": "words like instructions to a machine",
    "hidden characters": "hidden characters",
    "secret": "what looks like a password or a key",
}
"""What a passage with a label of these holds."""

_ENGLISH = (
    r"(?:ignore|disregard|forget|discard) (?:\w{1,24} ){0,2}?"
    r"(?:previous|prior|above|preceding|earlier|foregoing|your|system) (?:\w{1,24} ){0,3}?"
    r"(?:instructions?|prompts?|programming|directives?)\b",
    r"(?:ignore|disregard|forget|discard) (?:all|any|every)(?: of)?(?: the| your| my)? (?:\w{1,24} )?"
    r"(?:instructions?|prompts?|directives?)\b(?! (?:manual|booklet|leaflet|sheet)s?)",
    r"(?:override|bypass|disable) (?:all |any )?(?:of )?your (?:\w{1,24} ){0,2}?"
    r"(?:instructions?|prompts?|programming|restrictions|guardrails|guidelines|filters)\b",
    r"forget (?:everything|all) (?:you (?:know|were told|have been told)|above|before this)\b",
    r"you are (?:now|no longer) (?:(?!connected|talking|chatting)[\w'-]{1,24} ){0,4}?"
    r"(?:ai|chatbot|llm|language model|dan|jailbroken|unrestricted|assistant"
    r"(?! (?:manager|director|professor|secretary|to|general|coach|editor)))\b",
    r"(?:act as|pretend (?:to be|you are|that you are)) (?:an? )?(?:\w{1,24} ){0,2}?"
    r"(?:unrestricted|unfiltered|uncensored|jailbroken|dan|language model|ai)\b(?! (?:system|act))",
    r"(?:reveal|print|show|output|repeat|leak|display|expose|disclose|send|tell)(?: \w{1,24}){0,3}? "
    r"(?:your|the)(?: \w{1,24}){0,2}? (?:system|hidden|initial|secret) (?:prompt|instructions)\b",
    r"(?:new|updated|end of|begin|override) (?:the )?system (?:prompt|instructions?|message)s?\b",
    r"(?:^|[\s#*>\[])system(?: prompt| message| override)?\]? ?[:：] ?(?:you (?:are|must|will)|ignore"
    r"|disregard|from now on|override|new instructions)\b",
    r"\bif you are (?:an? )?(?:\w{1,24} )?(?:ai|llm|language model|chatbot)\b",
    r"(?:attention|dear|note to|message (?:to|for)|instructions? (?:to|for))(?: any| all| the)?"
    r"(?: \w{1,24})? (?:ai|llms?|language models?|chatbots?)"
    r"(?: (?:assistants?|agents?|models?|systems?|reviewers?))? ?[:,!]",
    r"as an ai(?: language model| assistant)?,? you (?:must|should|will|shall|are)\b",
    r"(?:do not|don't|never) (?:tell|inform|alert|notify) the (?:user|human)s? (?:about|of) (?:this|these)\b",
    r"when (?:you )?summari[sz](?:e|ing) this (?:document|text|page|e-?mail|file|article),? "
    r"(?:\w{1,24} ){0,3}?(?:say|state|write|include|output|append|add|claim|mention|report|tell)\b",
    r"(?:in|at the end of) your (?:summary|answer|response|reply|output)\b[^.]{0,40}?"
    r" (?:you must|always|be sure to)\b",
    r"from now on,? (?:you (?:are|will|must)|answer|respond|reply) (?:[\w'-]{1,24} ){0,6}?"
    r"(?:user|prompt|question)s?\b",
    r"give (?:an? )?positive review only|do not highlight any negatives",
)
_OTHERS = (
    # Chinese
    r"(?:忽略|无视|無視|忽視|忘记|忘記|忘掉|不要理会|不要遵守)[^。！？]{0,6}(?:之前|以前|上述|以上|先前|前面|此前|所有|全部|"
    r"你的|您的|原有|一切)[^。！？]{0,8}(?:指令|指示|提示词|提示詞|系统提示|系統提示)",
    r"(?:你|您)(?:现在|現在|从现在起|從現在起|从现在开始)[^。！？]{0,3}(?:是|扮演|作为)[^。！？]{0,12}"
    r"(?:助手(?!经理)|AI|人工智能|机器人|語言模型|语言模型)",
    r"(?:输出|显示|透露|泄露|告诉我|打印|重复|輸出|顯示)[^。！？]{0,8}(?:系统提示|系統提示|提示词|提示詞|初始指令)",
    r"如果(?:你|您)是(?:一个|一個|一名|一款)?(?:AI|人工智能|大?语言模型|大?語言模型|智能助手|大模型)",
    # Japanese, Korean
    r"(?:以前|これまで|上記|前|すべて|全て)の?[^。]{0,8}(?:指示|命令|プロンプト)[^。]{0,4}(?:無視|忘れ)",
    r"システムプロンプト[^。]{0,8}(?:表示|出力|教え|開示)|あなたは(?:今から|これから)[^。]{0,16}(?:アシスタント|AI|モデル)",
    r"(?:이전|위의|앞의|앞선|모든)[^.]{0,8}(?:지시|명령|프롬프트)[^.]{0,8}(?:무시|잊)",
    # German, French, Spanish, Italian, Portuguese
    r"\b(?:ignoriere|ignorieren sie|vergiss|vergessen sie|missachte)\b[^.]{0,20}\b(?:vorherigen?|bisherigen?"
    r"|obigen?|vorangegangenen?|früheren?|alle)\b[^.]{0,12}\b(?:anweisung|instruktion|vorgabe|prompt)",
    r"\b(?:ignore[rz]?|oublie[rz]?)\b[^.]{0,20}\b(?:instructions|consignes|directives)\b[^.]{0,12}"
    r"(?:précédent|antérieur|ci-dessus)",
    r"\b(?:ignora|ignore|olvida|olvide)\b[^.]{0,20}\b(?:instrucciones|indicaciones)\b[^.]{0,12}(?:anterior|previa)",
    r"\b(?:ignora|ignore|ignori|dimentica|esqueça)\b[^.]{0,20}\b(?:istruzioni|instruções)\b[^.]{0,14}"
    r"(?:precedenti|anteriores|acima)",
    # Russian, Arabic, Hindi
    r"(?:игнорируй|забудь)[^.]{0,20}(?:предыдущ|прежн|вышеуказанн|все)[^.]{0,14}(?:инструкци|указани)",
    r"تجاهل[^.]{0,16}(?:التعليمات|الأوامر|الإرشادات)[^.]{0,12}(?:السابقة|أعلاه)",
    r"(?:पिछले|पिछली|पूर्व|सभी)[^।]{0,10}(?:निर्देश|आदेश)[^।]{0,14}(?:अनदेखा|नज़रअंदाज़|भूल)",
)
_TOLD = re.compile("|".join((*_ENGLISH, *_OTHERS)), re.IGNORECASE)
_MARKUP = re.compile(
    r"<\|(?:im_start|im_end|im_sep|system|user|assistant|endoftext|eot_id|eom_id|start_header_id|end_header_id"
    r"|begin_of_text|end_of_text|python_tag|tool_call|tool_response|channel|message|end)\|>"
    r"|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
    r"|</?(?:tool_calls?|tool_response|tool_code|function_calls?|function_results?|antml:\w{1,30}|system[_-]prompt"
    r"|system-reminder)\b[^<>]{0,200}>"
    r"|^#{2,4} ?(?:Instruction|System|Assistant|Response) ?:|\{\s{0,4}\"role\"\s{0,4}:\s{0,4}\"system\"",
    re.MULTILINE,
)
"""What chat templates and calls of tools are written with."""
_BASE64 = re.compile(r"\b(?:decode|execute|run|follow|obey|perform)\b[^.\n]{0,60}\bbase-?64\b", re.IGNORECASE)
_OBEYED = re.compile(r"\b(?:execute|follow|obey|perform|run|do what|carry out)\b", re.IGNORECASE)
_BLOB = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{24,}={0,2}")


def labels(text: str) -> list[str]:
    """Labels of a text, of LABELS and in their order."""
    found = {
        "instructions": _instructs(bared(text)),
        "hidden characters": hides(text),
        "secret": bool(private(text, ("secret",))),
        "personal data": bool(private(text, CONTACT)),
    }
    return [label for label in LABELS if found[label]]


def warnings(some: Sequence[str]) -> list[str]:
    """What a reader is told of words with these labels."""
    return [told for label, told in WARNED.items() if label in some]


def _instructs(text: str) -> bool:
    if _MARKUP.search(text) or _TOLD.search(" ".join(text.split())):
        return True
    return bool(_BASE64.search(text) and _OBEYED.search(text) and _BLOB.search(text))
