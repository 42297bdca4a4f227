"""A run's numbers are one table wherever people read them: other digits or names would read as other numbers."""

from __future__ import annotations

import re

import pytest

import gatewise as gw
from conftest import TINY, Cli
from gatewise.evaluation.base import Interval
from gatewise.evaluation.metric_names import METRICS, metric_difference
from gatewise.evaluation.side_by_side import best_first, side_by_side
from test_answers import answer

NUMBER = re.compile(r"[-+]?\d[\d,.]*%?")


def table(lines: list[str], start: str) -> list[str]:
    """The lines of the first table whose head begins so, without spaces, as columns are as wide as their heads."""
    first = next(n for n, line in enumerate(lines) if line.strip().startswith(start))
    last = next((n for n, line in enumerate(lines) if n > first and not line.strip()), len(lines))
    return ["".join(line.split()) for line in lines[first + 1 : last]]


@pytest.mark.parametrize("target", ["triple_barrier", "forward_return"])
def test_the_answer_of_a_training_its_print_and_the_list_of_runs_say_the_same_numbers(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    answered = answer(cli, monkeypatch, "train", *TINY, "--target", target, "--max-epochs", 1, "-q")
    run_id = next(line.split()[1] for line in answered if line.startswith("run "))
    shown = answer(cli, monkeypatch, "runs", "show", run_id)
    listed = answer(cli, monkeypatch, "runs", "list")
    printed = str(gw.load(run_id)).splitlines()
    assert len(table(answered, "test, ")) > 2
    assert table(shown, "test, ") == table(answered, "test, ")
    for whole, mine in zip(table(answered, "test, "), table(printed, "model "), strict=True):
        assert whole.startswith(mine) or mine.startswith(whole), "columns that have no room stand below, or nowhere"
    assert printed[0] == answered[0]
    deciding = NUMBER.findall(printed[0])
    assert len(deciding) == 2, "the headline says the numbers behind it"
    assert all(text in " ".join(listed) for text in deciding)


def test_the_best_baseline_stands_beside_the_model_and_a_number_has_its_metrics_digits() -> None:
    one = {"log_loss": Interval(1.0, 0.9, 1.1), "ece": Interval(0.1, None, None)}
    others = {
        "prior": {"log_loss": Interval(1.05, None, None), "ece": Interval(0.00659, None, None)},
        "logistic": {"log_loss": Interval(0.98, None, None), "ece": Interval(0.089, None, None)},
    }
    head, lines = side_by_side(one, others, 0.95, best_first(others))
    assert head == ["model", "95% interval", "logistic", "prior"]
    assert lines == [
        ["log loss", "1.0000", "[0.9000, 1.1000]", "0.9800", "1.0500"],
        ["ECE", "10.0%", "", "8.9%", "0.7%"],
    ]


@pytest.mark.parametrize("metric", METRICS)
def test_a_difference_is_signed_and_in_its_metrics_unit(metric: str) -> None:
    text = metric_difference(metric, Interval(0.25, -0.5, 0.75), 1.0)
    parts = re.fullmatch(r"([+-])[\d.]+(%?) \[([+-])[\d.]+(%?), ([+-])[\d.]+(%?)\]", text)
    assert parts is not None
    unit = "%" if METRICS[metric].percent else ""
    assert parts.groups() == ("+", unit, "-", unit, "+", unit)
    assert metric_difference(metric, Interval(0.25, None, None), 1.0) == text.partition(" ")[0]
