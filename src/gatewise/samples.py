"""From a Table to samples: features, labels, the rows that can be predicted from, and the span that each touches.

Nothing here is fitted, so it is the same for every split of the same table; what is fitted lives in fold.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatewise.clocks import BESIDE, stage
from gatewise.config.durations import format_duration
from gatewise.config.schema import ExperimentConfig, FeatureConfig, TargetSection
from gatewise.data.table import Table
from gatewise.errors import NotEnoughRowsError
from gatewise.features.base import FeatureMatrix
from gatewise.features.build import build_features
from gatewise.rows import window_rows
from gatewise.splits.base import Spans
from gatewise.splits.spans import make_spans
from gatewise.targets.base import Labels
from gatewise.targets.history import with_history
from gatewise.targets.make import make_labels

logger = logging.getLogger("gatewise.samples")


@dataclass(frozen=True)
class Samples:
    """Everything about a table that no fitting touches.

    Attributes:
        rows: int64, ascending; rows with a full gap-free window and a valid label.
        reach_rows: rows before a sample's own that its input depends on: window and feature lookback.
        steps_scored: how many of a training window's last steps are supervised.
        weight: float32 [table rows], how much each row's label counts in training; `None`: all alike. Validation
            leaves out what has 0, and counts the rest alike.
    """

    table: Table
    matrix: FeatureMatrix
    labels: Labels
    rows: npt.NDArray[np.int64]
    spans: Spans
    reach_rows: int
    steps_scored: int
    weight: npt.NDArray[np.float32] | None = None


def make_samples(
    config: ExperimentConfig,
    table: Table,
    features: Callable[[Table, FeatureConfig], FeatureMatrix] = build_features,
    label: Callable[[Table, TargetSection], Labels] = make_labels,
) -> Samples:
    """Builds features, labels and spans.

    Args:
        features, label: the parts to use; the audit passes others to prove that it would notice.

    Raises:
        NotEnoughRowsError: no row of the table has a full window and a label.
    """
    length = config.windows.sequence_length
    scored = config.windows.steps_scored
    # Side by side: both leave Python's lock for most of their time, and neither reads what the other makes.
    with ThreadPoolExecutor(1) as beside:
        labelled = beside.submit(_counted, label, table, config.target)
        with stage("features"):
            matrix = features(table, config.features)
            labels = labelled.result()
            matrix = with_history(matrix, labels.history) if config.features.history else matrix
    reach = max(length - 1 + matrix.lookback - 1, scored - 1 + labels.lookback - 1)
    if labels.history is not None and labels.history.returns is not None:
        reach = max(reach, length)  # a window's first return is from the row before it
    rows = window_rows(matrix.valid, table.segment_start, length)
    rows = rows[labels.valid[rows] & (rows - reach >= table.segment_start[rows])]
    logger.info(
        "%s rows, %d features (lookback %d), windows of %d: %s samples",
        f"{table.num_rows:,}", len(matrix.names), matrix.lookback, length, f"{len(rows):,}",
    )  # fmt: skip
    if len(rows) == 0:
        longest = int(np.max(np.arange(table.num_rows) - table.segment_start)) + 1
        raise NotEnoughRowsError(
            f"a sample needs {reach + 1} gap-free rows and a label {config.target.horizon} rows on; "
            f"the longest gap-free stretch has {longest} of {table.num_rows} rows",
            f"shorten windows.sequence_length or {config.target.ahead_field}, or widen data.gap_tolerance",
        )
    gaps = np.count_nonzero(table.segment_start == np.arange(table.num_rows)) - len(table.symbols)
    if gaps and 2 * len(rows) < table.num_rows:
        wider = format_duration(max(5 * table.timeframe, 2 * table.gap_tolerance))
        logger.info(
            'gaps leave %.0f %% of the rows a whole window and a label: data.gap_tolerance="%s" (say) lets short ones '
            "pass",
            100 * len(rows) / table.num_rows, wider,
        )  # fmt: skip
    spans = make_spans(table, rows, reach, labels.known_at, scored)
    return Samples(table, matrix, labels, rows, spans, reach, scored)


def _counted(label: Callable[[Table, TargetSection], Labels], table: Table, target: TargetSection) -> Labels:
    with stage(BESIDE):
        return label(table, target)
