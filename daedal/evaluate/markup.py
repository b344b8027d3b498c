"""HTML and SVG from Python values: everything that is not markup already is escaped.

>>> print(element("p", "a < b", class_="note"))
<p class="note">a &lt; b</p>
"""

from __future__ import annotations

import html
from typing import Any

VOID = {"br", "img", "link", "meta", "circle", "line", "path", "rect"}  # written without a closing tag


class Markup(str):
    """Text that is markup, and is not escaped again."""

    __slots__ = ()


def element(tag: str, *children: Any, **attributes: Any) -> Markup:
    """One element. Children are text, markup, None (left out) or lists of these.

    Attributes that are None or False are left out; a trailing underscore is dropped from their names (`class_`)
    and the others become hyphens (`stroke_width`).
    """
    shown = "".join(
        f' {_attribute(name)}="{html.escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in VOID:
        return Markup(f"<{tag}{shown}/>")
    return Markup(f"<{tag}{shown}>{join(*children)}</{tag}>")


def join(*children: Any) -> Markup:
    """Children one after the other, escaped where they are not markup."""
    parts = []
    for child in children:
        if isinstance(child, (list, tuple)):
            parts.append(join(*child))
        elif child is not None:
            parts.append(child if isinstance(child, Markup) else html.escape(str(child)))
    return Markup("".join(parts))


def _attribute(name: str) -> str:
    # SVG has a few names in mixed case with no hyphen, such as viewBox: those are kept as they are.
    return name.rstrip("_").replace("_", "-")
