"""What came of gates: one result a gate, and whether all of them let the run pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gatewise.errors import GateError
from gatewise.evaluation.base import Interval
from gatewise.evaluation.verdict import Tone
from gatewise.gates.gate import Gate
from gatewise.registry.looks import RunLooks


@dataclass(frozen=True)
class GateResult:
    """A gate beside the figure that it asks for.

    Attributes:
        figure: with its interval, or the reason why there is none; of several symbols the one that fails, or else is
            nearest to it. `None`: there is nothing to read.
        passed: `None`: passed over, as there is nothing to read and nothing was required.
        words: why, in a clause.
        chance: what knows nothing, and its figure on the same rows; `None` where it has none.
        called_out: that what knows nothing passes the gate too; empty where it does not.
        symbol: whose figure it is, where it is one of several.
    """

    gate: Gate
    figure: Interval | None
    passed: bool | None
    words: str
    chance: tuple[str, float] | None = None
    called_out: str = ""
    symbol: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: the gate's own keys beside what came."""
        figure = self.figure or Interval(math.nan)
        return {
            "metric": self.gate.metric,
            "of": self.gate.of,
            "on": self.gate.on,
            "bound": {"kind": self.gate.bound_name, "value": self.gate.bound},
            "required": self.gate.required,
            "value": _finite(figure.value),
            "low": _finite(figure.low),
            "high": _finite(figure.high),
            "reason": figure.reason,
            "symbol": self.symbol or None,
            "passed": self.passed,
            "words": self.words,
            "chance": self.chance and {"name": self.chance[0], "value": self.chance[1]},
            "called_out": self.called_out or None,
        }


@dataclass(frozen=True)
class GateResults:
    """Gates of one run, in the order in which they were asked.

    Attributes:
        run_id, name: of the run.
        rows: test rows that its figures are of; confidence: of their intervals.
        deciding_metric: by which runs of its kind are compared, whose unit gains have.
        champion: the run that it was held beside; empty: none.
        checked_utc: ages were counted until then.
        looks: at the same rows by all runs; `None` where they can't be told.
    """

    run_id: str
    name: str
    rows: int
    confidence: float
    deciding_metric: str
    results: tuple[GateResult, ...]
    champion: str
    checked_utc: datetime
    looks: RunLooks | None = None

    @property
    def passed(self) -> bool:
        """Whether no gate fails, and one at least could be asked."""
        return not self.failed and self._asked > 0

    @property
    def _asked(self) -> int:
        return sum(result.passed is not None for result in self.results)

    @property
    def failed(self) -> tuple[GateResult, ...]:
        """Those that fail."""
        return tuple(result for result in self.results if result.passed is False)

    @property
    def tone(self) -> Tone:
        """Of the headline."""
        return "good" if self.passed else "bad"

    @property
    def headline(self) -> str:
        """Whether it passes, without a full stop."""
        asked = self._asked
        if not asked:
            return "No gate could be asked: there is nothing to read"
        if self.passed:
            return f"Passes all {asked} gates" if asked > 1 else "Passes its gate"
        return f"Fails {len(self.failed)} of {asked} gates" if asked > 1 else "Fails its gate"

    @property
    def sentence(self) -> str:
        """The headline, and of each gate that fails why."""
        return f"{self.headline}{': ' if self.failed else ''}{'; '.join(result.words for result in self.failed)}."

    @property
    def remarks(self) -> list[str]:
        """What people should know beside, a sentence each: an audit that was never made, and gates that ask for no more
        than knowing nothing gives."""
        called = [result.called_out for result in self.results if result.called_out]
        unread = [result.gate.metric for result in self.results if result.passed is None]
        audit = [f"No audit is kept beside the run: gatewise audit --model {self.run_id[:8]} makes one."]
        return audit * ("audit" in unread) + [f"{words[0].upper()}{words[1:]}." for words in called]

    def require(self) -> None:
        """Goes on only where no gate fails.

        Raises:
            GateError: one does; the message says which and why. Or none could be asked.
        """
        if not self._asked:
            raise GateError(
                f"run {self.run_id[:8]} passes no gate, as none could be asked: there is nothing to read",
                "ask one gate at least that every run has, such as {metric: verified}",
            )
        if not self.passed:
            raise GateError(
                f"run {self.run_id[:8]} fails {len(self.failed)} of its gates: "
                + "; ".join(result.words for result in self.failed),
                f"gatewise evaluate --model {self.run_id[:8]} has the whole table",
            )

    def to_dict(self) -> dict[str, Any]:
        """The machine interface of `gatewise evaluate --json`, but for the page."""
        return {
            "run_id": self.run_id,
            "name": self.name,
            "part": "test",
            "rows": self.rows,
            "confidence": self.confidence,
            "champion": self.champion or None,
            "checked": self.checked_utc.isoformat(),
            "passed": self.passed,
            "headline": self.headline,
            "sentence": self.sentence,
            "looks": self.looks and self.looks.to_dict(),
            "remarks": self.remarks,
            "gates": [result.to_dict() for result in self.results],
        }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
