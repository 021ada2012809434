"""Remains of HTML and wiki markup in running text.

Only what surely is markup goes: known HTML elements, balanced templates, links and headings. Text such
as ``List<String>``, ``a < b`` or ``if (x) { … }`` in software documentation stays as it is.
"""

from __future__ import annotations

import html
import re

NAMESPACES_NOT_TEXT = frozenset(
    "berkas file image gambar citra media kategori category templat template modul module portal".split()
)
INLINE_TAGS = (
    "a abbr b bdi bdo big cite code data del dfn em font i includeonly ins kbd mark noinclude nowiki onlyinclude "
    "q s samp small span strike strong sub sup time tt u var wbr"
)
BLOCK_TAGS = (
    "address article aside audio blockquote body br button caption center col colgroup dd details dialog div dl dt "
    "fieldset figcaption figure footer form frame frameset gallery h1 h2 h3 h4 h5 h6 head header hr html iframe img "
    "input label legend li link main meta nav noscript object ol optgroup option p param picture poem pre ref "
    "references section select source summary syntaxhighlight table tbody td template textarea tfoot th thead title "
    "tr track ul video"
)
BARE_ATTRIBUTES = (
    "allowfullscreen async autofocus autoplay checked controls defer disabled hidden loop multiple muted noshade "
    "nowrap open readonly required selected"
)

_ATTRIBUTE = rf"""\s+(?:[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'|[^\s"'<>=]+)|(?:{"|".join(BARE_ATTRIBUTES.split())})\b)"""
_TAG = re.compile(
    rf"</?(?:(?P<inline>{'|'.join(INLINE_TAGS.split())})|{'|'.join(BLOCK_TAGS.split())})(?:{_ATTRIBUTE})*\s*/?>",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"<!--.{0,20000}?-->", re.DOTALL)
_NOT_TEXT = re.compile(
    r"<(script|style|ref|math|timeline|graph|templatestyles)\b(?:[^<>]{0,500}/>|[^<>]{0,500}>.{0,20000}?</\1\s*>)",
    re.DOTALL | re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")

_TEMPLATE = re.compile(r"\{\{[^{}]{0,4000}\}\}")
_TABLE = re.compile(r"^[ \t:]*\{\|(?:(?!\{\||\|\}).){0,20000}?\|\}", re.DOTALL | re.MULTILINE)
_TABLE_LINES = re.compile(r"^[ \t:]*(?:\{\||[|!]).*(?:\s*\n[ \t:]*(?:\{\||[|!]).*)*", re.MULTILINE)
_TABLE_MARK = re.compile(r"^[ \t:]*(?:\|\}|(?:\{\||\|-)(?:[ \t]*$|.*=))", re.MULTILINE)
_LINK = re.compile(r"\[\[(?=[^\s$\"\-\[\]])([^\[\]|\n]{1,300})(?:\|([^\[\]]{0,1000}))?\]\]")
_EXTERNAL_LINK = re.compile(r"\[(?:https?:)?//[^\s\[\]<>]+(?:[ \t]+([^\[\]\n]*))?\]")
_BOLD = re.compile(r"(?<=[\w.,;:!?)\]%])'{3,5}|'{3,5}(?=[\w(\[])")
_ITALIC = re.compile(r"(?<![\w'])''(?=[^\s'])([^'\n]{1,300})(?<=[^\s'])''(?![\w'])")
_HEADING = re.compile(r"^[ \t]*(={2,6})(?!=)(.{1,1000}?)\1[ \t]*$", re.MULTILINE)
_MAGIC_WORD = re.compile(
    r"__(?:NO|FORCE)?(?:TOC|DAFTARISI|EDITSECTION|GALLERY|TITLECONVERT|CONTENTCONVERT|INDEX|NEWSECTIONLINK)__"
)
MAX_NESTING = 8


def strip_markup(text: str) -> str:
    """Text without HTML tags, comments and entities, wiki templates, tables, links, emphasis and headings.

    What a reader would see of them stays: the label of a link, the words of a heading. Text without
    any of the characters that begin markup passes after a few searches.
    """
    if "<" in text:
        # Without an end anywhere, each beginning would be followed to the longest length that is allowed.
        if "-->" in text:
            text = _COMMENT.sub(" ", text)
        if "/" in text:
            text = _NOT_TEXT.sub(" ", text)
        text = _TAG.sub(lambda match: "" if match["inline"] else " ", text)
    if "{{" in text:
        text = _innermost_first(_TEMPLATE, text, lambda match: " ")
    if "{|" in text:
        text = _innermost_first(_TABLE, text, lambda match: " ")
    text = strip_open_tables(text)
    if "[[" in text:
        text = _innermost_first(_LINK, text, _link_label)
    if "//" in text and "[" in text:
        text = _EXTERNAL_LINK.sub(lambda match: match[1] or " ", text)
    if "''" in text:
        text = _ITALIC.sub(r"\1", _BOLD.sub("", text))  # people also write '' as a quotation mark: pairs alone
    if "==" in text:
        text = _HEADING.sub(lambda match: match[2].strip(" \t"), text)
    if "__" in text:
        text = _MAGIC_WORD.sub(" ", text)
    if "&" in text:
        # Twice: text that went through two systems has "&amp;nbsp;".
        for _ in range(2):
            text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    return text


def strip_open_tables(text: str) -> str:
    """Text without the lines of wiki tables whose begin or end is a template, or is not there."""
    if "{|" not in text and "\n|" not in text:
        return text
    return _TABLE_LINES.sub(lambda match: " " if _TABLE_MARK.search(match[0]) else match[0], text)


def is_namespaced(title: str) -> bool:
    """Whether a link's target is a file, a category or another page that is no running text."""
    namespace, colon, _ = title.strip().lstrip(":").partition(":")
    return bool(colon) and namespace.strip().lower() in NAMESPACES_NOT_TEXT


def _innermost_first(pattern: re.Pattern[str], text: str, replace: object) -> str:
    for _ in range(MAX_NESTING):
        text, count = pattern.subn(replace, text)  # type: ignore[call-overload]
        if not count:
            break
    return text


def _link_label(match: re.Match[str]) -> str:
    title, label = match[1], match[2]
    if is_namespaced(title):
        return " "
    return title if label is None else label
