"""One verdict of four, one sentence and one tone for it, in the terminal, in JSON and on every page.

A verdict that one place calls bad news and another nothing at all is read by whoever looks at one of them.
"""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gatewise.cli.output import print_headline, verdict_text
from gatewise.evaluation.base import Estimate, Interval
from gatewise.evaluation.verdict import (
    COLOURS,
    SHORT,
    TONES,
    Judgement,
    Verdict,
    judge_differences,
    on_chosen_rows,
)
from gatewise.report import figures
from gatewise.report.html import Pictures, header, render_page
from gatewise.selection.cv.summary import Summary
from gatewise.selection.cv.verdict import judge
from gatewise.selection.luck.fold_interval import LEAST_FOLDS
from gatewise.selection.tuning.verdict import judge_best

SENTENCES = {
    "better": "Better than every baseline",
    "undecided": "Not shown to be better",
    "worse": "Worse than prior",
    "too_few": "Too few independent rows to tell",
}
BEATS = {"better": True, "undecided": None, "worse": False, "too_few": None}
HUES = {"better": "green", "undecided": "yellow", "worse": "red", "too_few": "yellow"}
PLANTED = {
    "better": Interval(-0.2, -0.3, -0.1),
    "undecided": Interval(-0.1, -0.3, 0.1),
    "worse": Interval(0.2, 0.1, 0.3),
    "too_few": Interval(-0.2, None, None, "9 rows are few"),
}
FOUR = pytest.mark.parametrize("verdict", list(SENTENCES))


@FOUR
def test_value_sentence_tone_and_beats_baseline_go_together(verdict: Verdict) -> None:
    judgement = judge_differences({"prior": PLANTED[verdict]})
    assert judgement.to_dict() == {
        "verdict": verdict,
        "headline": SENTENCES[verdict],
        "beats_baseline": BEATS[verdict],
    }
    assert judgement.tone == TONES[verdict]
    assert COLOURS[judgement.tone].terminal == HUES[verdict]
    assert judgement.short.startswith(SHORT[verdict])


def test_the_four_are_all_there_are() -> None:
    assert set(get_args(Verdict)) == set(SENTENCES) == set(TONES) == set(SHORT)


@FOUR
def test_a_terminal_says_the_sentence_in_the_tone_of_the_verdict_and_red_is_for_worse_alone(
    verdict: Verdict, capsys: pytest.CaptureFixture[str]
) -> None:
    judgement = Judgement(verdict, "prior" if verdict == "worse" else "")
    print_headline(judgement)
    assert capsys.readouterr().out == f"{SENTENCES[verdict]}\n"
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, color_system="standard", width=80)
    console.print(verdict_text(judgement))
    red = "\x1b[31m"
    assert (red in drawn.getvalue()) is (verdict == "worse")


@FOUR
def test_a_page_says_the_sentence_in_the_colour_that_its_style_has_for_the_tone(verdict: Verdict) -> None:
    judgement = Judgement(verdict, "prior" if verdict == "worse" else "")
    html = header("report", "a title", judgement, "<p>why</p>")
    assert f'<div class="verdict {TONES[verdict]}"><p class="headline">{SENTENCES[verdict]}</p>' in html
    assert f".{TONES[verdict]} {{ --tone: {COLOURS[TONES[verdict]].page}; }}" in render_page("", [html], Pictures())


@FOUR
def test_a_difference_is_drawn_in_its_verdicts_colour_and_without_an_interval_as_a_point(verdict: Verdict) -> None:
    (trace,) = figures.differences("log loss", {"prior": PLANTED[verdict]}, 0.95).data
    assert trace.line.color == COLOURS[TONES[verdict]].page
    assert len(trace.x) == (1 if verdict == "too_few" else 3)
    assert np.isfinite(trace.x).all()


NUMBERS = st.floats(-10, 10, allow_nan=False)


@st.composite
def intervals(draw: Any) -> Interval:
    low, value, high = sorted(draw(st.tuples(NUMBERS, NUMBERS, NUMBERS)))
    return Interval(value, low, high) if draw(st.booleans()) else Interval(value, None, None, "few")


@given(st.dictionaries(st.sampled_from(["prior", "persistence", "logistic", "xgboost"]), intervals(), min_size=1))
def test_worse_is_never_undecided_nor_undecided_worse(differences: dict[str, Interval]) -> None:
    judgement = judge_differences(differences)
    bounds = [(each.low, each.high) for each in differences.values() if each.low is not None and each.high is not None]
    if len(bounds) < len(differences):
        assert judgement.verdict == "too_few"
        return
    assert (judgement.verdict == "worse") == any(low > 0 for low, _ in bounds)
    assert (judgement.verdict == "better") == all(high < 0 for _, high in bounds)
    assert (judgement.tone == "bad") == (judgement.verdict == "worse")
    if judgement.verdict == "worse":
        low = differences[judgement.baseline].low
        assert low is not None
        assert low > 0
        assert judgement.baseline in judgement.headline


@FOUR
def test_rows_that_chose_the_epoch_cannot_show_a_model_to_be_better_but_can_show_it_to_be_worse(
    verdict: Verdict,
) -> None:
    found = on_chosen_rows(judge_differences({"prior": PLANTED[verdict]}))
    assert found.verdict == ("undecided" if verdict == "better" else verdict)


# --- cross-validation


def compared(*apart: Interval, folds: int = 5, p: float | None = 0.01) -> Any:
    """A verdict over models with these differences to the prior; `p` of the test against snooping."""
    made = [Summary(f"m{k}", 1, folds, {"log_loss": estimate(0.6)}, estimate(*bounds(d))) for k, d in enumerate(apart)]
    made.append(Summary("prior", 1, folds, {"log_loss": estimate(0.7)}, estimate(0.0, 0.0, 0.0)))
    snooping = SimpleNamespace(value=p, periods=0 if p is None else 200, reason="needs 60 moments; got 9")
    return judge(made, SimpleNamespace(snooping=snooping), "log_loss", 0.95)  # type: ignore[arg-type]


def bounds(found: Interval) -> tuple[float, float | None, float | None]:
    return found.value, found.low, found.high


def estimate(mean: float, low: float | None = None, high: float | None = None) -> Estimate:
    return Estimate(mean, 0.1, low, high)


@FOUR
def test_a_cross_validation_of_one_model_has_the_verdict_of_its_difference_to_the_prior(verdict: Verdict) -> None:
    found = compared(PLANTED[verdict])
    assert found.judgement == judge_differences({"prior": PLANTED[verdict]})
    assert found.headline == SENTENCES[verdict]


def test_a_cross_validations_better_takes_the_folds_and_the_test_that_counts_the_choice() -> None:
    lucky = compared(PLANTED["better"], p=0.2)
    assert lucky.judgement.verdict == "undecided"
    assert "luck is not ruled out" in lucky.lines[0]
    uneven = compared(PLANTED["undecided"], p=0.01)
    assert uneven.judgement.verdict == "undecided"
    assert "folds differ too much" in uneven.lines[0]
    assert compared(PLANTED["worse"], PLANTED["better"]).judgement.verdict == "better"


def test_a_cross_validation_is_worse_only_where_every_model_is() -> None:
    assert compared(PLANTED["worse"], PLANTED["worse"], p=0.9).judgement.verdict == "worse"
    assert compared(PLANTED["worse"], PLANTED["undecided"], p=0.9).judgement.verdict == "undecided"


@pytest.mark.parametrize("verdict", ["better", "undecided", "worse"])
def test_two_folds_or_too_few_moments_tell_nothing(verdict: Verdict) -> None:
    two = compared(PLANTED[verdict], folds=LEAST_FOLDS - 1)
    assert two.judgement.verdict == "too_few"
    assert two.lines[0] == "A verdict takes 3 folds; there are 2."
    short = compared(PLANTED[verdict], p=None)
    assert short.judgement.verdict == "too_few"
    assert "needs 60 moments" in short.lines[0]


def test_a_prior_far_below_the_models_error_is_no_0() -> None:
    made = [
        Summary("m", 1, 1, {"rmse": estimate(12_345.678)}, estimate(12_345.677)),
        Summary("prior", 1, 1, {}, estimate(0)),
    ]
    snooping = SimpleNamespace(value=None, periods=0, reason="x")
    lines = judge(made, SimpleNamespace(snooping=snooping), "rmse", 0.95).lines  # type: ignore[arg-type]
    assert any("the prior's is 0.00100;" in line for line in lines)


# --- tuning


def chosen(*apart: float, trials: int = 1) -> Any:
    prior = np.linspace(0.6, 0.8, len(apart))
    return judge_best(prior + apart, prior, test_to_train=0.3, trials=trials, confidence=0.95)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verdict", "apart"),
    [
        ("better", (-0.2, -0.21, -0.19, -0.2, -0.2)),
        ("undecided", (-0.2, 0.2, -0.1, 0.0, 0.0)),
        ("worse", (0.2, 0.21, 0.19, 0.2, 0.2)),
        ("too_few", (-0.2, -0.21)),
    ],
)
def test_a_search_has_one_of_the_same_verdicts(verdict: Verdict, apart: tuple[float, ...]) -> None:
    found = chosen(*apart, trials=10)
    assert found.judgement.to_dict() == {
        "verdict": verdict,
        "headline": SENTENCES[verdict],
        "beats_baseline": BEATS[verdict],
    }
    assert (found.against_prior.low is None) is (verdict == "too_few")
    assert found.line(3, "log_loss", 0.7).startswith("Trial 3, the best of 10: log loss ")


def test_the_more_trials_a_best_one_was_chosen_among_the_more_it_takes_to_be_better_and_no_less_to_be_worse() -> None:
    alone, of_many = chosen(-0.1, -0.12, -0.08, trials=1), chosen(-0.1, -0.12, -0.08, trials=50)
    assert (alone.judgement.verdict, of_many.judgement.verdict) == ("better", "undecided")
    assert of_many.against_prior.low == alone.against_prior.low
    assert of_many.against_prior.value == alone.against_prior.value == pytest.approx(-0.1)


def test_the_best_of_many_searches_in_noise_is_rarely_called_better() -> None:
    """Twenty settings that know nothing, scored on five folds: the lowest looks better than the prior every time."""
    rng = np.random.default_rng(0)
    rounds, counted, alone = 400, 0, 0
    for _ in range(rounds):
        apart = rng.normal(0, 0.1, size=(20, 5))
        best = apart[apart.mean(axis=1).argmin()]
        counted += chosen(*best, trials=20).judgement.verdict == "better"
        alone += chosen(*best, trials=1).judgement.verdict == "better"
    assert counted / rounds < 0.025 < alone / rounds  # an interval at 95 % leaves as much on each side
