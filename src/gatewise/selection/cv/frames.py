"""What jobs found, as two tidy frames: a line a fold, and every out-of-fold prediction beside what came true."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.table import SYMBOL, TIME
from gatewise.evaluation.scoring import PRIOR, knowing_nothing, score, score_symbols
from gatewise.jobs.jobs import DIVERGED, Job, JobResult
from gatewise.jobs.shared import ALL, SharedData
from gatewise.splits.base import Rows
from gatewise.splits.folds import FoldSplit, backtest_paths
from gatewise.targets.base import Labels

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMES = ("fold", "seed", "model", "horizon", "symbol", "cutoff")
MARKS = ("ended", "compared", "unseen")
COUNTS = ("n_train", "n_val", "n_test", "epochs", "best_epoch", "seconds")


@dataclass(frozen=True)
class Line:
    """How a fold went for all symbols or for one, and how the model behind it was trained; `None` for the prior.

    Attributes:
        ended: how the training did, see `FitResult`; of several `diverged` where one of them did.
        unseen: classes that never occurred in training: they were given what the prior gives a class without a row.
    """

    symbol: str
    metrics: dict[str, float]
    n_train: int
    n_val: int
    epochs: int | None = None
    best_epoch: int | None = None
    seconds: float | None = None
    ended: str | None = None
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """What one model, or the prior, predicts on a fold's test rows.

    Attributes:
        seed: `None` for the prior, which draws nothing.
        rows: int64 [n], rows of the table, ascending.
        values: float64 [n, num_outputs].
        lines: the first over all symbols; one more for each where there are several.
    """

    fold: FoldSplit
    seed: int | None
    model: str
    horizon: int
    rows: Rows
    values: npt.NDArray[np.float64]
    lines: tuple[Line, ...]

    @property
    def metrics(self) -> dict[str, float]:
        """Over all symbols."""
        return self.lines[0].metrics


def gather(done: Sequence[tuple[Job, JobResult]], shared: SharedData, symbols_known: bool = False) -> list[Prediction]:
    """Predictions in the order of the jobs, each horizon followed by its prior's.

    One model for each symbol counts as one model over all: its symbols' predictions are put together. A fold that not
    every symbol's model finished is left out, since it would be judged on other rows than the rest.

    Args:
        done: finished jobs, in the plan's order.
        symbols_known: whether models know which symbol they predict; the prior then does, too.
    """
    predictions: list[Prediction] = []
    for horizon, cut in shared.horizons.items():
        groups: dict[tuple[str, int, int], list[tuple[Job, JobResult]]] = {}
        for job, result in done:
            if job.horizon == horizon:
                groups.setdefault((job.model, job.fold, job.seed), []).append((job, result))
        for (model, number, seed), members in groups.items():
            fold = cut.folds[number - 1]
            if sum(result.n_test for _, result in members) == fold.test.size:
                predictions.append(_together(members, fold, model, seed, horizon, shared))
        for fold in cut.folds:
            prior = knowing_nothing(shared.table, cut.labels, fold.train, fold.test, symbols_known)
            judged = (shared.table, cut.labels, fold.train, fold.test, prior)
            scores = {ALL: score(*judged), **score_symbols(*judged)}
            unseen = cut.labels.unseen(fold.train)
            lines = tuple(
                Line(symbol, metrics, fold.train.size, fold.val.size, unseen=unseen)
                for symbol, metrics in scores.items()
            )
            predictions.append(Prediction(fold, None, PRIOR, horizon, fold.test, prior, lines))
    return predictions


def folds_frame(predictions: Sequence[Prediction], compared: Sequence[int]) -> pl.DataFrame:
    """A line for each fold, seed and model over all symbols, and one for each symbol where there are several.

    Columns fold, seed, model, horizon, symbol, cutoff (UTC, the first test moment), n_train, n_val, n_test, epochs,
    best_epoch, seconds, ended (see `FitResult`), compared (whether the fold is in the tables), unseen (classes that
    never occurred in training), then metrics. n_train and n_val of a symbol's line are those of the model, which
    learned them all.

    Args:
        compared: numbers of the folds that are in the tables.
    """
    lines = [line for prediction in predictions for line in _lines(prediction, prediction.fold.number in compared)]
    schema: dict[str, pl.DataType] = {"model": pl.String(), SYMBOL: pl.String(), "cutoff": pl.Datetime("us", "UTC")}
    schema |= dict.fromkeys(("fold", "seed", "horizon", *COUNTS[:-1]), pl.Int64())
    schema |= {"ended": pl.String(), "unseen": pl.List(pl.String())}
    return pl.DataFrame(lines, schema_overrides=schema, infer_schema_length=None)


def out_of_fold_frame(predictions: Sequence[Prediction], shared: SharedData) -> pl.DataFrame:
    """Every prediction on a test row, by a model that never saw it, beside what came true.

    Columns horizon, model, seed, fold, path (of combinatorial folds: which backtest path; else 0), symbol, time, then
    prob_<class> and target (the class), or <output> and target_<output>. Each model of a horizon has the same rows, but
    for folds that it did not finish.
    """
    frames = []
    for horizon, cut in shared.horizons.items():
        paths = dict(zip((fold.number for fold in cut.folds), backtest_paths(cut.folds), strict=True))
        of_horizon = [prediction for prediction in predictions if prediction.horizon == horizon]
        frames += [_rows_of(prediction, cut.labels, paths[prediction.fold.number], shared) for prediction in of_horizon]
    return pl.concat(frames, how="diagonal")  # paths of other lengths have other columns


def _together(
    members: Sequence[tuple[Job, JobResult]],
    fold: FoldSplit,
    model: str,
    seed: int,
    horizon: int,
    shared: SharedData,
) -> Prediction:
    results, labels = [result for _, result in members], shared.horizons[horizon].labels
    rows = np.concatenate([result.test_rows for result in results])
    values = np.concatenate([result.predictions for result in results])
    order = np.argsort(rows, kind="stable")
    rows, values = rows[order], values[order]
    if members[0][0].symbol == ALL:
        only = results[0]
        scores = {ALL: only.metrics, **only.by_symbol}
        unseen = labels.unseen(fold.train)
        lines = [_line(symbol, metrics, results, unseen) for symbol, metrics in scores.items()]
    else:
        whole = score(shared.table, labels, fold.train, rows, values)
        lacked = [labels.unseen(shared.fold(horizon, fold.number, job.symbol).train) for job, _ in members]
        by_symbol = [
            _line(job.symbol, result.metrics, [result], lack)
            for (job, result), lack in zip(members, lacked, strict=True)
        ]
        every = tuple(name for name in labels.classes if any(name in lack for lack in lacked))
        lines = [_line(ALL, whole, results, every), *by_symbol]
    return Prediction(fold, seed, model, horizon, rows, values, tuple(lines))


def _line(symbol: str, metrics: dict[str, float], results: Sequence[JobResult], unseen: tuple[str, ...]) -> Line:
    """Sizes and seconds of one model for each symbol add up; the longest training stands for all, and what diverged."""
    longest = max(results, key=lambda result: result.epochs)
    return Line(
        symbol,
        metrics,
        sum(result.n_train for result in results),
        sum(result.n_val for result in results),
        max(result.epochs for result in results),
        max(result.best_epoch for result in results),
        sum(result.seconds for result in results),
        DIVERGED if any(result.ended == DIVERGED for result in results) else longest.ended,
        unseen,
    )


def _lines(prediction: Prediction, compared: bool) -> Iterator[dict[str, Any]]:
    names = (prediction.fold.number, prediction.seed, prediction.model, prediction.horizon)
    cutoff = _EPOCH + timedelta(microseconds=prediction.fold.cutoff_us)
    for line in prediction.lines:
        n_test = int(line.metrics["n"])
        counts = (line.n_train, line.n_val, n_test, line.epochs, line.best_epoch, line.seconds)
        yield (
            dict(zip(NAMES, (*names, line.symbol, cutoff), strict=True))
            | dict(zip(COUNTS, counts, strict=True))
            | dict(zip(MARKS, (line.ended, compared, list(line.unseen)), strict=True))
            | {name: value for name, value in line.metrics.items() if name != "n"}
        )


def _rows_of(prediction: Prediction, labels: Labels, path: Rows, shared: SharedData) -> pl.DataFrame:
    names = {
        "horizon": prediction.horizon,
        "model": prediction.model,
        "seed": prediction.seed,
        "fold": prediction.fold.number,
    }
    dtypes = {"model": pl.String}
    keys = [pl.lit(value, dtypes.get(name, pl.Int64)).alias(name) for name, value in names.items()]
    predicted = [pl.Series(name, column) for name, column in labels.spec.prediction_columns(prediction.values).items()]
    true = labels.spec.target_columns(labels.at(prediction.rows), labels.valid[prediction.rows])
    frame = shared.table.frame[prediction.rows].select(SYMBOL, TIME)
    order = ("path", SYMBOL, TIME, *(column.name for column in (*predicted, *true)))
    return frame.with_columns(pl.Series("path", path), *predicted, *true).select(*keys, *order)
