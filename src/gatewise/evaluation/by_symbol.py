"""The verdict symbol by symbol: the same model and baselines, on each symbol's own rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gatewise.evaluation.base import Floats, Ints, Scores
from gatewise.evaluation.class_metrics import ClassScores
from gatewise.evaluation.judge import PartResult, judge_part
from gatewise.evaluation.value_metrics import ValueScores

LEAST_ROWS = 10  # of a symbol; an interval over fewer is none


def judge_symbols(
    part: str,
    model: Scores,
    baselines: Mapping[str, Scores],
    names: Mapping[int, str],
    *,
    symbol: Ints,
    time_us: Ints,
    scale_of: Callable[[int], Floats] | None = None,
    **said: Any,
) -> dict[str, PartResult]:
    """Verdicts by symbol, in the order of `names`; a symbol with fewer than ten rows gets none.

    Args:
        names: of the numbers in `symbol`; with one symbol there is nothing to tell apart.
        scale_of: from a symbol's number to the unit in which its outputs are put together (its own usual moves, as its
            own model would be judged by); needed for values.
        For the rest see `judge_part`.
    """
    if len(names) < 2:
        return {}
    found = {}
    for number, name in names.items():
        at = np.flatnonzero(symbol == number)
        if len(at) < LEAST_ROWS:
            continue
        scale = scale_of(number) if scale_of else None
        own = {who: _on_rows(scores, at, scale) for who, scores in {"": model, **baselines}.items()}
        found[name] = judge_part(part, own.pop(""), own, symbol=symbol[at], time_us=time_us[at], **said)
    return found


def _on_rows(scores: Scores, at: Ints, scale: Floats | None) -> Scores:
    """Contributions add up over any rows, so a symbol's scores are its rows' contributions."""
    contributions = scores.contributions[at]
    if isinstance(scores, ValueScores):
        together = scores.scale if scale is None or len(scores.outputs) == 1 else scale
        return replace(scores, contributions=contributions, scale=together)
    assert isinstance(scores, ClassScores)
    return replace(scores, contributions=contributions)
