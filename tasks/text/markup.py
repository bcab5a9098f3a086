"""Markup removed: what a person reads of HTML, Markdown and reStructuredText, in one line or many."""

import html
import re

_HIDDEN = (("<!--", "-->"), ("<style", "</style>"), ("<script", "</script>"))
_INLINE = "a|abbr|b|cite|code|del|em|font|i|img|ins|kbd|mark|q|s|samp|small|span|strong|sub|sup|tt|u|var"
_BLOCK = (
    "address|article|aside|blockquote|body|br|button|caption|center|col|colgroup|dd|details|div|dl|dt|figcaption"
    "|figure|footer|form|h[1-6]|head|header|hr|html|iframe|input|label|li|link|main|meta|nav|object|ol|p|picture"
    "|pre|section|source|strike|summary|svg|table|tbody|td|tfoot|th|thead|title|tr|ul|video"
)
_TAG = re.compile(rf"</?(?:(?P<inline>{_INLINE})|{_BLOCK})(?:\s[^<>]{{0,600}})?/?>", re.IGNORECASE)
_IMAGE = re.compile(r"!\[[^\]\n]{0,300}\](?:\([^()\n]{0,600}\)|\[[^\]\n]{0,200}\])")
_LINK = re.compile(
    r"\[([^\[\]\n]{0,300})\](?:\([^()\n]{0,600}(?:\([^()\n]{0,200}\)[^()\n]{0,200})?\)|\[[^\]\n]{0,200}\])"
)
_REFERENCE = re.compile(
    r"(?m)^[ \t]*(?:\[[^\]\n]{1,200}\]:[ \t]*\S+.*|\.\.[ \t]+(?:_[^\n]{0,200}:.*|\|[^|\n]{1,200}\|.*"
    r"|[\w:-]{1,60}::.*))$"
)
_OPTION = re.compile(r"(?m)^[ \t]+:(?:alt|target|width|height|align|class|name|caption|maxdepth|scale):.*$")
_FENCE = re.compile(r"(?m)^[ \t]*(?:```|~~~).*$")
_ROLE = re.compile(r":[\w:-]{1,40}:`([^`<\n]{1,200}?)\s*(?:<[^`>\n]{0,200}>)?`")
_RST_LINK = re.compile(r"`([^`<\n]{1,300}?)\s*<[^`>\n]{1,600}>`__?|`([^`\n]{1,300})`__?(?!\w)")
_RST_WORD = re.compile(r"(?<![\w`_])([^\W_][\w.-]{0,60}[^\W_])__?(?=[\s,;:!?)]|\.?$|\.\s)")
"""A reference of one word. Names of Python rarely end so, and are shown in backquotes."""
_CODE = re.compile(r"(`{1,3})([^`\n]{1,500})\1")
_STRONG = re.compile(r"(?<![\w*_\\])(\*{1,3}|_{1,3})(?=\S)([^*_\n]{1,400}?)(?<=\S)\1(?![\w*_])")
_RULE = re.compile(r"(?m)^[ \t]*([-=*_~^\"'`#+.:])(?:[ \t]?\1){2,}[ \t]*$")
_HEADING = re.compile(r"(?m)^[ \t]{0,3}#{1,6}[ \t]+|(?<=\S)[ \t]+#{1,6}[ \t]*$")
_SUBSTITUTION = re.compile(r"(?<!\w)\|[\w .-]{1,60}\|_?(?!\w)")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+.!|<>-])")
_BLANKS = re.compile(r"\n(?:[ \t]*\n)+")


def readable(text: str) -> str:
    """The text without tags, entities, links' addresses, images, badges, emphasis, fences, directives and"
    " roles.

    Lines stay lines; a text without markup comes back as it is, but for blank lines that become one.
    """
    if "<" in text or "&" in text:
        text = html.unescape(_TAG.sub(lambda tag: "" if tag["inline"] else " ", _visible(text)))
    if "[" in text:
        text = _LINK.sub(r"\1", _LINK.sub(r"\1", _IMAGE.sub("", text)))
    if "::" in text or "]:" in text or ".. " in text:
        text = _OPTION.sub("", _REFERENCE.sub("", text))
    if "`" in text or "~~~" in text:
        text = _ROLE.sub(r"\1", _FENCE.sub("", text))
        text = _RST_LINK.sub(lambda match: match[1] or match[2], text)
        text = _CODE.sub(r"\2", text)
    if "_" in text:
        text = _RST_WORD.sub(r"\1", text)
    if "*" in text or "_" in text:
        text = _STRONG.sub(r"\2", _STRONG.sub(r"\2", text))
    text = _ESCAPE.sub(r"\1", _SUBSTITUTION.sub("", text))
    return _BLANKS.sub("\n\n", _HEADING.sub("", _RULE.sub("", text))).strip()


def _visible(text: str) -> str:
    """Without comments, styles and scripts."""
    for opening, closing in _HIDDEN:
        kept, at = list[str](), 0
        while (start := text.find(opening, at)) >= 0 and (end := text.find(closing, start)) >= 0:
            kept.append(text[at:start])
            at = end + len(closing)
        text = " ".join([*kept, text[at:]]) if kept else text
    return text
