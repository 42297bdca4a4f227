"""Gates in words: what each is called, its figure as people read it, and why it passes or fails."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from gatewise.evaluation.base import Interval
from gatewise.evaluation.metric_names import metric_text, metric_words
from gatewise.evaluation.verdict import Tone
from gatewise.gates.gate import BOUNDS, CHECKS, Gate
from gatewise.gates.results import GateResults

_NAMES = {
    "gain_over_best_baseline": "gain over best baseline",
    "gain_over_champion": "gain over champion",
    "deflated_gain": "gain with all looks counted",
    "max_age": "age of training rows",
    "max_run_age": "age of the run",
    "audit": "audit passed",
    "verified": "bundle verified",
    "rows": "test rows",
    "independent_rows": "independent test rows",
    "sharpe": "Sharpe after cost",
    "accuracy_acted": "accuracy on acted rows",
    "precision_acted": "precision on acted rows",
}
_ENDS = {"low": "low end of ", "high": "high end of ", "point": ""}
_COUNTS = ("rows", "independent_rows", "trades", "unfilled", "steps", "acted")
# Of an account, in fractions of a capital or in price units: the number as a gate writes it is right in both.
_PLAIN = (
    *("total_return", "gross_return", "hold_return", "cost_paid", "break_even_cost", "max_drawdown"),
    *("days", "mean_holding", "steps_per_year"),
)


class Outcome(NamedTuple):
    """Of a gate, as tables say and colour it."""

    word: str
    tone: Tone


OUTCOMES: Mapping[bool | None, Outcome] = {
    True: Outcome("pass", "good"),
    False: Outcome("FAIL", "bad"),
    None: Outcome("passed over", "open"),
}
_CHECKED = {1.0: "yes", 0.0: "no"}


def gate_name(gate: Gate) -> str:
    """`accuracy`, `recall of up`, `accuracy, BTC-USD`."""
    kind, _, name = gate.on.partition(":")
    words = _NAMES.get(gate.metric) or metric_words(gate.metric)
    words += f" of {name}" if kind == "class" else ""
    place = {"symbol": f", {name}", "every_symbol": ", every symbol"}.get(kind, "")
    return f"{words}{place}"


def bound_text(gate: Gate, deciding_metric: str) -> str:
    """`≥ 68.0%`, `low > 0`."""
    if gate.metric in CHECKS:
        return "yes"
    end = "" if gate.of == "point" else f"{gate.of} "
    bound = figure_text(gate.metric, gate.bound, deciding_metric) if gate.bound else "0"
    return f"{end}{BOUNDS[gate.bound_name].sign} {bound}"


def figure_text(metric: str, value: float | None, deciding_metric: str) -> str:
    """A figure as people read it; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    if metric in CHECKS:
        return _CHECKED[value]
    if metric in _COUNTS:
        return f"{value:,.0f}"
    if metric in _PLAIN:
        return f"{value:,.4g}"
    if metric in ("max_age", "max_run_age"):
        return f"{value:,.1f} days"
    if metric.startswith(("gain_", "deflated_")):
        return metric_text(deciding_metric, value, sign="+") if value else "0"
    return metric_text(metric, value)


def interval_text(metric: str, figure: Interval | None, deciding_metric: str) -> str:
    """`[42.6%, 49.6%]`; nothing where there is none."""
    if figure is None or figure.low is None or figure.high is None:
        return ""
    low, high = (figure_text(metric, end, deciding_metric) for end in (figure.low, figure.high))
    return f"[{low}, {high}]"


def why(
    gate: Gate,
    figure: Interval,
    passed: bool,
    deciding_metric: str,
    whose: str = "",
    chance: tuple[str, float] | None = None,
) -> str:
    """`accuracy 46.1% is below 68.0%, and so is its whole interval [42.6%, 49.6%]`; of what has no figure the reason.

    Args:
        whose: a symbol, or the baseline that a gain is over; empty where nothing need be named.
        chance: what knows nothing, and its figure.
    """
    name = _ENDS[gate.of] + gate_name(gate) + (f" ({whose})" if whose else "")
    value = end_of(gate, figure)
    if gate.metric in CHECKS:
        return name if passed else f"not {name}" + (f": {figure.reason}" if figure.reason else "")
    if value is None or not math.isfinite(value):
        return f"{name} can't be told: {figure.reason or 'the run kept none'}"
    ours, theirs = (figure_text(gate.metric, each, deciding_metric) for each in (value, gate.bound))
    if ours == theirs and value != gate.bound:  # nearer than the digits that are shown
        ours, theirs = f"{value:.9g}", f"{gate.bound:.9g}"
    bound = BOUNDS[gate.bound_name]
    words = f"{name} {ours} {bound.holds if passed else bound.fails} {theirs}"
    if gate.of == "point" and figure.low is not None and figure.high is not None:
        whole = gate.holds(figure.low) == gate.holds(figure.high) == passed
        between = interval_text(gate.metric, figure, deciding_metric)
        words += (
            f", and so is its whole interval {between}" if whole else f", but its interval {between} holds the bound"
        )
    if chance is not None and not passed:
        words += f"; {chance[0]}, which knows nothing, has {figure_text(gate.metric, chance[1], deciding_metric)}"
    return words


def end_of(gate: Gate, figure: Interval) -> float | None:
    """The number that the gate is on: the point, or an end of the interval."""
    return {"point": figure.value, "low": figure.low, "high": figure.high}[gate.of]


def cells(results: GateResults) -> tuple[list[str], list[list[str]]]:
    """A table for terminals and notebooks, a line a gate, its outcome last: names of all columns, and lines."""
    deciding, lines = results.deciding_metric, []
    for result in results.results:
        gate, figure = result.gate, result.figure
        value = figure_text(gate.metric, figure.value if figure else None, deciding)
        interval = interval_text(gate.metric, figure, deciding)
        lines.append([gate_name(gate), value, interval, bound_text(gate, deciding), OUTCOMES[result.passed].word])
    return [f"test, {results.rows:,} rows", "value", f"{results.confidence:.0%} interval", "bound", ""], lines
