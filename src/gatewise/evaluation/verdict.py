"""The four verdicts, and the one sentence that says each: in the terminal, in JSON, in every report.

A model is better where it is so beside every baseline, each difference's whole interval below zero; worse where some
baseline's lies above zero as a whole. Between them nothing was shown, which is not the same as being bad. Where the
rows hold too few independent stretches no interval can be trusted, and nothing is said about the model at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

Verdict = Literal["better", "undecided", "worse", "too_few"]
Tone = Literal["good", "open", "bad"]

TONES: Mapping[Verdict, Tone] = {"better": "good", "undecided": "open", "worse": "bad", "too_few": "open"}

SHORT: Mapping[Verdict, str] = {
    "better": "better",
    "undecided": "not shown",
    "worse": "worse",
    "too_few": "too few rows",
}


class Colours(NamedTuple):
    """Of a tone, on a page and in a terminal."""

    page: str
    terminal: str


COLOURS: Mapping[Tone, Colours] = {
    "good": Colours("#1c7a55", "green"),
    "open": Colours("#8a5a00", "yellow"),
    "bad": Colours("#a3312a", "red"),
}


# And the baseline, where one is named.
_THAN: Mapping[Verdict, str] = {"better": "Better than ", "undecided": "No better than ", "worse": "Worse than "}
_ALL = "every baseline"


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
    """A verdict, and the baseline that it names: of `worse` the best of those that beat the model, else none, but where
    one alone is to be beaten.
    """

    verdict: Verdict
    baseline: str = ""

    @property
    def headline(self) -> str:
        """The verdict as a sentence without a full stop."""
        if self.verdict == "too_few":
            return "Too few independent rows to tell"
        if self.verdict == "undecided" and not self.baseline:
            return "Not shown to be better"
        return _THAN[self.verdict] + (self.baseline or _ALL)

    @property
    def short(self) -> str:
        """The sentence in the few words that a table has room for."""
        return SHORT[self.verdict] + f" than {self.baseline}" * (self.verdict == "worse")

    @property
    def tone(self) -> Tone:
        """What it is coloured by, on a page and in a terminal: only what is shown to be worse is bad news."""
        return TONES[self.verdict]

    @property
    def beats_baseline(self) -> bool | None:
        """True, false, and `None` for what is undecided or can't be told."""
        return {"better": True, "undecided": None, "worse": False, "too_few": None}[self.verdict]

    def to_dict(self) -> dict[str, str | bool | None]:
        """verdict, headline and beats_baseline, as every command's JSON says them."""
        return {"verdict": self.verdict, "headline": self.headline, "beats_baseline": self.beats_baseline}


def read_judgement(verdict: Verdict, headline: str) -> Judgement:
    """The judgement that a record's verdict and headline were written from."""
    than = _THAN.get(verdict, headline)
    named = headline.removeprefix(than) if headline.startswith(than) else ""
    return Judgement(verdict, "" if named == _ALL else named)


def judge_differences(differences: Mapping[str, Difference], few: bool = False) -> Judgement:
    """The verdict that differences to baselines give, by baseline; at least one.

    Args:
        few: whether the rows hold so few independent stretches that what is not shown could hardly have been.
    """
    if any(interval.low is None or interval.high is None for interval in differences.values()):
        return Judgement("too_few")
    ahead = [name for name, interval in differences.items() if interval.low is not None and interval.low > 0]
    if ahead:  # the larger the difference, the better the baseline
        return Judgement("worse", max(ahead, key=lambda name: differences[name].value))
    if all(interval.high is not None and interval.high < 0 for interval in differences.values()):
        return Judgement("better")
    return Judgement("too_few" if few else "undecided")


def on_chosen_rows(judgement: Judgement) -> Judgement:
    """The verdict on rows that chose the model's epoch: they flatter, so they can't show that it is better."""
    return Judgement("undecided") if judgement.verdict == "better" else judgement


def column_tone(words: str) -> Tone:
    """Of a predicted column's words, which know more shades than four: what is no different is not bad news."""
    tones: Mapping[str, Tone] = {"better": "good", "worse": "bad"}
    return tones.get(words, "open")
