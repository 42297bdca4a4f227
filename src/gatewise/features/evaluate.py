"""Features over rows, in blocks: exact, because each feature's lookback is finite.

A block of 131,072 rows is evaluated with the rows before it that its lookbacks reach, so working memory stays near
100 MB however long the table is, and the numbers are those of one pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from gatewise.features.base import Feature
from gatewise.features.steps import needed_steps

BLOCK_ROWS = 131_072


def evaluate(features: Sequence[Feature], frame: pl.DataFrame) -> pl.DataFrame:
    """Float64 columns of `features` over `frame`, as if it were one gap-free symbol.

    A row whose lookback starts before the frame holds null or a number that means nothing. The columns that the
    features require must hold no nulls.
    """
    expressions = [feature.expression.cast(pl.Float64).alias(feature.name) for feature in features]
    for stage in needed_steps(expressions):
        frame = frame.with_columns(**stage)
    return frame.select(expressions)


def evaluate_blocks(features: Sequence[Feature], frame: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yields (first row, values) of consecutive blocks that together cover `frame`."""
    reach = max(feature.lookback for feature in features) - 1
    frame = frame.select(sorted({name for feature in features for name in feature.requires}))
    for first in range(0, frame.height, BLOCK_ROWS):
        before = min(reach, first)
        block = evaluate(features, frame.slice(first - before, BLOCK_ROWS + before))
        yield first, block.slice(before)
