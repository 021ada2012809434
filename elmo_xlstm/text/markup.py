"""Running text of MediaWiki pages, and of texts with remains of HTML and wiki markup.

Of remains only what surely is markup goes: known HTML elements, balanced templates, links and headings. Text such
as ``List<String>``, ``a < b`` or ``if (x) { … }`` in software documentation stays as it is.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mwparserfromhell.nodes import Tag
    from mwparserfromhell.wikicode import Wikicode

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
TAGS_NOT_TEXT = frozenset(
    "ref references table gallery math chem timeline score graph hiero imagemap inputbox maplink mapframe "
    "templatedata templatestyles syntaxhighlight source pre script style categorytree".split()
)
TAGS_WITH_BREAK = frozenset("br p div li dd dt dl ul ol hr blockquote poem center".split())
_BRACKET = re.compile(
    r"\{\{|\}\}|\[|\]|\{\||\|\}|<!--|-->|<(?!(?:br|hr|li|p|dd|dt|td|tr|th)\b)[a-z]+\b|</[a-z]+|/>", re.IGNORECASE
)
_PARTNERS = {"}}": "{{", "]": "[", "|}": "{|", "-->": "<!--"}
# The parser goes back for each bracket that has no partner: a page of nothing else would take it days.
MOST_UNMATCHED, MOST_OPEN = 50, 90


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


def strip_wikitext(text: str) -> str:
    """The running text of a page, as a reader sees it.

    Templates, tables, references, comments, formulas, source code, galleries, files, categories and links to other
    languages are dropped; of other links the label stays, of headings the words. Of a page whose brackets are too
    broken to be parsed in good time, only what :func:`strip_markup` knows is taken out.
    """
    if _is_broken(text):
        return strip_markup(text)
    import mwparserfromhell  # only MediaWiki dumps need it

    pieces: list[str] = []
    _collect(mwparserfromhell.parse(text), pieces)
    return strip_open_tables("".join(pieces))


def _is_broken(text: str) -> bool:
    """Whether brackets and tags are nested too deeply, or too many are never closed."""
    open_now = dict.fromkeys(["{{", "[", "{|", "<!--", "<"], 0)
    for match in _BRACKET.finditer(text):
        found = match[0]
        closes = _PARTNERS.get(found, "<" if found.startswith(("</", "/>")) else None)
        if closes is not None:
            open_now[closes] = max(0, open_now[closes] - 1)
        else:
            kind = found if found in open_now else "<"
            open_now[kind] += 1
            if open_now[kind] > MOST_OPEN:
                return True
    return sum(open_now.values()) > MOST_UNMATCHED


def _collect(code: Wikicode | None, pieces: list[str]) -> None:
    from mwparserfromhell import nodes

    for node in code.nodes if code is not None else ():
        if isinstance(node, nodes.Text):
            pieces.append(node.value)
        elif isinstance(node, nodes.Wikilink):
            title = str(node.title)
            if is_namespaced(title) or (node.text is None and _is_other_language(title)):
                continue
            _collect(node.title if node.text is None else node.text, pieces)
        elif isinstance(node, nodes.Tag):
            _collect_tag(node, pieces)
        elif isinstance(node, nodes.Heading):
            pieces.append("\n")
            _collect(node.title, pieces)
            pieces.append("\n")
        elif isinstance(node, nodes.ExternalLink):
            if not node.brackets:
                pieces.append(str(node.url))
            _collect(node.title, pieces)
        elif isinstance(node, nodes.HTMLEntity):
            pieces.append(node.normalize())


def _collect_tag(node: Tag, pieces: list[str]) -> None:
    name = str(node.tag).strip().lower()
    if name in TAGS_NOT_TEXT:
        pieces.append(" ")
        return
    if name in TAGS_WITH_BREAK:
        pieces.append("\n")
    _collect(node.contents, pieces)


def _is_other_language(title: str) -> bool:
    prefix, colon, rest = title.partition(":")
    return bool(colon) and 2 <= len(prefix) <= 3 and prefix.isalpha() and prefix.islower() and not rest.startswith(" ")
