"""A figure's SVG, made fit to stand inside a page among others.

Matplotlib writes an SVG that expects to be alone: its ids repeat from figure to figure, its one
style sheet speaks of every element, and its style attributes are what the page's policy forbids.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

_ELEMENTS = {"svg", "g", "defs", "path", "use", "rect", "circle", "line", "clipPath", "pattern"}
# What may stand in a style attribute and is an attribute of its own as well.
_STYLES = {
    *("fill", "fill-opacity", "fill-rule", "opacity", "stroke", "stroke-dasharray"),
    *("stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit"),
    *("stroke-opacity", "stroke-width"),
}
_ATTRIBUTES = {
    *("transform", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height"),
    *("viewBox", "patternUnits"),
}
_SHEET = {"stroke-linejoin": "round", "stroke-linecap": "butt"}  # of matplotlib, for every element
_DIGITS = re.compile(r"(\.\d\d)\d+")  # more than a screen or a printer can show
_LINK = re.compile(r"url\(#([^)]+)\)")


def inline(svg: str, prefix: str) -> str:
    """The drawing alone, hidden from screen readers: its text alternative stands beside it.

    Args:
        prefix: of the ids, another one for each figure of a page.
    """
    root = _kept(ElementTree.fromstring(svg), prefix)
    root.attrib.update(_SHEET)
    root.attrib.update({"aria-hidden": "true", "focusable": "false"})
    return ElementTree.tostring(root, encoding="unicode")


def _kept(element: Element, prefix: str) -> Element:
    """The element with what is known to be harmless of its attributes and of what is in it."""
    kept = Element(_local(element.tag), _attributes(element, prefix))
    kept.extend(_kept(child, prefix) for child in element if _local(child.tag) in _ELEMENTS)
    return kept


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _attributes(element: Element, prefix: str) -> dict[str, str]:
    kept = {}
    for qualified, value in element.attrib.items():
        name = _local(qualified)
        if name == "id":
            kept["id"] = prefix + value
        elif name == "href" and value.startswith("#"):
            kept["href"] = f"#{prefix}{value[1:]}"
        elif name == "d":
            kept["d"] = " ".join(_DIGITS.sub(r"\1", value).split())
        elif name in _ATTRIBUTES:
            kept[name] = value
        elif name in _STYLES or name == "clip-path":
            kept[name] = _LINK.sub(rf"url(#{prefix}\1)", value)
        elif name == "style":
            kept.update(_styles(value, prefix))
    return kept


def _styles(style: str, prefix: str) -> dict[str, str]:
    pairs = [part.partition(":") for part in style.split(";")]
    return {
        name.strip(): _LINK.sub(rf"url(#{prefix}\1)", value.strip())
        for name, _, value in pairs
        if name.strip() in _STYLES
    }
