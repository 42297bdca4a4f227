"""What commands answer people: the verdict first, tables that a terminal of 80 columns holds, digits by metric.

A line that a terminal breaks by itself breaks in the middle of a number, and that reads as two others.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from audit_tables import random_walk
from conftest import TINY, Cli
from gatewise.cli.output import newer_rows
from gatewise.cli.tune_progress import TuneProgress
from gatewise.config.schema import DataConfig
from gatewise.evaluation.base import Estimate, Interval
from gatewise.evaluation.metric_names import METRICS, metric_head, metric_interval, metric_spread, metric_text
from gatewise.models.registry import MODELS
from gatewise.selection.tuning.trials import TrialRow

HEADLINES = "Better than every baseline|Not shown to be better|Worse than \\w+|Too few independent rows to tell"
SAID = re.compile(r"\x1b\[[0-9;]*m")
# Paths and commands are to be copied, so they are never broken.
PLACES = re.compile(r"^(files|  gatewise|gatewise )|/", re.MULTILINE)


def answer(cli: Cli, monkeypatch: pytest.MonkeyPatch, *words: object) -> list[str]:
    """The lines on stdout of a terminal of 80 columns, colours left out."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    said = cli(*words)
    assert said.code in (0, 1), said.err
    return SAID.sub("", said.out).strip("\n").split("\n")


def require_narrow(lines: list[str]) -> None:
    assert not [line for line in lines if len(line.rstrip()) > 80 and not PLACES.search(line)]


@pytest.mark.parametrize("target", ["triple_barrier", "forward_return", "next_row"])
def test_the_answer_of_a_training_begins_with_the_verdict_and_fits_80_columns(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    named = ("--run-name", f"a {target}")
    lines = answer(cli, monkeypatch, "train", *TINY, "--target", target, "--max-epochs", 1, "-q", *named)
    require_narrow(lines)
    assert re.match(HEADLINES, lines[0])
    assert lines[2].startswith("test, ")
    assert lines.index("next:") > len(lines) - 6
    assert any(re.fullmatch(rf"run +[0-9a-f]{{32}}  a {target}", line) for line in lines)


def test_the_answer_of_a_cross_validation_fits_80_columns(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = answer(cli, monkeypatch, "cv", *TINY, "--n-splits", 3, "--workers", 1, "-q", "--max-epochs", 1)
    require_narrow(lines)
    assert re.match(HEADLINES, lines[0])
    assert " ± " in lines[3]
    assert any(re.match(r"cv +[0-9a-f]{32}  \S+", line) for line in lines)


@pytest.mark.parametrize("fault", ["", "\n2023-11-10 00:01,3"])
def test_the_answer_of_a_check_begins_with_whether_rows_are_fit_to_train_on(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str
) -> None:
    file = tmp_path / "X.csv"
    file.write_text("time,close\n2023-11-10 00:00,1\n2023-11-10 00:01,2\n2023-11-10 00:02,1" + fault, encoding="utf-8")
    lines = answer(cli, monkeypatch, "data", "check", file, "-q")
    require_narrow(lines)
    assert lines[0].startswith("not fit to train on" if fault else "fit to train on")
    assert any(line.startswith("duplicates") for line in lines) is bool(fault)
    assert any("duplicates" in line for line in lines[-6:]) is not bool(fault)


def test_many_symbols_and_models_fit_80_columns(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    random_walk(400, 0, "AB").frame.write_parquet(file)
    words = (
        *("train", "--data", file, "--stamp", "close", "--horizon", 1, "--seq-len", 3, "--target", "direction"),
        *("--model", "logistic", "--set", "features.sets=[ohlcv]", "--set", "split.embargo_rows=2", "-q"),
    )
    together = answer(cli, monkeypatch, *words)
    require_narrow(together)
    assert any(line.startswith("symbol by symbol") for line in together)
    require_narrow(answer(cli, monkeypatch, *words, "--per-symbol", "--workers", 1))


def test_the_zoo_and_presets_read_well_in_80_columns(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = answer(cli, monkeypatch, "models", "list")
    require_narrow(lines)
    assert [line.split()[0] for line in lines[: lines.index("")]] == ["name", *MODELS]
    require_narrow(answer(cli, monkeypatch, "models", "show", "attentive_lstm"))
    require_narrow(answer(cli, monkeypatch, "train", "--preset", "list"))


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("log_loss", 1.03096, "1.0310"),
        ("accuracy", 0.50543, "50.5%"),
        ("precision_up", 0.3333, "33.3%"),
        ("macro_f1", 0.33119, "0.331"),
        ("f1_up", 0.33119, "0.331"),
        ("weighted_f1", 0.33119, "0.331"),
        ("brier", 0.61788, "0.6179"),
        ("ece", 0.0902, "9.0%"),
        ("ece", 0.00659, "0.7%"),
        ("rmse", 12345.678, "12,346"),
        ("rmse_close", 0.012345, "0.01235"),
        ("r2", -0.5, "-0.500"),
        ("r2", -0.00591, "-0.006"),
        ("r2", 0.00002, "0.00002"),
        ("directional_accuracy_close", 0.5, "50.0%"),
        ("ece", 0.00004, "0.004%"),
    ],
)
def test_a_metric_has_its_digits_wherever_it_stands(metric: str, value: float, text: str) -> None:
    assert metric_text(metric, value) == text


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_its_spread_and_its_bounds_are_written_alike(metric: str) -> None:
    unit = "%" if METRICS[metric].percent else ""
    text = metric_text(metric, 0.5)
    bounds = metric_interval(metric, Interval(0.5, 0.25, 0.75), 0.5)
    assert re.fullmatch(rf"\[[\d.]+{unit}, [\d.]+{unit}\]", bounds)
    assert len(bounds) == 2 * len(text) + 4
    mean, _, std = metric_spread(metric, 0.5, 0.25).partition(" ± ")
    assert (mean, len(std)) == (text, len(text))
    assert metric_interval(metric, Estimate(0.5, None, None, None), 0.5) == ""
    assert metric_spread(metric, 0.5, None) == text
    assert len(metric_head(metric)) <= 12


def test_a_score_that_is_no_number_is_shown_as_that() -> None:
    assert metric_text("log_loss", float("nan"), 0.89) == metric_text("rmse", float("nan")) == "nan"


@pytest.mark.parametrize(("metric", "text"), [("log_loss", "0.6904"), ("rmse", "82.456"), ("pinball", "1.3213")])
def test_a_trial_is_told_in_its_metrics_digits(capsys: pytest.CaptureFixture[str], metric: str, text: str) -> None:
    row = TrialRow(1, "COMPLETE", float(f"{text}0001"), {}, (1.0,), None)
    with TuneProgress(quiet=False) as progress:
        progress.on_study(3, 1, [], metric)
        progress.on_trial(row)
    assert f"Trial 1 of 3:  {text}  best {text} (trial 1)" in capsys.readouterr().err


def test_people_read_one_percent_sign() -> None:
    source = Path(__file__).parents[1] / "src" / "gatewise"
    for path in source.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
        texts = [n for n in ast.walk(tree) if isinstance(n, ast.Constant | ast.JoinedStr) and id(n) not in notes]
        apart = [text for text in map(ast.unparse, texts) if re.search(r"[\d}] %(?![-\w%(])", text)]
        assert not apart, f"{path.name}: 2 % beside 2.0%"


def test_people_read_one_minus_sign() -> None:
    source = Path(__file__).parents[1] / "src" / "gatewise"
    assert not [path for path in source.rglob("*.py") if "\u2212" in path.read_text(encoding="utf-8")]
    assert not [path for path in source.rglob("*.html") if "\u2212" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize(
    ("source", "flags"),
    [
        ("files", "--data NEW_ROWS.csv"),
        ("frame", "--data NEW_ROWS.csv"),
        ("lake", "--source lake"),
        ("sp500", "--source sp500"),
    ],
)
def test_what_to_do_next_reads_newer_rows_of_the_source_that_was_trained_on(source: str, flags: str) -> None:
    assert newer_rows(DataConfig.model_construct(source=source)) == flags
