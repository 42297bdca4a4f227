"""The four verdicts, and the one sentence that says each: in the terminal, in JSON, in every report.

A model is better where it is so beside every baseline, each difference's whole interval below zero; worse where some
baseline's lies above zero as a whole. Between them nothing was shown, which is not the same as being bad. Where the
rows hold too few independent stretches no interval can be trusted, and nothing is said about the model at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

Verdict = Literal["better", "undecided", "worse", "too_few"]


class Difference(Protocol):
    """Model minus baseline in a metric of which less is better; bounds are `None` where no interval can be given."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


@dataclass(frozen=True)
class Judgement:
    """A verdict, and the baseline that it names: of `worse` the best of those that beat the model, else empty."""

    verdict: Verdict
    baseline: str = ""

    @property
    def headline(self) -> str:
        """The verdict as a sentence without a full stop."""
        return {
            "better": "Better than every baseline",
            "undecided": "Not shown to be better",
            "worse": f"Worse than {self.baseline}",
            "too_few": "Too few independent rows to tell",
        }[self.verdict]

    @property
    def short(self) -> str:
        """The verdict in few words."""
        words = {"better": "better", "undecided": "not shown", "too_few": "too few rows"}
        return words.get(self.verdict, self.headline.lower())

    @property
    def beats_baseline(self) -> bool | None:
        """True, false, and `None` for what is undecided or can't be told."""
        return {"better": True, "undecided": None, "worse": False, "too_few": None}[self.verdict]


def judge_differences(differences: Mapping[str, Difference], few: bool = False) -> Judgement:
    """The verdict that differences to baselines give, by baseline; at least one.

    Args:
        few: whether the rows hold so few independent stretches that what is not shown could hardly have been.
    """
    if any(found.low is None or found.high is None for found in differences.values()):
        return Judgement("too_few")
    ahead = [name for name, found in differences.items() if found.low is not None and found.low > 0]
    if ahead:  # the larger the difference, the better the baseline
        return Judgement("worse", max(ahead, key=lambda name: differences[name].value))
    if all(found.high is not None and found.high < 0 for found in differences.values()):
        return Judgement("better")
    return Judgement("too_few" if few else "undecided")
