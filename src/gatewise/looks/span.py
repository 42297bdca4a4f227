"""The looks on some rows: how many models of how many runs were judged there, and what is left of the best of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.errors import ReadError
from gatewise.evaluation.base import count, shown
from gatewise.evaluation.interval_words import bounds_text
from gatewise.evaluation.metric_names import metric_places, metric_words
from gatewise.looks.deflate import Deflated, deflate
from gatewise.looks.ledger import Ledger, Look, read


@dataclass(frozen=True)
class Looks:
    """Looks on rows that overlap in time and share a symbol.

    Attributes:
        looks: each judged model of each run once, its last judging; in the order in which they came.
        fingerprint: of the table that is asked for; others of the looks were on other data of the same time.
        torn: lines of the ledger that could not be read, so there may have been more looks.
    """

    looks: tuple[Look, ...]
    fingerprint: str
    torn: int = 0

    @property
    def runs(self) -> int:
        """How many judged here."""
        return len({look.run_id for look in self.looks})

    @property
    def models(self) -> int:
        """Different ones; a rerun of the same config on the same rows is none."""
        return len({look.judged_model for look in self.looks})

    @property
    def on_same_data(self) -> int:
        """Models that were judged on the very same table."""
        return len({look.judged_model for look in self.looks if look.fingerprint == self.fingerprint})

    @property
    def best(self) -> Look | None:
        """The one whose gain is largest beside its error, so that metrics and targets compare; `None`: none has one."""
        judged = [(look.gain / look.error, look) for look in self.looks if look.error]
        return max(judged, key=lambda pair: pair[0])[1] if judged else None

    def deflated(self, look: Look, confidence: float = 0.95) -> Deflated:
        """The gain of one of them, with all of them counted."""
        return deflate(look.gain, look.error, look.freedom, max(self.models, 1), confidence)

    def deflated_sharpe(self, look: Look, confidence: float = 0.95) -> Deflated | None:
        """Its Sharpe ratio above 0, likewise; `None` where it has no account.

        The gain's degrees of freedom stand for the account's, which are mostly more: the wider reading.
        """
        if look.sharpe is None:
            return None
        return deflate(look.sharpe, look.sharpe_error, max(look.freedom, 1), max(self.models, 1), confidence)

    @property
    def words(self) -> str:
        """`7 models of 9 runs have been judged on these rows`."""
        here = f"{count(self.models, 'model')} of {count(self.runs, 'run')}" if self.looks else "no model"
        others = self.models - self.on_same_data
        apart = f", {others:,} of them on other data of the same time" if others else ""
        torn = f" ({count(self.torn, 'torn line')} of the ledger skipped)" if self.torn else ""
        return f"{here} {'has' if self.models <= 1 else 'have'} been judged on these rows{apart}{torn}"

    def best_words(self, confidence: float = 0.95) -> str:
        """What is left of the best of them, in a sentence; empty where none has an interval."""
        return "" if self.best is None else self.words_on(self.best, "the best of them", confidence)

    def words_on(self, look: Look, who: str, confidence: float = 0.95) -> str:
        """What is left of one of them, in a sentence."""
        left = self.deflated(look, confidence)
        places = metric_places(look.metric, look.value)
        metric, ahead = metric_words(look.metric), "ahead of" if look.gain >= 0 else "behind"
        sentence = (
            f"{who}, {look.model} of run {look.run_id[:8]}, is {shown(abs(look.gain), places)} {ahead} "
            f"{look.baseline} in {metric}"
        )
        if left.luck is None:
            return f"{sentence}; {left.interval.reason}"
        counted = f" with all {left.trials:,} counted" if left.trials > 1 else ""
        bounds = f"{bounds_text(left.interval, places, sign='+')} at {confidence:.0%}{counted}"
        if look.gain <= 0:
            return f"{sentence}, {bounds}"
        verdict = "more than luck" if left.is_shown else "not shown to be more than luck"
        expected = f" (the best of {left.trials:,} without skill: about {shown(left.luck, places)} ahead)"
        return f"{sentence}, {bounds}: {verdict}{expected if left.trials > 1 else ''}"

    def to_dict(self, confidence: float = 0.95) -> dict[str, Any]:
        """The machine interface."""
        best = self.best
        return {
            "runs": self.runs,
            "models": self.models,
            "on_same_data": self.on_same_data,
            "torn": self.torn,
            "words": self.words,
            "best": best
            and {
                **{name: getattr(best, name) for name in ("run_id", "model", "metric", "value", "baseline")},
                "gain": self.deflated(best, confidence).to_dict(),
                "sharpe": (sharpe := self.deflated_sharpe(best, confidence)) and sharpe.to_dict(),
                "words": self.best_words(confidence),
            },
        }


@dataclass(frozen=True)
class Span:
    """Rows that were judged, by their symbols and their first and last time, and all looks that overlap with them."""

    symbols: tuple[str, ...]
    first_us: int
    last_us: int
    looks: Looks

    def to_dict(self) -> dict[str, Any]:
        """The machine interface."""
        first, last = (str(np.datetime64(us, "us")) + "Z" for us in (self.first_us, self.last_us))
        return {"symbols": list(self.symbols), "first": first, "last": last} | self.looks.to_dict()


def judged_spans(symbol: str | None = None) -> list[Span]:
    """Every stretch of rows that was judged, the one that was looked at last first.

    Args:
        symbol: only rows of this one; `None`: all.

    Raises:
        ReadError: see `looks_on`.
    """
    ledger = read()
    places = dict.fromkeys(
        (look.symbols, look.first_us, look.last_us, look.fingerprint)
        for look in reversed(ledger.looks)
        if symbol is None or symbol in look.symbols
    )
    return [Span(*place[:3], _overlapping(ledger, *place)) for place in places]


def looks_on(
    symbols: Collection[str], first_us: int, last_us: int, fingerprint: str, other_than: str | None = None
) -> Looks:
    """All looks of this home on rows that overlap in time with these and share a symbol or the table.

    Args:
        symbols: of the rows. first_us, last_us: times of the first and of the last of them.
        fingerprint: of the whole table.
        other_than: a run whose own looks are left out.

    Raises:
        ReadError: the ledger can't be read, or a later version wrote in it.
    """
    return _overlapping(read(), symbols, first_us, last_us, fingerprint, other_than)


def words_before(symbols: Collection[str], time_us: npt.NDArray[np.int64], fingerprint: str, run_id: str | None) -> str:
    """The words on rows that a run is about to be judged on; of a ledger that can't be read, that it can't."""
    try:
        return looks_on(symbols, int(time_us.min()), int(time_us.max()), fingerprint, run_id).words
    except ReadError as error:
        return error.message


def _overlapping(
    ledger: Ledger,
    symbols: Collection[str],
    first_us: int,
    last_us: int,
    fingerprint: str,
    other_than: str | None = None,
) -> Looks:
    asked = set(symbols)
    here: dict[tuple[str, object], Look] = {}
    for look in ledger.looks:
        overlaps = look.first_us <= last_us and first_us <= look.last_us and look.run_id != other_than
        if overlaps and (look.fingerprint == fingerprint or not asked.isdisjoint(look.symbols)):
            here[look.run_id, look.judged_model] = look
    return Looks(tuple(here.values()), fingerprint, ledger.torn)
