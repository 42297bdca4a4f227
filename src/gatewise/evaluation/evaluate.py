"""From a table, labels and a model's predictions to verdicts: baselines fitted once, every part judged alike."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.broker import Market
from gatewise.broker.market import Sides
from gatewise.config.schema import BrokerConfig, EvaluationConfig, TargetSection
from gatewise.data.table import Table
from gatewise.evaluation.base import Ints
from gatewise.evaluation.baselines import choose_rows
from gatewise.evaluation.by_symbol import judge_symbols
from gatewise.evaluation.columns import outside_note
from gatewise.evaluation.judge import PartResult, judge_part
from gatewise.evaluation.kinds.base import BaselineRows, Ground
from gatewise.evaluation.kinds.table import judge_of
from gatewise.evaluation.loss_tests import loss_tests
from gatewise.evaluation.trading import Backtest, backtest
from gatewise.evaluation.units import ErrorUnits, error_units
from gatewise.evaluation.verdict import Judgement, on_chosen_rows
from gatewise.tabular.base import Say, say_nothing
from gatewise.targets.base import Labels
from gatewise.targets.learned import Units

_log = logging.getLogger("gatewise.evaluation")

USUAL_BROKER = BrokerConfig()


@dataclass(frozen=True)
class Evaluation:
    """Verdicts by part, and how the baselines came about.

    Attributes:
        parts: by name.
        baseline_rows: training rows that the baselines were fitted on.
        notes: what a reader of the numbers should know.
        units: of errors.
        val_chose: val rows chose the model's epoch, so they flatter it.
    """

    parts: dict[str, PartResult]
    baseline_rows: int
    notes: tuple[str, ...]
    units: ErrorUnits
    val_chose: bool = True

    @property
    def newest(self) -> PartResult:
        """Of test where there is one, else of val."""
        return list(self.parts.values())[-1]

    @property
    def judgement(self) -> Judgement:
        """The verdict on the model: the newest part's, but for val rows not that it is better; see `on_chosen_rows`."""
        judgement = self.newest.judgement
        fitted_to = self.val_chose or self.newest.uncalibrated is not None
        return on_chosen_rows(judgement) if self.newest.part != "test" and fitted_to else judgement

    def metrics(self) -> dict[str, dict[str, dict[str, float | None]]]:
        """{part: {metric: {value, low, high}}} of the model; null where there is no interval."""
        return {part: result.to_dict()["metrics"] for part, result in self.parts.items()}

    def baselines(self) -> dict[str, dict[str, dict[str, dict[str, float | None]]]]:
        """{baseline: {part: {metric: {value, low, high}}}}."""
        plain = {part: result.to_dict()["baselines"] for part, result in self.parts.items()}
        names: Iterable[str] = next(iter(plain.values()), {})
        return {name: {part: metrics[name] for part, metrics in plain.items()} for name in names}

    def columns(self) -> dict[str, dict[str, Any]]:
        """{part: {column: its metrics beside persistence}}; no column where none of the table's is predicted."""
        return {part: result.to_dict()["columns"] for part, result in self.parts.items()}

    def steps(self) -> dict[str, dict[str, Any]]:
        """{part: errors of paths step by step and column by column}, see `StepErrors`; empty of other predictions."""
        return {part: result.steps.to_dict() for part, result in self.parts.items() if result.steps}

    def metrics_by_symbol(self) -> dict[str, dict[str, dict[str, dict[str, float | None]]]]:
        """{part: {symbol: {metric: {value, low, high}}}} of the model, for the newest part; none of a single symbol."""
        return {
            part: {name: of_symbol.to_dict()["metrics"] for name, of_symbol in result.symbols.items()}
            for part, result in self.parts.items()
            if result.symbols
        }

    def tests(self) -> dict[str, Any]:
        """{diebold_mariano: {baseline: the model beside it}, confidence_set} of the newest part."""
        return self.newest.tests.to_dict() if self.newest.tests else {}

    def uncalibrated(self) -> dict[str, dict[str, dict[str, float | None]]]:
        """As `metrics`, of the model before validation rows set it right; empty where nothing was."""
        return {
            part: result.uncalibrated.to_dict()["metrics"] for part, result in self.parts.items() if result.uncalibrated
        }

    def to_dict(self) -> dict[str, Any]:
        parts = {part: result.to_dict() for part, result in self.parts.items()}
        return {"parts": parts, "baseline_rows": self.baseline_rows, "notes": list(self.notes)}


@dataclass(frozen=True)
class _Rules:
    """By what every part is judged."""

    ground: Ground
    horizon: int
    spec: EvaluationConfig
    newest: str
    val_chose: bool
    seed: int
    market: Market | None
    broker: BrokerConfig
    hold: int


def evaluate_parts(
    table: Table,
    labels: Labels,
    train_rows: Ints,
    part_rows: Mapping[str, Ints],
    predictions: Mapping[str, npt.NDArray[Any]],
    features_at: Callable[[Ints], npt.NDArray[np.float32]],
    *,
    target: TargetSection,
    spec: EvaluationConfig,
    seed: int,
    units: Units | None = None,
    model: str = "",
    val_chose: bool = True,
    uncalibrated: Mapping[str, npt.NDArray[Any]] = MappingProxyType({}),
    broker: BrokerConfig = USUAL_BROKER,
    acted: Mapping[str, Sides | None] = MappingProxyType({}),
    say: Say = say_nothing,
) -> Evaluation:
    """Judges predictions on every part beside baselines that were fitted on training rows only.

    Args:
        table, labels: aligned.
        train_rows: int64, rows of the table that may be learned from.
        part_rows: int64 [n] a part, ascending rows to be judged on; all labelled.
        predictions: a part's [n, num_outputs], such as class probabilities, or values in the labels' own unit.
        features_at: rows -> float32 [rows, features], the scaled features of the rows themselves.
        target: its horizon.
        spec: how results are judged.
        seed: of the baselines.
        units: that numbers are learned in; `None`: their own.
        model: its name; it is no baseline of its own.
        val_chose: val rows chose its epoch.
        uncalibrated: predictions as they were before validation rows set them right; none: nothing was set right.
        broker: how sides are traded.
        acted: the sides int8 [n] that are traded, by part; of parts that it lacks the naive ones.
        say: hears in words what is done next, each part of a judging once.

    Raises:
        LabelError: labels outside the classes, or a part without rows.
        DivergedError: predictions that are not finite.
    """
    ground = Ground(table, labels, train_rows, units, spec.season)
    rules = _Rules(
        ground,
        target.horizon,
        spec,
        newest=list(part_rows)[-1],
        val_chose=val_chose,
        seed=seed,
        market=Market.from_table(table),
        broker=broker,
        hold=broker.holding(target),
    )
    chosen = train_rows[choose_rows(table.time_us[train_rows], spec.baseline_rows)]
    notes = [_fitted_on(len(chosen), len(train_rows))]
    if unseen := labels.unseen(train_rows):
        notes.append(
            f"Training never saw {' and '.join(unseen)}; the model and every baseline give "
            f"{'it' if len(unseen) == 1 else 'them'} what the prior gives a class without a row."
        )
    fitted = judge_of(labels).fit_baselines(ground, BaselineRows(chosen, features_at(chosen), seed, model, say))
    parts = {}
    for part, rows in part_rows.items():
        say(f"Judging {part}: {len(rows):,} rows")
        result = _judged(rules, part, rows, predictions[part], features_at(rows), fitted, uncalibrated.get(part))
        side = acted[part] if part in acted else _naive_sides(ground, rows, predictions[part])
        parts[part] = replace(result, backtest=_traded(rules, rows, side))
        if labels.start is None and (note := outside_note(part, parts[part].columns)):
            notes.append(note)
            _log.info("%s", note)
    return Evaluation(parts, len(chosen), tuple(notes), error_units(table, labels), val_chose)


def _judged(
    rules: _Rules,
    part: str,
    rows: Ints,
    predicted: npt.NDArray[Any],
    x: Any,
    fitted: Any,
    uncalibrated: npt.NDArray[Any] | None,
) -> PartResult:
    ground = rules.ground
    table, judge = ground.table, judge_of(ground.labels)
    score = judge.scorer(ground, rows)
    predictions = np.asarray(predicted, dtype=np.float64).reshape(len(rows), -1)
    model = score(predictions)
    baselines = {name: score(guess) for name, guess in judge.baselines(ground, fitted, rows, x).items()}
    how: dict[str, Any] = {
        "deciding_metric": judge.deciding_metric,
        "chance": judge.chance,
        "time_us": table.time_us[rows],
        "symbol": ground.symbol[rows],
        "horizon": rules.horizon,
        "confidence": rules.spec.confidence,
        "memory_rows": rules.spec.block_rows,
        "chose": part == "val" and rules.val_chose,
    }
    result = judge_part(part, model, baselines, **how, outside=judge.outside(ground, rows))
    if uncalibrated is not None:
        against: dict[str, Any] = how | {"chance": ("calibrated",), "prior": baselines.get("prior")}
        before = judge_part(part, score(uncalibrated), {"calibrated": model}, **against)
        details = judge.details(ground, rows, uncalibrated, {"model": score(uncalibrated)}, before)
        result = replace(result, uncalibrated=replace(before, **details))
    if part == rules.newest:  # the part that counts: it costs three times what all rows together do
        names = dict(enumerate(table.symbols))
        scale_of = partial(judge.symbol_scale, ground)
        result = replace(
            result,
            symbols=judge_symbols(part, model, baselines, names, scale_of=scale_of, **how),
            tests=loss_tests(
                model,
                baselines,
                **{name: how[name] for name in ("time_us", "symbol", "horizon", "confidence")},
                samples=rules.spec.bootstrap_samples,
                seed=rules.seed,
            ),
        )
    return replace(result, **judge.details(ground, rows, predictions, {"model": model, **baselines}, result))


def _naive_sides(ground: Ground, rows: Ints, predicted: npt.NDArray[Any]) -> Sides | None:
    predictions = np.asarray(predicted, dtype=np.float64).reshape(len(rows), -1)
    return judge_of(ground.labels).positions(ground.table, ground.labels.spec, rows, predictions)


def _traded(rules: _Rules, rows: Ints, side: Sides | None) -> Backtest | None:
    if side is None or rules.market is None:
        return None
    spec = rules.spec
    return backtest(side, rows, rules.market, rules.broker, hold=rules.hold, fee=spec.cost, confidence=spec.confidence)


def _fitted_on(chosen: int, available: int) -> str:
    if chosen == available:
        return f"Baselines were fitted on all {available:,} training rows."
    return f"Baselines were fitted on {chosen:,} of {available:,} training rows, evenly spaced back from the latest."
