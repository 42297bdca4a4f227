"""What people read in a terminal: a number that is broken over two lines reads as two other numbers."""

from __future__ import annotations

import re
import sys

import pytest

from gatewise.cli.output import print_sentence, print_table

METRICS = ("log_loss", "accuracy", "macro_f1", "brier", "ece", "directional_accuracy")
COLUMNS = ["part", "who", *METRICS]
ROWS = [
    ["test", "model", *("0.654" for _ in METRICS)],
    ["", "  95% interval", *("" if name == "ece" else "[0.612, 0.703]" for name in METRICS)],
    ["test", "logistic", *("0.655" for _ in METRICS)],
]


def pretend_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)


def test_a_table_too_wide_for_the_terminal_is_stacked_and_every_part_names_its_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend_terminal(monkeypatch)
    print_table("", COLUMNS, ROWS)
    out = re.sub(r"\x1b\[[0-9]+m", "", capsys.readouterr().out)  # bold heads
    parts = [part.splitlines() for part in out.rstrip("\n").split("\n\n")]
    assert len(parts) == 2
    assert all(len(line.rstrip()) <= 80 for part in parts for line in part)
    assert [part[0].split()[:2] for part in parts] == [["part", "who"]] * 2
    assert [name for part in parts for name in part[0].split()[2:]] == list(METRICS)
    assert [part[3].split()[:2] for part in parts] == [["test", "logistic"]] * 2
    numbers = [cell for part in parts for cell in part[1].split()[2:]]
    assert numbers == ["0.654"] * len(METRICS)


def test_a_table_that_goes_elsewhere_has_a_line_a_row_however_narrow_a_terminal_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_table("", COLUMNS, ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(ROWS)
    assert lines[0].split() == COLUMNS


def test_a_sentence_is_wrapped_between_words_and_its_bullet_stands_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend_terminal(monkeypatch)
    text = "lstm@5: log loss 0.6931; difference -0.0012 [-0.0100, +0.0076] at 95% over 5 folds: not shown. " * 3
    print_sentence(text.strip(), "- ")
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert all(line.startswith("- " if not number else "  ") for number, line in enumerate(lines))
    assert " ".join(line[2:] for line in lines).split() == text.split()
