"""The verdict symbol by symbol: the same model and baselines, on each symbol's own rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gatewise.evaluation.base import Floats, Ints, Scores
from gatewise.evaluation.judge import PartResult, judge_part

LEAST_ROWS = 10  # of a symbol; an interval over fewer is none


def judge_symbols(
    part: str,
    model: Scores,
    baselines: Mapping[str, Scores],
    names: Mapping[int, str],
    *,
    symbol: Ints,
    time_us: Ints,
    scale_of: Callable[[int], Floats | None],
    **options: Any,
) -> dict[str, PartResult]:
    """Verdicts by symbol, in the order of `names`; a symbol with fewer than ten rows gets none.

    Args:
        names: of the numbers in `symbol`; with one symbol there is nothing to tell apart.
        scale_of: from a symbol's number to the unit in which its outputs are put together (its own usual moves, as its
            own model would be judged by); `None` where there is no such unit.
        For the rest see `judge_part`.
    """
    if len(names) < 2:
        return {}
    results = {}
    for number, name in names.items():
        at = np.flatnonzero(symbol == number)
        if len(at) < LEAST_ROWS:
            continue
        parts = {who: scores.on_rows(at, scale_of(number)) for who, scores in {"": model, **baselines}.items()}
        results[name] = judge_part(part, parts.pop(""), parts, symbol=symbol[at], time_us=time_us[at], **options)
    return results
