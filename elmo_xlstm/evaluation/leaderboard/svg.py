"""SVG files that say what they were drawn from, so that a check need not draw them again.

Two versions of matplotlib draw the same data a little differently. Each file therefore carries two
digests: of the data, to be compared with the results, and of the drawing, to tell a changed file.
"""

from __future__ import annotations

import hashlib
import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MADE_BY = "elmo-xlstm leaderboard"
METADATA = re.compile(rf"<metadata>{MADE_BY} data ([0-9a-f]{{64}}) drawing ([0-9a-f]{{64}})</metadata>")
SVG = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
NAMESPACE = "http://www.w3.org/2000/svg"
FONTS = "DejaVu Sans, Verdana, sans-serif"
ELEMENTS = frozenset("svg metadata g path text tspan use defs clipPath rect".split())
COORDINATES = ("d", "x", "y", "width", "height", "transform")


def to_svg(figure: Figure, title: str, digest: str) -> str:
    """Draw a figure as a small SVG element for files and pages alike, without dates or anything else that changes.

    Args:
        figure: to be drawn.
        title: what it shows, for those who cannot see it.
        digest: of the data.
    """
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(file.getvalue())
    _tidy(root, set(re.findall(r"#([\w-]+)", file.getvalue().decode())))
    for name, value in {"role": "img", "aria-label": title, "font-family": FONTS, "stroke-linejoin": "round"}.items():
        root.set(name, value)
    ElementTree.register_namespace("", NAMESPACE)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    text = ElementTree.tostring(root, encoding="unicode")
    drawing = hashlib.sha256(text.encode()).hexdigest()
    start = text.index(">") + 1
    return f"{text[:start]}<metadata>{MADE_BY} data {digest} drawing {drawing}</metadata>{text[start:]}\n"


def _tidy(element: ElementTree.Element, used: set[str]) -> None:
    """Leave out what draws nothing, and round what is finer than anyone sees."""
    children = []
    for child in element:
        _tidy(child, used)
        kind = child.tag.removeprefix(f"{{{NAMESPACE}}}")
        if kind in ("metadata", "style") or (kind in ("g", "defs") and len(child) == 0):  # a style would be the page's
            continue
        children += list(child) if kind == "g" and not child.attrib else [child]
        child.tail = "\n"
    element[:] = children
    element.text = (element.text or "").strip() or None
    for name, value in list(element.attrib.items()):
        if name == "id" and value not in used or value.startswith("rotate(-0 "):
            del element.attrib[name]
        elif name in COORDINATES:
            short = re.sub(r"-?\d+\.\d+", _rounded, value)
            element.set(name, re.sub(r"\s*([A-Za-z]|$)\s*", r"\1", short) if name == "d" else short)
        elif name == "style":
            parts = [part.strip().replace(": ", ":") for part in value.split(";")]
            element.set(name, ";".join(part for part in parts if part and not part.startswith("font-family")))


def _rounded(number: re.Match[str]) -> str:
    value = float(number[0])
    return f"{value:.{1 if abs(value) >= 10 else 2}f}".rstrip("0").rstrip(".")


def placeholder(digest: str) -> str:
    """What :func:`digests_only` makes of a picture of data with this digest."""
    return f"<svg {digest}/>"


def data_digest(svg: str) -> str | None:
    """The digest of the data that a picture shows; ``None`` if it was changed since, or made by something else.

    What has parts that do more than show something was made by something else, whatever its digests say.
    """
    found = METADATA.search(svg)
    if found is None:
        return None
    drawing = svg[: found.start()] + svg[found.end() :].rstrip("\n")
    intact = hashlib.sha256(drawing.encode(errors="replace")).hexdigest() == found[2]
    return found[1] if intact and _only_shows(svg) else None


def _only_shows(svg: str) -> bool:
    """Whether a picture has only shapes and text: it becomes part of a page, in which anything else would run.

    Digests cannot tell: whoever makes another picture can make its digests as well.
    """
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError:
        return False
    for element in root.iter():
        if element.tag.removeprefix(f"{{{NAMESPACE}}}") not in ELEMENTS:
            return False
        for name, value in element.attrib.items():
            name = name.rpartition("}")[2].lower()
            if name.startswith("on") or (name == "href" and not value.startswith("#")):
                return False
            if name != "aria-label" and ("url(" in value.replace("url(#", "") or "\\" in value):
                return False
    return True


def is_ours(svg: str) -> bool:
    """Whether a file was drawn for a leaderboard, intact or not."""
    return METADATA.search(svg) is not None


def digests_only(page: str) -> str:
    """Put the digests of the data in the place of a page's pictures."""

    def short(found: re.Match[str]) -> str:
        digest = data_digest(found[0])
        return placeholder(digest) if digest else "<svg changed/>"

    return SVG.sub(short, page)
