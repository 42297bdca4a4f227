"""From a table, labels and a model's predictions to verdicts: baselines fitted once, every part judged alike."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.config.schema import EvaluationConfig, TargetConfig
from gatewise.data.table import SYMBOL, Table
from gatewise.evaluation.backtest import backtest, class_positions
from gatewise.evaluation.base import Floats, Ints, Scores, class_prediction
from gatewise.evaluation.baselines import choose_rows, fit_class_baselines, fit_value_baselines
from gatewise.evaluation.by_symbol import judge_symbols
from gatewise.evaluation.class_metrics import class_scores, confusion_counts, reliability
from gatewise.evaluation.columns import outside_note
from gatewise.evaluation.judge import PartResult, judge_part, sharpe_interval
from gatewise.evaluation.persistence import class_persistence, last_known_row
from gatewise.evaluation.reference import mean_or_present, start_values, usual_moves, value_positions
from gatewise.evaluation.value_metrics import value_scores
from gatewise.evaluation.verdict import Judgement, on_chosen_rows
from gatewise.tabular.base import Say, class_prior, say_nothing
from gatewise.targets.base import Labels

_log = logging.getLogger("gatewise.evaluation")


@dataclass(frozen=True)
class Evaluation:
    """Verdicts by part, and how the baselines came about.

    Attributes:
        parts: by name.
        baseline_rows: training rows that the baselines were fitted on.
        notes: what a reader of the numbers should know.
        val_chose: val rows chose the model's epoch, so they flatter it.
    """

    parts: dict[str, PartResult]
    baseline_rows: int
    notes: tuple[str, ...]
    val_chose: bool = True

    @property
    def newest(self) -> PartResult:
        """Of test where there is one, else of val."""
        return list(self.parts.values())[-1]

    @property
    def judgement(self) -> Judgement:
        """The verdict on the model: the newest part's, but for val rows not that it is better; see `on_chosen_rows`."""
        judgement = self.newest.judgement
        return judgement if self.newest.part == "test" or not self.val_chose else on_chosen_rows(judgement)

    def metrics(self) -> dict[str, dict[str, dict[str, float | None]]]:
        """{part: {metric: {value, low, high}}} of the model; null where there is no interval."""
        return {part: result.to_dict()["metrics"] for part, result in self.parts.items()}

    def baselines(self) -> dict[str, dict[str, dict[str, dict[str, float | None]]]]:
        """{baseline: {part: {metric: {value, low, high}}}}."""
        plain = {part: result.to_dict()["baselines"] for part, result in self.parts.items()}
        names: Iterable[str] = next(iter(plain.values()), {})
        return {name: {part: found[name] for part, found in plain.items()} for name in names}

    def columns(self) -> dict[str, dict[str, Any]]:
        """{part: {column: its metrics beside persistence}}; no column where none of the table's is predicted."""
        return {part: result.to_dict()["columns"] for part, result in self.parts.items()}

    def metrics_by_symbol(self) -> dict[str, dict[str, dict[str, dict[str, float | None]]]]:
        """{part: {symbol: {metric: {value, low, high}}}} of the model, for the newest part; none of a single symbol."""
        return {
            part: {name: own.to_dict()["metrics"] for name, own in result.symbols.items()}
            for part, result in self.parts.items()
            if result.symbols
        }

    def to_dict(self) -> dict[str, Any]:
        parts = {part: result.to_dict() for part, result in self.parts.items()}
        return {"parts": parts, "baseline_rows": self.baseline_rows, "notes": list(self.notes)}


@dataclass(frozen=True)
class Units:
    """What regression labels are learned in; baselines learn in it too.

    Attributes:
        scale, unscale: (values [n, outputs], rows int64 [n]) -> values in that unit, and back in the labels' own.
    """

    scale: Callable[[npt.NDArray[Any], Ints], npt.NDArray[Any]]
    unscale: Callable[[npt.NDArray[Any], Ints], npt.NDArray[Any]]


@dataclass(frozen=True)
class _Ground:
    """What all parts share."""

    table: Table
    labels: Labels
    symbol: Ints
    target: TargetConfig
    spec: EvaluationConfig
    seed: int
    units: Units | None
    newest: str
    val_chose: bool


def evaluate_parts(
    table: Table,
    labels: Labels,
    train_rows: Ints,
    part_rows: Mapping[str, Ints],
    predictions: Mapping[str, npt.NDArray[Any]],
    features_at: Callable[[Ints], npt.NDArray[np.float32]],
    *,
    target: TargetConfig,
    spec: EvaluationConfig,
    seed: int,
    units: Units | None = None,
    model: str = "",
    val_chose: bool = True,
    say: Say = say_nothing,
) -> Evaluation:
    """Judges predictions on every part beside baselines that were fitted on training rows only.

    Args:
        table, labels: aligned.
        train_rows: int64, rows of the table that may be learned from.
        part_rows: int64 [n] a part, ascending rows to be judged on; all labelled.
        predictions: a part's class probabilities [n, classes], or values [n, outputs] in the labels' own unit.
        features_at: rows -> float32 [rows, features], the scaled features of the rows themselves.
        target: kind and horizon.
        spec: how results are judged.
        seed: of the baselines.
        units: that regression labels are learned in; `None`: their own.
        model: its name; it is no baseline of its own.
        val_chose: val rows chose its epoch.
        say: hears in words what is done next, each part of a judging once.

    Raises:
        LabelError: labels outside the classes, or a part without rows.
        DivergedError: predictions that are not finite.
    """
    symbol = (table.frame[SYMBOL].rle_id().to_numpy()).astype(np.int64)
    ground = _Ground(table, labels, symbol, target, spec, seed, units, newest=list(part_rows)[-1], val_chose=val_chose)
    chosen = train_rows[choose_rows(table.time_us[train_rows], spec.baseline_rows)]
    x, when, known = features_at(chosen), table.time_us[chosen], table.time_us[labels.known_at[chosen]]
    notes = [_fitted_on(len(chosen), len(train_rows))]
    judge = _judge_classes if labels.is_classes else _judge_values
    fit: Any
    if labels.is_classes:
        y_classes = labels.y[chosen].astype(np.int64)
        fit = fit_class_baselines(x, y_classes, len(labels.classes), when, known, seed, say, model)
        if unseen := labels.unseen(train_rows):
            notes.append(
                f"Training never saw {' and '.join(unseen)}; the model and every baseline give "
                f"{'it' if len(unseen) == 1 else 'them'} what the prior gives a class without a row."
            )
    else:
        y = labels.y[chosen].astype(np.float64)
        fit = fit_value_baselines(x, units.scale(y, chosen) if units else y, when, known, seed, say, model)
    parts = {}
    for part, rows in part_rows.items():
        say(f"Judging {part}: {len(rows):,} rows")
        parts[part] = judge(ground, part, train_rows, rows, predictions[part], features_at(rows), fit)
        if note := outside_note(part, parts[part].columns):
            notes.append(note)
            _log.info("%s", note)
    return Evaluation(parts, len(chosen), tuple(notes), val_chose)


def _judge_classes(
    ground: _Ground, part: str, train_rows: Ints, rows: Ints, prob: npt.NDArray[Any], x: Any, fitted: Any
) -> PartResult:
    labels = ground.labels
    every_y = labels.y.astype(np.int64)
    y, said = every_y[rows], class_prediction(prob)
    last = last_known_row(labels.known_at, labels.valid, _symbol_start(ground.symbol))
    prior = class_prior(every_y[train_rows], len(labels.classes))
    predicted = {name: predict(x) for name, predict in fitted.items()}
    predicted["persistence"] = class_persistence(every_y, last, train_rows, rows, prior)
    model = class_scores(y, said, labels.classes)
    scores = {name: class_scores(y, prediction, labels.classes) for name, prediction in predicted.items()}
    result = _judged(ground, part, rows, model, scores, "log_loss", ("prior",))
    result = replace(
        result,
        confusion=confusion_counts(y, said.label, len(labels.classes)),
        reliability=reliability(y, said),
    )
    return _with_backtest(ground, result, rows, class_positions(said.label, labels.classes))


def _judge_values(
    ground: _Ground, part: str, train_rows: Ints, rows: Ints, value: npt.NDArray[Any], x: Any, fitted: Any
) -> PartResult:
    labels, outputs = ground.labels, ground.labels.outputs
    said = np.asarray(value, dtype=np.float64).reshape(len(rows), -1)
    start = start_values(ground.table, labels, ground.target.kind, rows)
    scale = usual_moves(ground.table, labels, ground.target.kind, train_rows)
    predicted = {name: predict(x) for name, predict in fitted.items()}
    if ground.units:
        predicted = {name: ground.units.unscale(found, rows) for name, found in predicted.items()}
    if ground.target.kind == "next_row":
        predicted["prior"] = mean_or_present(ground.table, labels, train_rows, rows)
    predicted["persistence"] = np.where(np.isfinite(start), start, predicted["prior"])
    y = labels.y[rows]
    symbol = ground.symbol[rows]
    model = value_scores(y, said, outputs, start, scale, symbol)
    scores = {name: value_scores(y, found, outputs, start, scale, symbol) for name, found in predicted.items()}
    outside = _outside(labels, train_rows, rows) if ground.target.kind == "next_row" else None

    def own_moves(number: int) -> Floats:
        own = train_rows[ground.symbol[train_rows] == number]
        return usual_moves(ground.table, labels, ground.target.kind, own) if len(own) else scale

    result = _judged(ground, part, rows, model, scores, "rmse", ("prior", "persistence"), outside, own_moves)
    position = value_positions(ground.target.kind, outputs, said, start)
    return _with_backtest(ground, result, rows, position)


def _judged(
    ground: _Ground,
    part: str,
    rows: Ints,
    model: Scores,
    scores: Mapping[str, Scores],
    metric: str,
    chance: Sequence[str],
    outside: Mapping[str, float] | None = None,
    scale_of: Callable[[int], Floats] | None = None,
) -> PartResult:
    said: dict[str, Any] = {
        "deciding_metric": metric,
        "chance": chance,
        "time_us": ground.table.time_us[rows],
        "symbol": ground.symbol[rows],
        "horizon": ground.target.horizon,
        "confidence": ground.spec.confidence,
        "memory_rows": ground.spec.block_rows,
        "chose": part == "val" and ground.val_chose,
    }
    result = judge_part(part, model, scores, **said, outside=outside)
    if part != ground.newest:  # the part that counts: it costs three times what all rows together do
        return result
    names = dict(enumerate(ground.table.symbols))
    return replace(result, symbols=judge_symbols(part, model, scores, names, scale_of=scale_of, **said))


def _outside(labels: Labels, train_rows: Ints, rows: Ints) -> dict[str, float]:
    """{output: share of `rows` whose label lies outside of the range of the training labels}."""
    seen, y = labels.y[train_rows], labels.y[rows]
    share = ((y < seen.min(axis=0)) | (y > seen.max(axis=0))).mean(axis=0)
    return dict(zip(labels.outputs, share.tolist(), strict=True))


def _with_backtest(ground: _Ground, result: PartResult, rows: Ints, position: Floats | None) -> PartResult:
    if position is None or "close" not in ground.table.columns:
        return result
    rule = backtest(
        position,
        rows,
        close=ground.table.frame["close"].to_numpy(),
        segment_start=ground.table.segment_start,
        time_us=ground.table.time_us,
        symbol=ground.symbol,
        cost=ground.spec.cost,
        in_price_units=ground.table.any_prices,
    )
    if rule is None:
        return result
    sharpe = sharpe_interval(rule, ground.target.horizon, ground.spec.confidence)
    return replace(result, backtest=rule, sharpe=sharpe)


def _symbol_start(symbol: Ints) -> Ints:
    first = np.concatenate([[True], np.diff(symbol) != 0])
    return np.maximum.accumulate(np.where(first, np.arange(len(symbol)), 0))


def _fitted_on(chosen: int, available: int) -> str:
    if chosen == available:
        return f"Baselines were fitted on all {available:,} training rows."
    return f"Baselines were fitted on {chosen:,} of {available:,} training rows, evenly spaced back from the latest."
