"""Running text of MediaWiki pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elmo_xlstm.text.markup import is_namespaced

if TYPE_CHECKING:
    from mwparserfromhell.nodes import Tag
    from mwparserfromhell.wikicode import Wikicode

TAGS_NOT_TEXT = frozenset(
    "ref references table gallery math chem timeline score graph hiero imagemap inputbox maplink mapframe "
    "templatedata templatestyles syntaxhighlight source pre script style categorytree".split()
)
TAGS_WITH_BREAK = frozenset("br p div li dd dt dl ul ol hr blockquote poem center".split())


def strip_wikitext(text: str) -> str:
    """What a reader sees as running text of a page.

    Templates, tables, references, comments, formulas, source code, galleries, files, categories and
    links to other languages are dropped; of other links the label stays, of headings the words.
    """
    import mwparserfromhell  # only MediaWiki dumps need it

    pieces: list[str] = []
    _collect(mwparserfromhell.parse(text), pieces)
    return "".join(pieces)


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
