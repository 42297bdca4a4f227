"""How a run's parts become what its report shows: facts in words, the split in time, some rows for the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.calibration.calibrator import Calibrator
from gatewise.config.load import to_yaml
from gatewise.config.schema import ExperimentConfig, format_duration
from gatewise.data.blocks import block_numbers
from gatewise.data.table import SYMBOL, Table
from gatewise.decisions.judge import Decisions
from gatewise.evaluation.base import Ints, count
from gatewise.evaluation.evaluate import Evaluation
from gatewise.evaluation.units import MOVES, STANDARD
from gatewise.explain.in_report import UNEXPLAINED, Explanations
from gatewise.learners.attention import Attention
from gatewise.looks.span import words_before
from gatewise.report.data import MOST_DOTS, MOST_NEWEST, Predicted, ReportData, Stretch, thinned
from gatewise.report.members import MemberResult
from gatewise.sample_weights import SampleWeights
from gatewise.samples import Samples
from gatewise.splits.base import Split
from gatewise.targets.learned import start_values
from gatewise.targets.outputs.base import OutputSpec

_MOST_LANES = 8
_OF_UNITS = {
    MOVES: "Errors over several outputs count each one in units of its usual move over the horizon in training.",
    STANDARD: "MSE and MAE are means over all steps and columns, each column in units of its standard deviation in "
    "training; in source units columns with large numbers weigh most.",
}


def gather_report(
    config: ExperimentConfig,
    samples: Samples,
    split: Split,
    evaluation: Evaluation,
    predictions: Mapping[str, npt.NDArray[Any]],
    history: Sequence[Mapping[str, float]],
    best_epoch: int,
    run: Mapping[str, str],
    remarks: Sequence[str] = (),
    curves: str = "",
    members: tuple[MemberResult, ...] = (),
    attention: Attention | None = None,
    weights: SampleWeights | None = None,
    calibrator: Calibrator | None = None,
    explanations: Explanations = UNEXPLAINED,
    decisions: Decisions | None = None,
) -> ReportData:
    """Gathers a run's parts for its report.

    Args:
        predictions: {part: [n, classes] or [n, outputs]} on the rows of `split.val` and `split.test`.
        history, best_epoch: of the fit; epochs count from 1.
        run: more facts in words, such as {"Run": id, "Device": "cpu"}.
        remarks: sentences on the training, which head the notes. curves: what the history shows, in words.
        members: of an ensemble.
        attention: of some windows; `None`: the model has none.
        explanations: see `ReportData`.
        weights: of the labels that were learned from; `None`: all counted alike.
        calibrator: what validation rows set right; `None`: nothing.
        decisions: the decision rule and what it did; `None`: there is none.
    """
    labels, table = samples.labels, samples.table
    rows = {"train": split.train, "val": split.val, "certify": split.certify, "test": split.test}
    rows = {part: r for part, r in rows.items() if len(r)}
    numbers = evaluation.parts if labels.outputs else ()
    target = "path" if config.target.steps else config.target.kind.replace("_", " ")
    return ReportData(
        title=f"{config.model.name} on {_names(table.symbols)}: {target}, {_ahead(config)}",
        facts=_facts(config, samples, split, evaluation, len(history), best_epoch, run),
        evaluation=evaluation,
        spec=labels.spec,
        history=history,
        best_epoch=best_epoch,
        curves=curves,
        stretches=split_stretches(table, samples.rows, split),
        class_counts={part: labels.counts(r) for part, r in rows.items()} if labels.classes else {},
        predicted={
            part: _predicted(samples, rows[part], predictions[part], thinned(len(rows[part]), MOST_DOTS))
            for part in numbers
        },
        newest={part: _newest(samples, rows[part], predictions[part]) for part in numbers},
        config_yaml=to_yaml(config),
        members=members,
        notes=(
            *(f"{remark}." for remark in remarks),
            *evaluation.notes,
            *_notes(config, evaluation, labels.spec),
        ),
        attention=attention,
        explanations=explanations,
        weights=weights,
        calibrator=calibrator,
        decisions=decisions,
    )


def _newest(samples: Samples, rows: Ints, predictions: npt.NDArray[Any]) -> Predicted:
    """The newest rows of a part, of the symbol that has the newest one."""
    table = samples.table
    symbol = block_numbers(table.frame[SYMBOL])[rows]
    last = int(symbol[np.argmax(table.time_us[rows])])
    some = np.flatnonzero(symbol == last)[-MOST_NEWEST:]
    return replace(_predicted(samples, rows, predictions, some), symbol=table.symbols[last])


def _predicted(samples: Samples, rows: Ints, predictions: npt.NDArray[Any], some: Ints) -> Predicted:
    """Some of the rows of a part, by their positions, with what was predicted on them."""
    table, labels = samples.table, samples.labels
    at = rows[some]
    one_series = labels.spec.starts and len(table.symbols) == 1
    return Predicted(
        table.time_us[at],
        labels.at(at).astype(np.float64),
        np.asarray(predictions, dtype=np.float64).reshape(len(rows), -1)[some],
        table.time_us[np.broadcast_to(labels.settled(at), (len(at), len(labels.outputs)))],
        start_values(table, labels.spec, at) if one_series else None,
    )


def split_stretches(table: Table, rows: Ints, split: Split) -> tuple[Stretch, ...]:
    """The split in time: runs of samples of one kind, symbol by symbol; samples in no part are `purged`.

    Args:
        rows: int64, all samples, ascending.
    """
    kinds = ("purged", "train", "val", "certify", "test")
    kind = np.zeros(len(rows), dtype=np.int64)
    for number, part in enumerate((split.train, split.val, split.certify, split.test), start=1):
        kind[np.isin(rows, part, assume_unique=True)] = number
    lane = block_numbers(table.frame[SYMBOL])[rows]
    starts = np.flatnonzero(np.concatenate([[True], (np.diff(kind) != 0) | (np.diff(lane) != 0)]))
    ends = np.concatenate([starts[1:], [len(rows)]])
    shown = np.unique(lane)[:_MOST_LANES]
    time_us = table.time_us[rows]
    return tuple(
        Stretch(table.symbols[int(lane[a])], kinds[int(kind[a])], int(time_us[a]), int(time_us[b - 1]), int(b - a))
        for a, b in zip(starts, ends, strict=True)
        if lane[a] in shown
    )


def _facts(
    config: ExperimentConfig,
    samples: Samples,
    split: Split,
    evaluation: Evaluation,
    epochs: int,
    best_epoch: int,
    run: Mapping[str, str],
) -> dict[str, dict[str, str]]:
    trainings = config.model.num_trainings
    table, labels, judged = samples.table, samples.labels, next(iter(evaluation.parts.values()))
    step_us = table.timeframe // timedelta(microseconds=1)
    predicts = ", ".join(labels.classes or labels.spec.columns) + (f" ({labels.spec.unit})" if labels.spec.unit else "")
    newest = table.time_us[split.test if len(split.test) else split.val]
    parts = {"Train": split.train, "Validation": split.val, "Certifying": split.certify, "Test": split.test}
    model = {
        name.replace("_", " "): str(value)
        for name, value in config.model.model_dump().items()
        if name != "name" and value is not None and (name, value) != ("symbol_embedding", 0)
    }
    return {
        "Data": {
            "Symbols": _names(table.symbols),
            "Rows": f"{table.num_rows:,} of {format_duration(table.timeframe)}",
            "From": _day(int(table.time_us.min())),
            "To": _day(int(table.time_us.max())),
            "Gap-free segments": f"{len(np.unique(table.segment_start)):,}",
        },
        "Question": {
            "Target": f"{config.target.kind.replace('_', ' ')}, {_ahead(config)}",
            "Predicts": predicts,
            "Features": f"{len(samples.matrix.names)} ({', '.join((*config.features.sets, *config.features.columns))})",
            "Window": count(config.windows.sequence_length, "row"),
            "Scaler": config.features.scaler + (", one a symbol" if config.features.scale_by == "symbol" else ""),
            **_told(config),
        },
        "Split": {
            **{part: count(len(rows), "window") for part, rows in parts.items() if len(rows)},
            "Purged": count(split.purged_rows, "window"),
            "Embargo": f"{split.embargo_us / step_us:g} rows, {count(split.embargo_rows, 'window')} dropped",
            "Looks before": words_before(table.symbols, newest, table.fingerprint, run.get("Run")),
        },
        "Model": {"Name": config.model.name, **{name.capitalize(): value for name, value in model.items()}},
        "Training": {
            **({"Trainings": f"{trainings}"} if trainings > 1 else {"Epochs": f"{epochs}, best {best_epoch}"}),
            "Batch": count(config.training.batch_size, "window"),
            "Optimizer": f"{config.training.optimizer.name}, {config.training.schedule.name}",
            "Learning rate": f"{config.training.learning_rate:g}",
            "Seed": str(config.training.seed),
        },
        "Judging": {
            "Intervals": f"{judged.confidence:.0%}, Student's t with {judged.freedom} degrees of freedom",
            "Memory": ", ".join(f"{part} {count(one.memory_rows, 'row')}" for part, one in evaluation.parts.items()),
            "Baselines": ", ".join(judged.baselines),
            **run,
        },
    }


def _ahead(config: ExperimentConfig) -> str:
    """`1, 5, 20 rows ahead`, `the next 96 rows`."""
    if config.target.steps:
        return f"the next {count(config.target.steps, 'row')}"
    *shorter, longest = config.target.ahead
    return "".join(f"{rows:,}, " for rows in shorter) + f"{count(longest, 'row')} ahead"


def _told(config: ExperimentConfig) -> dict[str, str]:
    ways = ["one-hot"] if config.features.symbol_onehot else []
    if width := config.model.learned_width:
        ways.append(f"learned vector of {width}")
    return {"Symbol given as": ", ".join(ways)} if ways else {}


def _notes(config: ExperimentConfig, evaluation: Evaluation, spec: OutputSpec) -> list[str]:
    notes = []
    if evaluation.val_chose:
        judged = "Validation rows" if "test" in evaluation.parts else "Without a test part the judged rows also"
        notes.append(f"{judged} chose the epoch whose weights were kept, so their numbers flatter the model.")
    notes.append(
        "Intervals allow for what neighbouring rows have in common: overlapping labels, moods that last. They say how "
        "far the numbers could have come out otherwise in a market like this one, not what another market would do."
    )
    if evaluation.newest.tests:
        notes.append(
            "Three things are told of a difference, and they may disagree. Its interval counts how long losses, "
            "predictions and labels remember; Diebold and Mariano's p counts that labels overlap, and one pair at a "
            "time; the model confidence set counts that all of them were compared."
        )
    if said := _OF_UNITS.get(evaluation.units.errors or ""):
        notes.append(said)
    if any(result.symbols for result in evaluation.parts.values()):
        notes.append("Each symbol's verdict stands by itself; of many symbols, one in twenty beats luck by luck.")
        if spec.starts:
            notes.append(
                "Errors over all symbols are in the columns' own units, so symbols with large numbers weigh most; read "
                "them symbol by symbol."
            )
    if any(len(result.columns) > 1 for result in evaluation.parts.values()):
        notes.append("Each column's verdict stands by itself; of many columns, one in twenty beats luck by luck.")
    backtests = [result.backtest for result in evaluation.parts.values() if result.backtest is not None]
    if backtests and backtests[0].account.in_price_units:
        notes.append("Prices may be 0 or negative (data.prices any): returns are differences, in price units.")
    return notes


def _names(symbols: Sequence[str]) -> str:
    shown = ", ".join(symbols[:4])
    return shown if len(symbols) <= 4 else f"{shown} and {len(symbols) - 4} more"


def _day(time_us: int) -> str:
    return f"{datetime.fromtimestamp(time_us / 1e6, UTC):%Y-%m-%d %H:%M} UTC"
