"""The pieces that a report's page is put together from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import plotly.graph_objects as go

from gatewise.evaluation.base import Interval, decimals, enough, fixed, shown
from gatewise.evaluation.interval_words import bounds_text, without_interval
from gatewise.evaluation.judge import PartResult
from gatewise.evaluation.metric_names import lower_is_better, metric_words
from gatewise.evaluation.verdict import TONES, Judgement, Tone, column_tone

_MOST_SYMBOLS = 50


class Pictures:
    """Collects figures: a frame in the page now, the data at its end."""

    def __init__(self) -> None:
        self._json: list[str] = []

    def add(self, figure: go.Figure, title: str, caption: str, wide: bool = False, height: int = 340) -> str:
        """HTML of the frame; `wide` takes the page's whole width, `height` is in CSS pixels."""
        place = f"plot-{len(self._json)}"
        # "<" can only stand inside a JSON string, where the escape means the same and ends no script element.
        self._json.append(figure.to_json().replace("<", "\\u003c"))
        return (
            f'<figure class="{"wide" if wide else "half"}"><h3>{escape(title)}</h3>'
            f'<div class="plot" id="{place}" style="height:{height}px" role="img" aria-label="{escape(title)}"></div>'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )

    def scripts(self) -> str:
        """The figures' data as JSON script elements, which run nothing by themselves."""
        return "\n".join(
            f'<script type="application/json" class="figure" data-plot="plot-{number}">{text}</script>'
            for number, text in enumerate(self._json)
        )


def section(title: str, contents: Iterable[str]) -> str:
    """A titled part of the page; `contents` is HTML."""
    return f'<section><h2>{escape(title)}</h2><div class="grid">{"".join(contents)}</div></section>'


def header(page: str, title: str, judgement: Judgement, content: str) -> str:
    """The top of a page: what it is of, and the verdict in its tone; `content` is HTML of what stands behind it."""
    return (
        f'<header><p class="brand">gatewise {escape(page)}</p><h1>{escape(title)}</h1>'
        f'<div class="verdict {judgement.tone}"><p class="headline">{escape(judgement.headline)}</p>{content}</div>'
        "</header>"
    )


def named_values(values: Mapping[str, str]) -> str:
    """A list of names and words."""
    return "<dl>" + "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in values.items()) + "</dl>"


def bullets(lines: Sequence[str]) -> str:
    """A list of sentences."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def folded(summary: str, content: str) -> str:
    """HTML `content` that opens on a click."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def metric_table(result: PartResult, metrics: Sequence[str], caption: str, differences: bool = False) -> str:
    """Metrics down, model and baselines across, each with its interval; `differences` adds the paired ones."""
    columns = {"model": result.metrics, **result.baselines}
    lines = [_metric_row(metric, {name: found[metric] for name, found in columns.items()}) for metric in metrics]
    if differences:
        label = f"{metric_words(result.deciding_metric)}: model − baseline, paired"
        places = decimals(result.metrics[result.deciding_metric].value)
        cells = "".join(f"<td>{_cell(result.differences[name], places, '+')}</td>" for name in result.baselines)
        lines.append(f'<tr class="difference"><th scope="row">{escape(label)}</th><td class="model">–</td>{cells}</tr>')
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    return (
        f'<div><p class="caption">{escape(caption)}, {result.rows:,} rows{_intervals(result, metrics)} '
        f'Underlined: the best of the row.</p><div class="scroll"><table aria-label="{escape(caption)}">'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div></div>"
    )


def _intervals(result: PartResult, metrics: Sequence[str]) -> str:
    everyone = {"model": result.metrics, **result.baselines}
    some = any(found[name].low is not None for found in everyone.values() for name in metrics)
    intervals = f", {result.confidence:.0%} intervals." if some else "."
    return escape(" ".join([intervals, *without_interval(everyone, metrics)]))


def column_table(result: PartResult, caption: str) -> str:
    """Predicted columns down; the verdict, errors of the model and of the last value, and their difference across."""
    head = ("verdict", "RMSE", "last value's", "difference, paired", "MAE", "last value's", "direction", "outside")
    lines = []
    for name, found in result.columns.items():
        own, still = found.metrics, found.persistence
        rmse, mae = (decimals(max(of[metric].value for of in (own, still))) for metric in ("rmse", "mae"))
        cells = [
            f"<b>{shown(own['rmse'].value, rmse, ',')}</b>",
            shown(still["rmse"].value, rmse, ","),
            _cell(found.difference, rmse, "+"),
            f"<b>{shown(own['mae'].value, mae, ',')}</b>",
            shown(still["mae"].value, mae, ","),
            f"{own['directional_accuracy'].value:.3f}",
            f"{found.outside_training:.0%}",
        ]
        lines.append(
            f'<tr><th scope="row">{escape(name)}</th>{_verdict_cell(found.words, column_tone(found.words))}'
            f"{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
        )
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    return (
        f'<div><p class="caption">{escape(caption)}, in the columns\' own units; differences in RMSE with '
        f"{result.confidence:.0%} intervals. Direction: share of rows that moved whose move has the predicted sign. "
        "Outside: share of rows whose true value lies outside of the range that training showed.</p>"
        f'<div class="scroll"><table aria-label="{escape(caption)}"><thead><tr><td></td>{titles}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div></div>"
    )


def symbol_table(result: PartResult, metrics: Sequence[str], caption: str) -> str:
    """Symbols down, all of them at the head; the verdict, the deciding metric beside the best baseline's, and more."""
    deciding = result.deciding_metric
    more = [name for name in metrics if name != deciding]
    lines = []
    for name, own in {"all": result, **dict(list(result.symbols.items())[:_MOST_SYMBOLS])}.items():
        best = own.baselines[own.best_baseline][deciding]
        places = decimals(max(own.metrics[deciding].value, best.value))
        cells = [
            f"{own.rows:,}",
            _cell(own.metrics[deciding], places),
            f"<b>{shown(best.value, places, ',')}</b><small>{escape(own.best_baseline)}</small>",
            _cell(own.differences[own.best_baseline], places, "+"),
            *(f"{own.metrics[metric].value:,.{decimals(own.metrics[metric].value)}f}" for metric in more),
        ]
        lines.append(
            f'<tr><th scope="row">{escape(name)}</th>{_verdict_cell(own.short, TONES[own.verdict])}'
            f"{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
        )
    head = [
        "verdict",
        "rows",
        metric_words(deciding),
        "best baseline's",
        "difference, paired",
        *map(metric_words, more),
    ]
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    rest = len(result.symbols) - _MOST_SYMBOLS
    left = f" {rest} more symbols are in metrics.json." if rest > 0 else ""
    return (
        f'<div><p class="caption">{escape(caption)}, each on its own rows beside the same baselines, '
        f"{result.confidence:.0%} intervals.{left}</p>"
        f'<div class="scroll"><table aria-label="{escape(caption)}"><thead><tr><td></td>{titles}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div></div>"
    )


def _metric_row(metric: str, found: Mapping[str, Interval]) -> str:
    values = [interval.value for interval in found.values()]
    best = (min if lower_is_better(metric) else max)(values)
    places = decimals(max(abs(value) for value in values))
    cells = "".join(
        f'<td class="{"model " * (name == "model")}{"best" * (interval.value == best)}">{_cell(interval, places)}</td>'
        for name, interval in found.items()
    )
    return f'<tr><th scope="row">{escape(metric_words(metric))}</th>{cells}</tr>'


def _cell(found: Interval, places: int, sign: str = "") -> str:
    places = places if sign else enough(found.value, places)  # what is left of a difference may well be 0
    bounds = bounds_text(found, places, "<small>{} to {}</small>", f"{sign},")
    return f"<b>{fixed(found.value, places, f'{sign},')}</b>{bounds}".replace("-", "−")


def _verdict_cell(words: str, tone: Tone) -> str:
    return f'<td class="tone {tone}">{escape(words)}</td>'
