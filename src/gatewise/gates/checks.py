"""Gates held against a run: each reads one stored figure, and none is scored anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gatewise.evaluation.base import Interval
from gatewise.evaluation.metric_names import best_of, metric_words
from gatewise.gates.figures import Figures, damage_told, of_all_symbols, read_figures
from gatewise.gates.gate import Gate
from gatewise.gates.results import GateResult, GateResults
from gatewise.gates.special import BY_SYMBOL, SPECIAL, Beside
from gatewise.gates.words import bound_text, end_of, figure_text, gate_name, why
from gatewise.registry.looks import known_looks

TOO_FEW_ROWS = "too few test rows to be judged"


def check(
    folder: Path, gates: Iterable[Gate], *, champion: Path | None = None, now: datetime | None = None
) -> GateResults:
    """What gates say of the run in a folder, by the figures that it kept of its test rows.

    Args:
        champion: the folder of the run whose model is in use; `None`: none is.
        now: ages are counted until then; `None`: this moment.

    Raises:
        RunNotFoundError: no run, or one that was not judged. ReadError: what it keeps is damaged.
        ConfigError: it has no test rows, or a gate asks for what it can't have, such as an unknown metric.
    """
    figures = read_figures(folder)
    beside = Beside(champion, now or datetime.now(UTC))
    with damage_told(figures.folder / "metrics.json"):
        results = tuple(_result(gate, figures, beside) for gate in gates)
        rows, confidence, looks = int(figures.part["rows"]), figures.confidence, known_looks(folder)
    return GateResults(
        figures.info.run_id,
        figures.info.name,
        rows,
        confidence,
        figures.deciding_metric,
        results,
        champion.name if champion is not None else "",
        beside.now,
        looks,
    )


def on_symbol(gates: Iterable[Gate], symbol: str) -> tuple[Gate, ...]:
    """The gates asked of one symbol's rows: of a run of several, those that are of all rows and can be of one's."""
    of_run = SPECIAL.keys() - set(BY_SYMBOL)
    return tuple(
        replace(gate, on=f"symbol:{symbol}") if gate.on == "pooled" and gate.metric not in of_run else gate
        for gate in gates
    )


def _result(gate: Gate, figures: Figures, beside: Beside) -> GateResult:
    judged = figures.judged(gate.on)
    metric = figures.name_of(gate.metric, gate.on)
    found = {symbol: _figure(metric, figures, rows, beside) for symbol, rows in judged.items()}
    if None in found.values():
        words = f"{gate_name(gate)}: there is nothing to read"
        return GateResult(gate, None, False if gate.required else None, words)
    symbol, figure = min(found.items(), key=lambda item: _nearness(gate, item[1]))
    assert figure is not None
    passed = gate.holds(end_of(gate, figure))
    deciding = figures.deciding_metric
    chance = _chance(metric, figures, judged, symbol)
    whose = symbol if gate.on == "every_symbol" else "" if symbol else _beside(metric, figures)
    words = why(gate, figure, passed, deciding, whose, chance)
    return GateResult(gate, figure, passed, words, chance, _called_out(gate, chance, deciding, whose), symbol)


def _beside(metric: str, figures: Figures) -> str:
    """What a figure of all rows is not said without: the baseline that a gain is over, the share of rows acted on."""
    if metric == "gain_over_best_baseline":
        return f"{metric_words(figures.deciding_metric)} of {figures.part['best_baseline']}"
    if metric in ("accuracy_acted", "precision_acted"):
        return f"coverage {figure_text('coverage', figures.acted['coverage']['value'], figures.deciding_metric)}"
    return ""


def _figure(metric: str, figures: Figures, rows: Mapping[str, Any] | None, beside: Beside) -> Interval | None:
    if rows is None:
        return Interval(float("nan"), reason=TOO_FEW_ROWS)
    if metric not in SPECIAL:
        return figures.figure(metric, rows, SPECIAL)
    if rows is not figures.part and metric not in BY_SYMBOL:
        raise of_all_symbols(metric)
    return SPECIAL[metric](figures, rows, beside)


def _nearness(gate: Gate, figure: Interval | None) -> tuple[bool, float]:
    """How far a figure is from failing; those that fail come first, and those without a number before them."""
    value = None if figure is None else end_of(gate, figure)
    if value is None or value != value:
        return False, float("-inf")
    inside = value - gate.bound if gate.bound_name in ("at_least", "above") else gate.bound - value
    return gate.holds(value), inside


def _chance(
    metric: str, figures: Figures, judged: Mapping[str, Mapping[str, Any] | None], symbol: str
) -> tuple[str, float] | None:
    """What knows nothing, and its figure on the rows of `symbol`; of a metric of which neither more nor less is better
    there is none.
    """
    rows = judged[symbol]
    if rows is None or metric in SPECIAL or best_of(metric, [0.0]) is None:
        return None
    value = figures.chance(metric, rows)
    return None if value is None else (str(rows["chance"]), value)


def _called_out(gate: Gate, chance: tuple[str, float] | None, deciding_metric: str, whose: str) -> str:
    """That the bound is one that what knows nothing keeps; empty where it does not.

    To have all of an interval on the right side of what knows nothing is something: of the end that asks for more its
    very value is no such bound.
    """
    if chance is None or not gate.holds(chance[1]) or (chance[1] == gate.bound and gate.of == gate.strict_end):
        return ""
    name, value = chance
    asked, has = bound_text(gate, deciding_metric), figure_text(gate.metric, value, deciding_metric)
    words = f"the gate on {gate_name(gate)} at {asked} asks for no more than {name} has, which knows nothing"
    return f"{words}: {has} on {f'rows of {whose}' if whose else 'these rows'}"
