"""The picture of cross-validation's folds: what each trains on, drops, stops by and is judged on, in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import plotly.graph_objects as go

from gatewise.evaluation.base import Ints
from gatewise.report.data import Stretch, thinned
from gatewise.report.figure_style import QUIET
from gatewise.report.run_figures import split_timeline
from gatewise.splits.base import Spans
from gatewise.splits.folds import FoldSplit

MOST_LANES = 40
_KINDS = ("outside", "train", "purged", "embargoed", "val", "test")


def fold_timeline(spans: Spans, folds: Sequence[FoldSplit]) -> go.Figure:
    """A lane a fold, the first on top; of more than 40 folds, 40 evenly taken.

    What no stretch covers plays no part in its fold: what comes after the test block of walk-forward, or before the
    training of a sliding one.

    Args:
        spans: the samples that the folds were cut from.
    """
    shown = [folds[k] for k in thinned(len(folds), MOST_LANES)]
    moments, place = np.unique(spans.time_us, return_inverse=True)
    stretches = [stretch for fold in shown for stretch in _stretches(spans.row, moments, place, fold)]
    figure = split_timeline(stretches, told_apart=True)
    figure.update_yaxes(automargin=True, tickmode="linear", dtick=1)
    if len(shown) < len(folds):
        figure.add_annotation(
            x=1, y=1.01, xref="paper", yref="paper", xanchor="right", yanchor="bottom", showarrow=False,
            text=f"{len(shown)} of {len(folds):,} folds", font={"size": 12, "color": QUIET},
        )  # fmt: skip
    return figure


def timeline_height(num_folds: int) -> int:
    """CSS pixels that the picture needs."""
    return 130 + max(24 * min(num_folds, MOST_LANES), 110)


def _stretches(row: Ints, moments: Ints, place: Ints, fold: FoldSplit) -> Iterator[Stretch]:
    """Runs of moments of one kind; where symbols differ within a moment, the kind of most of its samples.

    Args:
        row, place: of each sample, its row and its place among `moments`.
    """
    kind = np.zeros(row.size, dtype=np.int64)
    for number, name in enumerate(_KINDS[1:], start=1):
        kind[np.searchsorted(row, getattr(fold, name))] = number
    counts = np.bincount(place * len(_KINDS) + kind, minlength=moments.size * len(_KINDS)).reshape(-1, len(_KINDS))
    of_moment = counts.argmax(axis=1)
    starts = np.flatnonzero(np.diff(of_moment, prepend=-1))
    ends: Ints = np.append(starts[1:], moments.size)
    for begin, end in zip(starts, ends, strict=True):
        number = of_moment[begin]
        if number:
            # To the next stretch's first moment: lanes would else show cracks one step wide.
            until = moments[min(end, moments.size - 1)]
            samples = int(counts[begin:end, number].sum())
            yield Stretch(f"fold {fold.number}", _KINDS[number], int(moments[begin]), int(until), samples)
