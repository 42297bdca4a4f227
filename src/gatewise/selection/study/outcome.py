"""What a study leaves beside its cross-validation: table.csv, table.md and study.html, and what it says to machines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gatewise.config.durations import format_duration, rough_duration
from gatewise.evaluation.base import Ints, count
from gatewise.evaluation.diebold_mariano import p_text
from gatewise.evaluation.metric_names import metric_difference, metric_text, metric_words
from gatewise.evaluation.scoring import PRIOR
from gatewise.evaluation.volatility_metrics import volatility_scores
from gatewise.files import write_frame, write_text
from gatewise.report.study import StudyPage, write_study_page
from gatewise.selection.cv.outcome import CvOutcome
from gatewise.selection.cv.side_by_side import NONE
from gatewise.selection.study.table import (
    Line,
    held_against,
    study_cells,
    study_frame,
    study_legend,
    study_lines,
    study_markdown,
)

_NEWEST, _DRAWN = 300, 3  # rows of the newest stretch; lines that are drawn there
_OUTPUT = "log_volatility"


@dataclass(frozen=True)
class Study:
    """A study's outcome: a cross-validation's, and its own table and page."""

    outcome: CvOutcome
    lines: list[Line]

    @property
    def files(self) -> list[Path]:
        """The page, the tables, and the predictions behind them."""
        folder = self.outcome.folder
        return [*(folder / name for name in ("study.html", "table.md", "table.csv")), self.outcome.out_of_fold]

    def to_dict(self) -> dict[str, Any]:
        """The machine interface of `gatewise study --json`."""
        page, markdown, table, _ = map(str, self.files)
        study = {"beside": list(held_against(self.outcome)), "table": study_frame(self.lines).to_dicts()}
        return self.outcome.to_dict() | {"study": study, "report": page, "markdown": markdown, "csv": table}


def write_study(outcome: CvOutcome) -> Study:
    """Writes what a study leaves, each file whole or not at all.

    Raises:
        StorageError: the disk is full or not writable.
    """
    study = Study(outcome, study_lines(outcome))
    page, markdown, table, _ = study.files
    write_frame(table, study_frame(study.lines))
    write_text(markdown, study_markdown(study.lines, outcome))
    write_study_page(page, _page(study))
    return study


def _page(study: Study) -> StudyPage:
    outcome, lines = study.outcome, study.lines
    plan, beside = outcome.plan, held_against(outcome)
    first = beside[0]
    rows = _rows(outcome)
    losses = _by_moment(rows)
    (horizon,) = plan.horizons
    newest = rows.filter(pl.col("symbol") == rows["symbol"].min())
    fitted = [line.name for line in lines if line.name in losses.columns]
    shown = dict.fromkeys([*fitted[:_DRAWN], first])
    drawn = {name: newest.filter(pl.col("model") == name).sort("time").tail(_NEWEST) for name in shown}
    symbols, rows_ahead = rows["symbol"].unique().sort().to_list(), "row" if horizon == 1 else f"{horizon:,} rows"
    return StudyPage(
        title=f"Volatility of {', '.join(symbols[:4])}: {len(lines)} forecasts of the next {rows_ahead}",
        judgement=outcome.verdict.judgement,
        reasons=outcome.verdict.reasons,
        metric=metric_words(outcome.deciding_metric),
        reference=first,
        confidence=plan.base.evaluation.confidence,
        cells=study_cells(lines, beside),
        legend=study_legend(outcome),
        ratios={line.name: line.ratio for line in lines},
        updated=_updated(study),
        newest_us=_time_us(drawn[first]),
        realised=np.exp(drawn[first]["target"].to_numpy()),
        forecast={name: np.exp(frame["forecast"].to_numpy()) for name, frame in drawn.items()},
        time_us=_time_us(losses),
        apart={name: (losses[name] - losses[first]).to_numpy() for name in fitted if name != first},
        facts=_facts(study, rows),
        notes=[*outcome.verdict.notes, *_notes(study)],
    )


def _rows(outcome: CvOutcome) -> pl.DataFrame:
    """Columns model, symbol, time, forecast, target (both logs of volatility), loss; means over seeds."""
    frame = pl.scan_parquet(outcome.out_of_fold).filter(
        pl.col("model") != PRIOR, pl.col("fold").is_in(outcome.coverage.compared)
    )
    kept = frame.select("model", "symbol", "time", forecast=_OUTPUT, target=f"target_{_OUTPUT}").collect()
    loss = volatility_scores(kept["target"].to_numpy(), kept["forecast"].to_numpy()).loss
    return (
        kept.with_columns(loss=loss)
        .group_by("model", "symbol", "time", maintain_order=True)
        .agg(pl.col("forecast").mean(), pl.col("target").first(), pl.col("loss").mean())
    )


def _by_moment(rows: pl.DataFrame) -> pl.DataFrame:
    """Column time, ascending, and one a line: its mean loss over symbols at each moment that all lines have."""
    means = rows.group_by("time", "model").agg(pl.col("loss").mean())
    return means.pivot(on="model", index="time", values="loss").drop_nulls().sort("time")


def _updated(study: Study) -> tuple[list[str], list[list[str]]] | None:
    metric, cells = study.outcome.deciding_metric, []
    took = {line.name: line.seconds for line in study.lines}
    for one in study.outcome.online.values():
        values = one.paired.other_values[metric], one.paired.values[metric]
        name, size, test = one.name.rpartition("@")[0], max(map(abs, values)), one.diebold_mariano
        cells.append(
            [
                name,
                *(metric_text(metric, value, size) for value in values),
                metric_difference(metric, one.paired.differences[metric], size),
                NONE if test.p is None else p_text(test.p),
                rough_duration(took[name] or 0),
                rough_duration(one.seconds),
            ]
        )
    head = ["model", f"{metric_words(metric)} frozen", "updated", "difference, paired", "DM p", "trained in", "updates"]
    return (head, cells) if cells else None


def _facts(study: Study, rows: pl.DataFrame) -> dict[str, dict[str, str]]:
    plan = study.outcome.plan
    base, target = plan.base, plan.base.target.model_dump(mode="json")
    return {
        "Data": {
            "Symbols": f"{rows['symbol'].n_unique():,}",
            "Tested rows": f"{rows.select('symbol', 'time').unique().height:,}",
            "From": str(rows["time"].min()),
            "To": str(rows["time"].max()),
        },
        "Question": {name.capitalize(): str(value) for name, value in target.items() if value not in (None, [], "")},
        "Trainings": {
            "Window": count(base.windows.sequence_length, "row"),
            "Features": ", ".join((*base.features.sets, *base.features.columns, "history" * base.features.history)),
            "Seeds": ", ".join(map(str, plan.named_seeds)) or str(plan.num_seeds),
            "Time of a network's training": format_duration(timedelta(seconds=round(plan.max_seconds or 0))),
            "Id": study.outcome.folder.name,
        },
    }


def _notes(study: Study) -> list[str]:
    first, confidence = held_against(study.outcome)[0], study.outcome.plan.base.evaluation.confidence
    return [
        "Every number is of rows that no training saw; what training and test rows share is purged.",
        f"The headline says better than {first} only where DM p is below {1 - confidence:.2g} and the confidence set, "
        f"which counts that the best was picked among all, leaves {first} out.",
        "Folds, every metric and all settings are on the page of the cross-validation, report.html beside this one.",
        "Once a model is chosen by these numbers, its own flatters it: fresh rows say what it is worth.",
    ]


def _time_us(frame: pl.DataFrame) -> Ints:
    return frame["time"].dt.timestamp("us").to_numpy()
