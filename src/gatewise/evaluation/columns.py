"""Column by column: a predicted row of a table beside the row that is there already.

Prices hardly move from a row to the next, so an error that looks small can still be that of knowing less than nothing:
each column is held against its present value, the persistence baseline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatewise.evaluation.base import Interval, beats

PERSISTENCE = "persistence"
_FEW = 0.05  # of the rows may leave the range that training showed without a word
_METRICS = ("rmse", "mae", "r2", "directional_accuracy")


@dataclass(frozen=True)
class ColumnResult:
    """How one predicted column came out on one part of the split.

    Attributes:
        metrics: rmse, mae, r2 and directional_accuracy of the model, in the column's own unit.
        persistence: the same of saying the present value again.
        difference: rmse of the model minus that of persistence, over the same moments.
        beats_persistence: True where the whole interval of the difference lies below zero; False where it lies above
            zero; `None` where it holds zero or there is none.
        outside_training: share of rows whose true value lies outside of the range that training rows showed.
        words: better, worse, undecided, no different, or too few rows; `better than the last value, not than the mean`
            where that is all that the rows can show.
    """

    metrics: Mapping[str, Interval]
    persistence: Mapping[str, Interval]
    difference: Interval
    beats_persistence: bool | None
    outside_training: float
    words: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            **{name: metric.to_dict() for name, metric in self.metrics.items()},
            "persistence": {name: metric.to_dict() for name, metric in self.persistence.items()},
            "difference": self.difference.to_dict(),
            "beats_persistence": self.beats_persistence,
            "outside_training": self.outside_training,
            "verdict": self.words,
        }


def column_names(column: str, among_others: bool) -> dict[str, str]:
    """{metric: its name among a part's metrics}: where several columns are predicted, the column's name is added."""
    return {name: f"{name}_{column}" if among_others else name for name in _METRICS}


def column_verdict(
    metrics: Mapping[str, Interval],
    persistence: Mapping[str, Interval],
    difference: Interval,
    from_prior: Interval,
    *,
    outside_training: float,
) -> ColumnResult:
    """Judges one column; `from_prior` is rmse less that of the prior, the others are those of `ColumnResult`."""
    better = beats(difference)
    label = {True: "better", False: "worse", None: "undecided"}[better]
    if difference.low is None:
        label = "too few rows"
    elif difference.value == difference.low == difference.high == 0:
        label = "no different"
    elif better and not beats(from_prior):
        label = "better than the last value, not than the mean"
    return ColumnResult(metrics, persistence, difference, better, outside_training, label)


def column_summary(columns: Mapping[str, ColumnResult]) -> str:
    """One sentence on all: `Column by column, beside the last value: open, high worse; close undecided.`"""
    groups: dict[str, list[str]] = {}
    for name, column in columns.items():
        groups.setdefault(column.words, []).append(name)
    return (
        "Column by column, beside the last value: "
        + "; ".join(f"{', '.join(names)} {label}" for label, names in groups.items())
        + "."
    )


def outside_note(part: str, columns: Mapping[str, ColumnResult]) -> str | None:
    """What to say where true values leave the range that training showed; `None` where few of them do."""
    far = [
        f"{name} {result.outside_training:.0%}" for name, result in columns.items() if result.outside_training > _FEW
    ]
    if not far:
        return None
    return (
        f"Share of {part} rows whose true value lies outside of the range that training showed: {', '.join(far)}. "
        "A model of levels has learned nothing there."
    )
