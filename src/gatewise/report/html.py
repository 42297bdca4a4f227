"""The one place where HTML is made: Jinja2's environment over templates/, and what pages are put together from.

Text is escaped, wherever it comes from; what a piece has made is `Markup` and is put in as it stands. A value that a
template lacks is an error, never a blank.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from gatewise.evaluation.verdict import COLOURS, Tone

_TEMPLATES = Environment(
    loader=PackageLoader("gatewise.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render_page(title: str, body: Iterable[str], pictures: Pictures) -> str:
    """A page that refers to nothing outside itself; Plotly's script stands at its end, once (4.8 MB).

    Args:
        body: pieces.
        pictures: whose frames stand in them.
    """
    plotly = Markup(get_plotlyjs())
    return _TEMPLATES.get_template("page.html").render(
        title=title, body=body, figures=pictures.json, tones=COLOURS, plotly=plotly
    )


def render(template: str, **values: object) -> str:
    """A template of the folder with its values."""
    return _TEMPLATES.get_template(template).render(**values)


class Pictures:
    """Collects figures: a frame in the page now, the data at its end.

    Attributes:
        json: each figure's data, as it may stand in a script element.
    """

    def __init__(self) -> None:
        self.json: list[Markup] = []

    def add(self, figure: go.Figure, title: str, caption: str, wide: bool = False, height: int = 340) -> Markup:
        """The frame; `wide` takes the page's whole width, `height` is in CSS pixels."""
        place = f"plot-{len(self.json)}"
        # "<" can only stand inside a JSON string, where the escape means the same and ends no script element.
        self.json.append(Markup(figure.to_json().replace("<", "\\u003c")))
        return _piece("figure", place, title, caption, wide, height)


@dataclass(frozen=True)
class Cell:
    """A cell of a table; `small` stands below its text, `style` names classes of page.css."""

    text: str
    small: str = ""
    bold: bool = False
    style: str = ""


@dataclass(frozen=True)
class Line:
    """A line of a table, under its name."""

    name: str
    cells: Sequence[Cell]
    style: str = ""


def table(label: str, caption: str, head: Iterable[str], lines: Iterable[Line]) -> Markup:
    """A table; `label` is for those who hear the page, `head` names all columns but the first."""
    return _piece("table", label, caption, list(head), lines)


def section(title: str, contents: Iterable[str]) -> Markup:
    """A titled part of the page."""
    return _piece("section", title, contents)


class Headed(Protocol):
    """What has a headline and its tone, as judgements have."""

    @property
    def headline(self) -> str: ...
    @property
    def tone(self) -> Tone: ...


def header(page: str, title: str, judgement: Headed, content: str) -> Markup:
    """The top of a page: what it is of, and the verdict in its tone with what stands behind it."""
    return _piece("header", page, title, judgement, content)


def titled(page: str, title: str) -> Markup:
    """The top of a page that gives no verdict."""
    return _piece("titled", page, title)


def paragraph(text: str) -> Markup:
    """A sentence or more."""
    return _piece("paragraph", text)


def bullets(lines: Sequence[str]) -> Markup:
    """A list of sentences."""
    return _piece("bullets", lines)


def columns(values: Mapping[str, str]) -> Markup:
    """Names and words in two columns."""
    return _piece("columns", values)


def facts(groups: Mapping[str, Mapping[str, str]]) -> Markup:
    """Names and words, group by group."""
    return _piece("facts", groups)


def folded(summary: str, content: str) -> Markup:
    """Content that opens on a click."""
    return _piece("folded", summary, content)


def preformatted(text: str) -> Markup:
    """Text with its line breaks."""
    return _piece("preformatted", text)


def _piece(name: str, *values: object) -> Markup:
    made = getattr(_TEMPLATES.get_template("pieces.html").module, name)(*values)
    assert isinstance(made, Markup)
    return made
