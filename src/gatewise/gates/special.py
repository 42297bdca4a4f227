"""Figures that gates have beside a run's metrics: how many rows, how fresh, how far ahead, and what was proved.

Each is a function of the run's figures and of what it is held beside; `None` says that there is nothing to read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gatewise.errors import BundleError, GatewiseError, ReadError
from gatewise.evaluation.base import Interval
from gatewise.gates.figures import NOT_KEPT, PART, Figures
from gatewise.manifest import read_files
from gatewise.registry.audits import kept_audit
from gatewise.registry.looks import run_looks

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Beside:
    """What a run is held beside.

    Attributes:
        champion: the folder of the run whose model is in use; `None`: none is.
        now: ages are counted until then.
    """

    champion: Path | None
    now: datetime


Special = Callable[[Figures, Mapping[str, Any], Beside], Interval | None]


def _rows(figures: Figures, judged: Mapping[str, Any], beside: Beside) -> Interval:
    return Interval(float(judged["rows"]), reason="rows are counted")


def _independent_rows(figures: Figures, judged: Mapping[str, Any], beside: Beside) -> Interval:
    return Interval(float(judged["intervals"]["independent_rows"]), reason="rows are counted")


def _gain_over_best_baseline(figures: Figures, judged: Mapping[str, Any], beside: Beside) -> Interval:
    """What the best baseline loses and the model does not, paired on the same rows."""
    stored = judged["differences"][judged["best_baseline"]]
    reason = judged["intervals"].get("reason") or NOT_KEPT
    return _turned(Interval(stored["value"], stored["low"], stored["high"], reason))


def _gain_over_champion(figures: Figures, judged: Mapping[str, Any], beside: Beside) -> Interval | None:
    """The same beside the champion, over the test rows that both have predicted; by what both runs kept."""
    if beside.champion is None:
        return None
    from gatewise.registry.compare import compare_runs
    from gatewise.registry.listing import info_of

    comparison = compare_runs([info_of(beside.champion), figures.info])
    if comparison.reason is not None:
        return Interval(float("nan"), reason=comparison.reason)
    if comparison.part != PART:
        return Interval(float("nan"), reason="the champion has no test rows")
    return _turned(comparison.paired[0].differences[comparison.deciding_metric])


def _turned(difference: Interval) -> Interval:
    """A gain of a difference in a metric of which less is better."""
    low, high = (None if end is None else 0.0 - end for end in (difference.high, difference.low))
    return Interval(0.0 - difference.value, low, high, difference.reason if low is None else None)


def _max_age(figures: Figures, judged: Mapping[str, Any], beside: Beside) -> Interval:
    """Days since the newest row that the model learned from."""
    return _days_since(_newest_training_row(figures), beside.now)


def _max_run_age(figures: Figures, judged: Mapping[str, Any], beside: Beside) -> Interval:
    """Days since the run ended."""
    return _days_since(figures.info.ended_utc, beside.now)


def _newest_training_row(figures: Figures) -> datetime | None:
    spans = figures.results.get("spans")
    if spans:
        return datetime.fromisoformat(spans["train"][1])
    from gatewise.registry.predicted import kept_predictions

    frame = kept_predictions(figures.folder)  # of versions that kept no spans: all rows before validation's first
    first = None if frame is None else frame["time"].min()
    return first if isinstance(first, datetime) else None


def _days_since(moment: datetime | None, now: datetime) -> Interval:
    if moment is None:
        return Interval(float("nan"), reason="the run does not say when")
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Interval((now - moment).total_seconds() / DAY_SECONDS, reason="an age has no interval")


def _audit(figures: Figures, judged: Mapping[str, Any], beside: Beside) -> Interval | None:
    """Whether all checks of the audit that is kept beside the run passed, and it is of this model and these rows."""
    try:
        audit = kept_audit(figures.folder)
    except ReadError as error:
        return Interval(0.0, reason=error.message)
    if audit is None:
        return None
    if why := audit.refusal(figures.folder):
        return Interval(0.0, reason=why)
    if not audit.passed:
        return Interval(0.0, reason=f"something looks ahead: {', '.join(audit.failed) or 'it did not pass'}")
    return Interval(1.0)


def _deflated_gain(figures: Figures, judged: Mapping[str, Any], beside: Beside) -> Interval:
    """The gain over the best baseline, with all models counted that were judged on these rows."""
    try:
        return run_looks(figures.folder).deflated_gain.interval
    except GatewiseError as error:
        return Interval(float("nan"), reason=error.message)


def _verified(figures: Figures, judged: Mapping[str, Any], beside: Beside) -> Interval:
    """Whether the bundle's bytes are those of its manifest, and metrics.json says what the bundle says."""
    try:
        sealed = json.loads(read_files(figures.folder / "bundle")["bundle.json"])["metrics"]
    except BundleError as error:
        return Interval(0.0, reason=error.message)
    except (KeyError, ValueError, TypeError):
        return Interval(0.0, reason="the bundle holds no metrics")
    if sealed != figures.results["metrics"]:
        return Interval(0.0, reason="metrics.json says other numbers than the sealed bundle")
    return Interval(1.0)


SPECIAL: Mapping[str, Special] = {
    "rows": _rows,
    "independent_rows": _independent_rows,
    "gain_over_best_baseline": _gain_over_best_baseline,
    "gain_over_champion": _gain_over_champion,
    "deflated_gain": _deflated_gain,
    "max_age": _max_age,
    "max_run_age": _max_run_age,
    "audit": _audit,
    "verified": _verified,
}
BY_SYMBOL = ("rows", "independent_rows", "gain_over_best_baseline")  # the others are of the run
