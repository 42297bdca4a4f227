"""What a run's report explains beside its verdict, for a small part of what the training cost.

Counted in windows, as a clock would have the report say other numbers on another machine. A window that is trained on
costs about three that are predicted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatewise.explain.attribution import Attribution
from gatewise.explain.importance import Importances, Passes

if TYPE_CHECKING:
    from gatewise.learners.base import Trained  # brings torch

_SHARE, _TRAINED = 0.05, 3
_LEAST_ROWS, _MOST_ROWS, _REPEATS = 100, 1000, 2


@dataclass(frozen=True)
class Explanations:
    """`None`: what the model can't have, or what would have cost too much beside its training."""

    importances: Importances | None = None
    attribution: Attribution | None = None


UNEXPLAINED = Explanations()


def affordable(trained: Trained, windows_per_epoch: int | None, num_groups: int) -> Passes | None:
    """How much may be predicted anew; `None`: too few rows to say anything.

    A model of one row predicts in no time and is held to the most rows alone.
    """
    if trained.fit.ended == "fitted":
        return Passes(_REPEATS, _MOST_ROWS)
    fits = [member.trained for member in trained.members] or [trained]
    each = [min(one.train_windows, windows_per_epoch or one.train_windows) * one.fit.epochs for one in fits]
    rows = int(_SHARE * _TRAINED * sum(each) / (len(fits) * _REPEATS * num_groups))
    return Passes(_REPEATS, min(rows, _MOST_ROWS)) if rows >= _LEAST_ROWS else None
