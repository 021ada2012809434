"""Running text of MediaWiki pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from elmo_xlstm.text.markup import is_namespaced, strip_markup, strip_open_tables

if TYPE_CHECKING:
    from mwparserfromhell.nodes import Tag
    from mwparserfromhell.wikicode import Wikicode

TAGS_NOT_TEXT = frozenset(
    "ref references table gallery math chem timeline score graph hiero imagemap inputbox maplink mapframe "
    "templatedata templatestyles syntaxhighlight source pre script style categorytree".split()
)
TAGS_WITH_BREAK = frozenset("br p div li dd dt dl ul ol hr blockquote poem center".split())
_BRACKET = re.compile(
    r"\{\{|\}\}|\[|\]|\{\||\|\}|<!--|-->|<(?!(?:br|hr|li|p|dd|dt|td|tr|th)\b)[a-z]+\b|</[a-z]+|/>", re.IGNORECASE
)
_PARTNERS = {"}}": "{{", "]": "[", "|}": "{|", "-->": "<!--"}
MOST_UNMATCHED, MOST_OPEN = 50, 90
"""The parser goes back for each bracket that has no partner: a page of nothing else would take it days."""


def strip_wikitext(text: str) -> str:
    """The running text of a page, as a reader sees it.

    Templates, tables, references, comments, formulas, source code, galleries, files, categories and
    links to other languages are dropped; of other links the label stays, of headings the words. A page of which more
    than fifty brackets or tags are never closed, or more than ninety are open at once, is no wiki text that can be
    parsed in good time; only what :func:`~elmo_xlstm.text.markup.strip_markup` knows is taken out of it.
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
