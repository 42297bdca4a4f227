"""The report is opened long after the run, on a machine without network, by someone who decides on it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from gatewise.config.load import load_config
from gatewise.config.schema import EvaluationConfig, ExperimentConfig, TargetConfig
from gatewise.data.table import Table
from gatewise.errors import StorageError
from gatewise.evaluation.base import Interval, fixed, shown
from gatewise.evaluation.diebold_mariano import p_text
from gatewise.evaluation.evaluate import evaluate_parts
from gatewise.evaluation.interval_words import bounds_text, without_interval
from gatewise.evaluation.verdict import TONES, Verdict
from gatewise.features.base import FeatureMatrix
from gatewise.report import html
from gatewise.report.data import Predicted, ReportData, thinned
from gatewise.report.figures import residuals
from gatewise.report.gather import gather_report, split_stretches
from gatewise.report.run import render, write_report
from gatewise.report.run_figures import learning_curves
from gatewise.samples import Samples
from gatewise.splits.base import Spans, Split
from gatewise.targets.base import Labels
from gatewise.targets.make import make_labels, output_spec

N = 1_200


def make_table(symbols: int = 1) -> Table:
    start = datetime(2021, 3, 1, tzinfo=UTC)
    time = pl.datetime_range(start, start + timedelta(hours=N - 1), "1h", eager=True, time_unit="us")
    close = 100 + np.cumsum(np.random.default_rng(0).normal(size=N)) / 10
    frames = [pl.DataFrame({"symbol": [f"S{k}"] * N, "time": time, "close": close}) for k in range(symbols)]
    return Table(pl.concat(frames), timedelta(hours=1), timedelta(hours=1))


def make_report(
    kind: str = "triple_barrier",
    classes: tuple[str, ...] = ("down", "flat", "up"),
    symbols: int = 1,
    verdict: Verdict | None = None,
) -> ReportData:
    """A report on noise; with `verdict` on a model of classes whose predictions, or whose few rows, earn that one."""
    table, rng = make_table(symbols), np.random.default_rng(1)
    x = rng.normal(size=(N, 3)).astype(np.float32)
    known = np.where(np.arange(N) < N - 1, np.arange(N) + 1, -1)
    if kind == "triple_barrier":
        labels = Labels(rng.integers(0, len(classes), N), known, known >= 0, output_spec(TargetConfig(), classes))
    elif kind == "next_row":
        labels = make_labels(table, TargetConfig(kind="next_row", horizon=1))
    else:
        labels = Labels(
            rng.normal(size=(N, 1)).astype(np.float32),
            known,
            known >= 0,
            output_spec(TargetConfig(kind="forward_return"), (kind,), "log return"),
        )
    rows = np.arange(20, N - 1)
    tested = rows[920:935] if verdict == "too_few" else rows[920:]
    split = Split(rows[:700], rows[720:900], tested, 30, 10, 5 * 3_600_000_000, (0, 0))
    spans = Spans(rows, table.time_us[rows], table.time_us[rows], table.time_us[rows + 1])
    matrix = FeatureMatrix(x, np.ones(N, dtype=bool), ("a", "b", "c"), 2)
    samples = Samples(table, matrix, labels, rows, spans, 10, 1)
    config: ExperimentConfig = load_config(None, [f"target.kind={kind}", "target.horizon=1"])
    parts = {"val": split.val, "test": split.test}
    width = len(classes) if labels.classes else 1
    predictions = {part: rng.dirichlet(np.full(width, 20.0), len(r)) for part, r in parts.items()}
    if not labels.classes:
        predictions = {part: rng.normal(size=(len(r), 1)) * 0.1 for part, r in parts.items()}
    if verdict is not None:
        predictions = {part: earning(verdict, labels.y[r], rng) for part, r in parts.items()}
    evaluation = evaluate_parts(
        table, labels, split.train, parts, predictions, lambda r: x[r],
        target=config.target, spec=EvaluationConfig(bootstrap_samples=50), seed=0,
    )  # fmt: skip
    history = [{"train_loss": 1 / k, "val_loss": 1.1 / k, "learning_rate": 1e-3 / k} for k in range(1, 8)]
    return gather_report(config, samples, split, evaluation, predictions, history, 7, {"Run": "abc123"})


def earning(verdict: Verdict, y: npt.NDArray[Any], rng: np.random.Generator) -> npt.NDArray[Any]:
    """Probabilities [n, 3] that the truth, the wrong class or none in particular is behind."""
    if verdict == "undecided":
        return rng.dirichlet(np.full(3, 2_000.0), len(y))
    return np.eye(3)[(y + (verdict == "worse")) % 3] * 0.5 + 0.5 / 3


@pytest.fixture(scope="module")
def report() -> ReportData:
    return make_report()


@pytest.fixture(scope="module")
def page(report: ReportData) -> str:
    return render(report)


class Elements(HTMLParser):
    """Collects start tags and the text of scripts and of everything else."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.lasttag == "script" and self.scripts:
            attrs, so_far = self.scripts[-1]
            self.scripts[-1] = (attrs, so_far + data)
        else:
            self.text += data


def test_the_page_asks_for_nothing_and_its_policy_forbids_what_a_script_could_ask_for(page: str) -> None:
    found = Elements(page)
    for tag, attrs in found.tags:
        assert not {"src", "href", "srcset", "data", "action", "poster"} & set(attrs), (tag, attrs)
        assert tag not in {"link", "iframe", "img", "object", "embed", "base"}
    policy = next(a["content"] for t, a in found.tags if t == "meta" and a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    own = [text for attrs, text in found.scripts if attrs.get("type") == "application/json" or len(text) < 10_000]
    assert not any("http:" in text or "https:" in text for text in own)


def test_every_picture_has_its_frame_and_data_that_are_json(page: str) -> None:
    found = Elements(page)
    frames = [a["id"] for t, a in found.tags if t == "div" and a.get("class") == "plot"]
    drawn = {a["data-plot"]: json.loads(text) for a, text in found.scripts if a.get("type") == "application/json"}
    assert frames == list(drawn)
    assert len(frames) == 2 + 2 * 3 + 1 + 2
    assert all(figure["data"] for figure in drawn.values())


def test_the_page_says_the_verdict_and_holds_every_number_that_the_evaluation_found(
    report: ReportData, page: str
) -> None:
    text = Elements(page).text
    test = report.evaluation.parts["test"]
    assert test.summary in text
    assert test.headline in text
    for result in report.evaluation.parts.values():
        for found in (result.metrics, *result.baselines.values()):
            for name, digits in {"log_loss": ".4f", "brier": ".4f", "macro_f1": ".3f", "accuracy": ".1%"}.items():
                assert f"{found[name].value:{digits}}" in text
                if found[name].low is not None:
                    assert f"{found[name].low:{digits}} to {found[name].high:{digits}}" in text
    assert test.tests is not None
    assert "Diebold-Mariano p, model beside it" in text
    assert all(p_text(one.p) in text for one in test.tests.diebold_mariano.values() if one.p is not None)
    for words in ("2021-03-01", "S0", "purge_rows: 0", "hidden_size: 256", "abc123", "700 windows", "No Sharpe ratio"):
        assert words in text, words


@pytest.mark.parametrize("verdict", list(TONES))
def test_each_verdict_is_the_same_in_the_json_and_at_the_top_of_the_page_and_every_number_is_finite(
    verdict: Verdict,
) -> None:
    report = make_report(verdict=verdict)
    evaluation, page = report.evaluation, render(report)
    assert evaluation.judgement.verdict == evaluation.to_dict()["parts"]["test"]["verdict"] == verdict
    assert f'<div class="verdict {TONES[verdict]}"><p class="headline">{evaluation.judgement.headline}</p>' in page
    assert ('class="verdict bad"' in page) is (verdict == "worse")
    body = page[: page.index("<script")]
    assert not re.search(r"\b(nan|None|inf)\b", body)
    json.dumps(evaluation.to_dict(), allow_nan=False)
    if verdict == "too_few":
        test = evaluation.parts["test"]
        assert {(found.low, found.high) for found in test.metrics.values()} == {(None, None)}
        assert "No interval: " in body
        assert all(len(trace["x"]) == 1 for trace in drawn_figures(page)[0]["data"])


def test_a_missing_interval_has_its_reason_once_and_names_metrics_and_whose_they_are() -> None:
    whole, few, flat = Interval(1.0, 0.9, 1.1), Interval(1.0, reason="too few"), Interval(1.0, reason="no spread")
    everyone = {
        "model": {"log_loss": whole, "f1_up": few, "ece": few},
        "prior": {"log_loss": flat, "f1_up": whole, "ece": few},
        "last": {"log_loss": flat, "f1_up": whole, "ece": few},
    }
    assert without_interval(everyone, ["log_loss", "f1_up", "ece"]) == [
        "No interval of F1 up, calibration error (model); of calibration error (prior, last): too few.",
        "No interval of log loss (prior, last): no spread.",
    ]
    lacking = {"val": {"rmse": few, "r2": few}, "test": {"rmse": few, "r2": few}}
    assert without_interval(lacking, ["rmse", "r2"]) == ["No interval: too few."]
    assert without_interval(lacking, ["r2"]) == ["No interval: too few."]


def test_a_baseline_without_an_interval_has_its_reason_on_the_page() -> None:
    report = make_report()
    test = report.evaluation.parts["test"]
    test.baselines["prior"]["log_loss"] = Interval(1.0, reason="the prior never moves")
    assert "No interval of log loss (prior): the prior never moves." in Elements(render(report)).text


def test_names_from_data_cannot_break_out_of_the_page() -> None:
    evil = "</script><script>alert(1)</script>"
    found = Elements(render(make_report(classes=("down", evil, "up"))))
    assert sum(t == "script" for t, _ in found.tags) == len(found.scripts)
    assert not any(text.startswith("alert") for _, text in found.scripts)
    assert evil in found.text


@given(st.text(min_size=1))
def test_whatever_text_a_piece_is_given_is_text_on_the_page(text: str) -> None:
    """The parser reads CR as LF, as browsers do; NUL is no character of HTML."""
    text = text.replace("\r", "").replace("\0", "") or "<"
    pieces = [
        html.paragraph(text), html.bullets([text]), html.columns({text: text}), html.facts({text: {text: text}}),
        html.folded(text, text), html.preformatted(text), html.section(text, [text]),
        html.table(text, text, [text], [html.Line(text, [html.Cell(text, text, bold=True), html.Cell(text)])]),
    ]  # fmt: skip
    tags = {"p", "ul", "li", "div", "dl", "dt", "dd", "h2", "h3", "details", "summary", "pre", "section", "table"}
    tags |= {"thead", "tbody", "tr", "td", "th", "b", "small"}
    found = Elements("".join(pieces))
    assert {tag for tag, _ in found.tags} == tags
    assert found.text == 18 * text
    assert [attributes["aria-label"] for tag, attributes in found.tags if tag == "table"] == [text]


def test_a_value_that_a_template_lacks_is_an_error_not_a_blank() -> None:
    with pytest.raises(UndefinedError):
        html._piece("bullets")


def drawn_figures(page: str) -> list[dict[str, Any]]:
    return [json.loads(text) for attrs, text in Elements(page).scripts if attrs.get("type") == "application/json"]


def test_predicted_columns_have_a_table_of_verdicts_and_a_picture_at_the_moment_that_each_value_is_for() -> None:
    report = make_report("next_row")
    page = render(report)
    text = Elements(page).text
    assert "Test: column by column, beside the last value" in text
    assert "close: predicted and actual" in text
    rows = report.predicted["test"]
    assert rows.start is not None
    assert np.all(rows.known_us[:, 0] > rows.time_us)
    pictures = [f for f in drawn_figures(page) if {t.get("name") for t in f["data"]} >= {"actual", "predicted"}]
    assert len(pictures) == 2
    actual = next(trace for trace in pictures[0]["data"] if trace["name"] == "actual")
    assert np.datetime64(actual["x"][0]) == rows.known_us[0, 0].astype("datetime64[us]")
    for found in report.evaluation.parts["test"].columns.values():
        assert found.words in text


def test_several_series_are_not_drawn_as_one_line() -> None:
    report = make_report("next_row", symbols=2)
    assert report.predicted["test"].start is None
    assert "close: actual over predicted" in Elements(render(report)).text


def test_a_regression_report_shows_predicted_and_actual_and_errors() -> None:
    text = Elements(render(make_report("forward_return"))).text
    assert "forward return: actual over predicted" in text
    assert "forward return: errors in time" in text
    assert "Confusion matrix" not in text


def test_the_file_is_whole_or_absent_and_not_too_large(
    report: ReportData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run" / "report.html"
    write_report(path, report)
    assert path.stat().st_size < 6_000_000
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageError, match="No space left"):
        write_report(path, report)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    kept = thinned(80_000)
    assert len(kept) == 2_000
    assert (kept[0], kept[-1]) == (0, 79_999)
    assert np.ptp(np.diff(kept)) <= 1
    assert thinned(5).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("epochs", "step"), [(2, 1), (3, 1), (12, 1), (13, None)])
def test_each_of_a_few_epochs_has_its_own_tick(epochs: int, step: int | None) -> None:
    history = [{"train_loss": 1.0, "val_loss": 1.0, "learning_rate": 1e-3}] * epochs
    assert learning_curves(history, best_epoch=1).layout.xaxis2.dtick == step


def test_the_last_date_under_the_errors_has_room_beside_their_histogram() -> None:
    values = np.zeros((5, 1))
    axes = residuals(Predicted(np.arange(5), values, values, np.arange(5)), 0, "close").layout
    assert axes.xaxis2.domain[0] - axes.xaxis.domain[1] > 0.08


def test_the_split_in_time_is_told_symbol_by_symbol() -> None:
    table = make_table(symbols=2)
    rows = np.concatenate([np.arange(10, 110), N + np.arange(10, 110)])
    train = np.concatenate([np.arange(10, 60), N + np.arange(10, 60)])
    test = np.concatenate([np.arange(70, 110), N + np.arange(70, 110)])
    none = np.empty(0, dtype=np.int64)
    found = split_stretches(table, rows, Split(train, none, test, 20, 0, 0, (0,)))
    assert [(s.lane, s.kind, s.rows) for s in found] == [
        (lane, kind, count) for lane in ("S0", "S1") for kind, count in (("train", 50), ("purged", 10), ("test", 40))
    ]
    assert found[0].start_us == table.time_us[10]
    assert found[0].end_us == table.time_us[59]


def test_a_number_of_which_nothing_is_left_has_no_minus() -> None:
    assert fixed(-0.00001, 4) == "0.0000"
    assert fixed(-0.00001, 4, "+") == "+0.0000"
    assert fixed(-1234.56, 1, "+,") == "-1,234.6"


@given(exponent=st.integers(-9, 9), digits=st.floats(1, 9.99), places=st.integers(0, 6), sign=st.sampled_from([1, -1]))
def test_a_number_that_is_not_0_is_never_shown_as_0(exponent: int, digits: float, places: int, sign: int) -> None:
    value = sign * digits * 10.0**exponent
    assert float(shown(value, places)) == pytest.approx(value, rel=0.06)
    assert shown(0.0, places) == fixed(0.0, places)
    if abs(value) >= 10.0 ** (1 - places):
        assert shown(value, places) == fixed(value, places), "where there are digits enough, none is added"


def test_a_value_that_cant_come_out_otherwise_is_shown_without_bounds() -> None:
    third = 1 / 3
    assert bounds_text(Interval(third, third - 1e-11, third + 1e-11), 4) == ""
    assert bounds_text(Interval(0.0, 0.0, 0.0), 4) == ""
    assert bounds_text(Interval(third, None, None), 4) == ""
    assert bounds_text(Interval(third, 0.3, 0.4), 2) == "[0.30, 0.40]"
