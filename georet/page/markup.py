"""Markup as text: whatever isn't ``Html`` already is escaped on its way in."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from importlib.resources import files

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'"


class Html(str):
    """Text that is markup and goes into a page as it stands."""

    __slots__ = ()


def safe(text: object) -> Html:
    """Return ``text`` as markup: escaped, unless it is markup."""
    return text if isinstance(text, Html) else Html(escape(str(text), quote=True))


def join(*parts: object) -> Html:
    """Return the parts one after the other, those that aren't markup escaped."""
    return Html("".join(map(safe, parts)))


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """Return an element; ``class_`` is written ``class``, ``aria_label`` ``aria-label``.

    An attribute that is None is left out. Elements without an end tag (``img``, ``meta``) and
    empty ones of SVG close themselves.
    """
    given = {key.strip("_").replace("_", "-"): v for key, v in attributes.items() if v is not None}
    head = name + "".join(f' {key}="{safe(value)}"' for key, value in given.items())
    if not children and name in _EMPTY:
        return Html(f"<{head}/>")
    return Html(f"<{head}>{join(*children)}</{name}>")


def rows(table: Sequence[Sequence[object]], *, heads: Sequence[object], caption: str) -> Html:
    """Return a table that scrolls sideways where it is too wide; the first cell heads its row."""
    top = tag("tr", *(tag("th", head, scope="col") for head in heads))
    body = (
        tag("tr", tag("th", first, scope="row"), *(tag("td", cell) for cell in cells))
        for first, *cells in table
    )
    inner = tag("table", tag("thead", top), tag("tbody", *body))
    scroll = tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption)
    return tag("figure", scroll, tag("figcaption", caption))


def figure(picture: Html, caption: object, *, kind: str = "") -> Html:
    """Return a picture with its caption."""
    return tag("figure", picture, tag("figcaption", caption), class_=kind or None)


def more(summary: str, *children: Html) -> Html:
    """Return a part that opens on demand."""
    return tag("details", tag("summary", summary), *children)


def data_url(content: bytes, kind: str = "image/jpeg") -> Html:
    """Return an encoded picture as an address that holds the whole of it."""
    return Html(f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}")


def document(title: str, *body: object, style: str = "") -> Html:
    """Return a whole page that loads nothing, in georet's style, to which ``style`` is added."""
    sheet = files("georet.report").joinpath("style.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} - georet"),
        tag("style", Html(sheet + style)),
    )
    html = tag("html", head, tag("body", *body), lang="en")
    return join(Html("<!doctype html>\n"), html, Html("\n"))


_EMPTY = frozenset({"img", "meta", "path", "line", "circle", "rect", "br", "use"})
