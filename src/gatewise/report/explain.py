"""What stands on pages of what explains predictions, on a run's report and on a page of its own."""

from __future__ import annotations

from collections.abc import Iterator

from gatewise.evaluation.base import count, decimals, fixed
from gatewise.evaluation.interval_words import bounds_text
from gatewise.evaluation.metric_names import metric_text, metric_words
from gatewise.explain.attribution import Attribution, time_text
from gatewise.explain.importance import Importance, Importances
from gatewise.report.explain_figures import (
    MOST_BARS,
    MOST_FEATURES,
    attribution_height,
    attribution_map,
    importance_bars,
    importance_height,
)
from gatewise.report.html import Cell, Line, Pictures, bullets, columns, render_page, section, table, titled

CAUTION = (
    "It is said of this model and these rows. What two features both say is taken from neither alone, so move them "
    "together; and what a model reads need not be a cause."
)


def importance_pieces(importances: Importances, pictures: Pictures) -> Iterator[str]:
    """The picture of importances."""
    left = len(importances.groups) - MOST_BARS
    more = f" {left} more are smaller." if left > 0 else ""
    yield pictures.add(
        importance_bars(importances),
        "How much worse predictions are without them",
        f"{importance_words(importances)} {CAUTION}{more}",
        wide=True,
        height=importance_height(importances),
    )


def importance_words(importances: Importances) -> str:
    """What was done, and why there are no intervals where there are none."""
    value = metric_text(importances.metric, importances.value)
    rows = f"{'validation ' * (importances.part == 'val')}rows"
    times = count(importances.repeats, "order")
    reasons = dict.fromkeys(one.increase.reason for one in importances.groups if one.increase.reason)
    without = "".join(f" No interval: {reason}." for reason in reasons)
    return (
        f"How much {metric_words(importances.metric)} ({value}) grows on {importances.rows:,} {rows}, "
        f"{time_text(importances.first_us)} to {time_text(importances.last_us)}, where a group of features stands at "
        f"other moments' rows, moved in blocks of {importances.block_rows:,} rows; the mean of {times}.{without}"
    )


def increase_text(one: Importance, importances: Importances) -> tuple[str, str]:
    """An increase and its bounds, as tables show them."""
    size = max((abs(other.increase.value) for other in importances.groups), default=0.0)
    places = decimals(size)
    return fixed(one.increase.value, places, "+"), bounds_text(one.increase, places, sign="+")


def attribution_pieces(attribution: Attribution, pictures: Pictures) -> Iterator[str]:
    """The words and the picture of one prediction."""
    yield bullets(attribution.sentences)
    left = len(attribution.names) - MOST_FEATURES
    more = f" {left} features with smaller sums are not drawn." if left > 0 else ""
    yield pictures.add(
        attribution_map(attribution),
        f"Parts of the {attribution.output}, {attribution.when}",
        "Blue raises it and orange lowers it, beside a window that holds "
        f"{attribution.baseline}. Sums over the steps stand behind the names, sums over the features above.{more} "
        f"{CAUTION}",
        wide=True,
        height=attribution_height(attribution),
    )


def importance_page(title: str, importances: Importances) -> str:
    """A page of its own."""
    pictures, metric = Pictures(), metric_words(importances.metric)
    values = {one.name: increase_text(one, importances) for one in importances.groups}
    lines = [Line(name, [Cell(value, bounds, bold=True)]) for name, (value, bounds) in values.items()]
    caption = f"Increase of {metric}, {importances.confidence:.0%} intervals."
    several = {one.name: ", ".join(one.features) for one in importances.groups if one.features != (one.name,)}
    body = [
        titled("explain", title),
        section("What predictions rest on", importance_pieces(importances, pictures)),
        section("In numbers", [table("Importances", caption, (f"increase of {metric}",), lines)]),
        *([section("Moved together", [columns(several)])] if several else []),
    ]
    return render_page(title, body, pictures)


def attribution_page(title: str, attribution: Attribution) -> str:
    """A page of its own."""
    pictures = Pictures()
    body = [titled("explain", title), section("Why it said that", attribution_pieces(attribution, pictures))]
    return render_page(title, body, pictures)
