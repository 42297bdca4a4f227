"""Parts cut by the rows that labels lie in, as printed long-horizon tables have them: so many rows, or shares of them.

A sample is of the part that holds its whole label, from the row after its own to the row that settles it; its input
may reach back into the part before. So 2,880 test rows hold 2,785 windows of 96 steps, whatever the lookback. Train
and val give way to such inputs, unless `split.purge_inputs` is false: printed tables keep those windows. Rows after the
last part are in none.

Source: H. Zhou et al., Informer, AAAI 2021, whose data sets and cuts later tables kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gatewise.config.schema import SplitConfig
from gatewise.errors import NotEnoughRowsError
from gatewise.splits.base import Spans
from gatewise.splits.purge import Mask


@dataclass(frozen=True)
class RowParts:
    """Masks of samples, bool [samples].

    Attributes:
        train, val, test: whose labels lie in that part alone.
        across: whose labels begin in one part and end in a later one.
        test_from_us: the moment of the row before test, from which on labels begin in test.
    """

    train: Mask
    val: Mask
    test: Mask
    across: Mask
    test_from_us: int


def part_sizes(spec: SplitConfig, num_rows: int) -> tuple[int, int, int]:
    """How many rows train, val and test hold.

    Of shares train and test are rounded down and val is the rest, as the printed tables count.

    Raises:
        NotEnoughRowsError: more are asked for than there are.
    """
    if not spec.counts_rows:
        train, test = int(spec.train * num_rows), int(spec.test * num_rows)
        return train, num_rows - train - test, test
    sizes = int(spec.train), int(spec.val), int(spec.test)
    if sum(sizes) > num_rows:
        raise NotEnoughRowsError(
            f"split.train + split.val + split.test must be at most {num_rows:,}, the rows there are; got "
            f"{sum(sizes):,}",
            "give more rows, or lower split.train, split.val or split.test",
        )
    return sizes


def labels_alone(spans: Spans) -> Spans:
    """The spans without their inputs: from after the sample's own row to the row that settles its label."""
    return replace(spans, first_us=spans.time_us + 1)


def cut_by_rows(spans: Spans, spec: SplitConfig) -> RowParts:
    """The samples of each part, before any purge; of several symbols the moments count that any has a row at.

    Raises:
        NotEnoughRowsError: see `part_sizes`.
    """
    assert spans.table_us is not None, "these spans were made of no table"
    moments_us = np.unique(spans.table_us)
    train, val, test = np.cumsum(part_sizes(spec, moments_us.size))
    first = np.searchsorted(moments_us, spans.time_us) + 1
    last = np.searchsorted(moments_us, spans.last_us)
    across = ((first < train) & (last >= train)) | ((first < val) & (last >= val))
    return RowParts(
        last < train,
        (first >= train) & (last < val),
        (first >= val) & (last < test),
        across & (last < test),
        int(moments_us[val - 1]),
    )
