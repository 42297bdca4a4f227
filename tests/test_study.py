"""The volatility study: one held-out newest part, the same rows for every line, a headline that luck does not earn.

A study that judged lines on different rows, or called the best of many better because it is the best, would still print
a tidy table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import gatewise as gw
from conftest import Cli
from cv_worlds import Ear
from gatewise.api.study import StudyResult
from gatewise.cli import cv_progress
from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import Table
from gatewise.errors import ConfigError, GatewiseError, Interrupted, UnknownNameError
from gatewise.evaluation.base import Estimate
from gatewise.evaluation.diebold_mariano import diebold_mariano
from gatewise.files import write_json
from gatewise.jobs.jobs import Job, JobFailure, JobResult
from gatewise.selection.cv.pairs import Pairs
from gatewise.selection.cv.summary import Summary
from gatewise.selection.cv.verdict_beside import judge_beside
from gatewise.selection.luck.overfitting import overfitting_report
from gatewise.selection.study.plan import plan_study
from gatewise.selection.study.settings import BEFORE_ROWS, study_settings
from gatewise.training import timed_steps

SMALL = {
    "seq_len": 4, "hidden_size": 3, "num_layers": 1, "max_epochs": 2, "batch_size": 64, "device": "cpu",
    "stamp": "close", "settings": {"training.warmup_epochs": 0, "features.sets": [], "evaluation.confidence": 0.9},
}  # fmt: skip


def bars(count: int = 700, seed: int = 0) -> pl.DataFrame:
    """Daily bars whose volatility comes and goes."""
    draw = np.random.default_rng(seed)
    log_vol = np.zeros(count)
    for day in range(1, count):
        log_vol[day] = 0.95 * log_vol[day - 1] + 0.25 * draw.standard_normal()
    steps = draw.standard_normal((count, 20)) * np.exp(log_vol)[:, None] * 0.002
    path = 100 * np.exp(np.cumsum(steps.ravel())).reshape(count, 20)
    first = datetime(2015, 1, 1)
    times = pl.datetime_range(first, first + timedelta(days=count - 1), "1d", eager=True)
    return pl.DataFrame(
        {
            "time": times, "open": path[:, 0], "high": path.max(axis=1), "low": path.min(axis=1), "close": path[:, -1],
            "volume": np.ones(count),
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A GATEWISE_HOME of this file's own, where steps are measured in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWISE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr(timed_steps, "PACED_SECONDS", 0.0)
        yield Path(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def studied(home: Path) -> StudyResult:
    return gw.study("volatility", bars(), models="lstm", max_time="1h", progress=False, **SMALL)


@pytest.mark.trains
def test_every_line_is_judged_on_the_newest_quarter_and_nothing_else(studied: StudyResult) -> None:
    found = studied.out_of_fold
    rows = {name: part["time"].sort() for (name,), part in found.group_by("model")}
    assert all(part.equals(rows["prior"]) for part in rows.values())
    assert {f"{name}{end}" for name in ("lstm", "ridge", "har_log") for end in ("", "+online")} <= rows.keys()
    labelled = 700 - 22  # rows whose history of 22 days is there, and which a day follows
    assert len(rows["prior"]) == labelled // 4
    assert rows["prior"].max() == bars()["time"].dt.replace_time_zone("UTC")[-2], "the last day has no next"


@pytest.mark.trains
def test_the_table_is_what_the_predictions_give_by_hand(studied: StudyResult) -> None:
    table, first = studied.table, studied.outcome.pairs.beside[1][0]
    assert table["qlike"].is_sorted()
    assert {"lstm", "ridge", "random_walk", "mean_5"} <= set(table["model"])
    assert "prior" not in set(table["model"])
    losses = {}
    for (name,), part in studied.out_of_fold.sort("time").group_by("model", maintain_order=True):
        apart = 2 * (part["target_log_volatility"] - part["log_volatility"]).to_numpy()
        losses[name] = np.exp(apart) - apart - 1
    for line in table.filter(pl.col("model").is_in(list(losses))).iter_rows(named=True):
        assert line["qlike"] == pytest.approx(losses[line["model"]].mean(), rel=1e-5)
        assert line["ratio"] == pytest.approx(losses[line["model"]].mean() / losses[first].mean(), rel=1e-5)
        if line["model"] != first:
            test = diebold_mariano(losses[line["model"]], losses[first], 1)
            assert line[f"dm_p_{first}"] == pytest.approx(test.p, rel=1e-3)
            assert (line["ratio_low"] > 1 or line["ratio_high"] < 1) == (test.p < 0.1)


@pytest.mark.trains
def test_it_leaves_a_page_two_tables_and_one_headline(studied: StudyResult) -> None:
    folder = studied.outcome.folder
    page = Path(studied.report()).read_text(encoding="utf-8")
    assert page.count('class="plot"') == 3
    assert "Frozen beside updated" in page
    assert "DM p is below 0.1 and" in page
    verdict, below = page.split("Side by side", 1)
    assert " updated: QLIKE" not in verdict  # the head says which line is best, and what stands in the way
    assert "ridge updated: QLIKE" in below  # by the name that the table has
    assert '"dtick":"D2"' in below  # of volatility's log axis: nine digits run together
    assert pl.read_csv(folder / "table.csv")["model"].to_list() == studied.table["model"].to_list()
    assert len([line for line in studied.markdown.splitlines() if line.startswith("|")]) == studied.table.height + 2
    answer = studied.to_dict()
    json.dumps(answer, allow_nan=False)
    assert answer["headline"] == studied.headline
    for text in (page, studied.markdown, str(studied)):
        assert studied.headline in text
    assert max(map(len, str(studied).splitlines())) <= 80
    assert answer["study"]["table"] == studied.table.to_dicts()


@pytest.mark.trains
def test_a_study_that_was_cut_off_keeps_what_is_finished_and_ends_as_one_that_was_not(
    studied: StudyResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(self: Ear, job: Job, answer: JobResult | JobFailure) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cv_progress.CvProgress, "on_end", cut)
        with pytest.raises(Interrupted) as caught:
            gw.study("volatility", bars(), models="lstm", max_time="1h", progress=False, **SMALL)
    said = str(caught.value)
    assert 'gatewise.study("volatility", rows, resume="' in said
    resume = said.split('resume="')[1].split('"')[0]
    with pytest.raises(ConfigError, match="own settings"):
        gw.study("volatility", bars(), resume=resume, max_time="2h", progress=False)
    rest = gw.study("volatility", bars(), resume=resume, progress=False)
    assert rest.outcome.resumed == 1
    assert rest.table.drop("seconds").equals(studied.table.drop("seconds"))


def made_lines(losses: dict[str, np.ndarray]) -> Any:
    """Pairs, summaries and measures of lines with these losses, the first one being that which is to be beaten."""
    count = len(next(iter(losses.values())))
    first, prior = next(iter(losses)), np.full(count, 5.0)
    tests = {f"{name}@1": {f"{first}@1": diebold_mariano(loss, losses[first], 1)} for name, loss in losses.items()}
    mean = {name: Estimate(float(loss.mean()), None, None, None) for name, loss in losses.items()}
    summaries = [Summary(name, 1, 1, {"qlike": one}, one) for name, one in mean.items()]
    where: Any = {"time_us": np.arange(count), "symbol": np.zeros(count, np.int64), "horizon": 1, "seed": 0}
    named = {f"{name}@1": loss for name, loss in losses.items()}
    report = overfitting_report(named, prior, metric="qlike", samples=300, **where)
    return judge_beside(Pairs({1: (first,)}, tests), summaries, report, "qlike", 0.95)


def test_a_line_that_is_truly_better_is_called_so_and_named() -> None:
    noise = np.random.default_rng(0).gamma(2, 0.1, (2, 500))
    verdict = made_lines({"har_log": noise[0] + 0.1, "lstm": noise[0] + 0.05 * noise[1]})
    assert verdict.headline == "Better than har_log"
    assert verdict.lines[0].startswith("lstm is best: QLIKE ")


def test_what_is_not_shown_to_be_better_is_called_no_better_plainly() -> None:
    noise = np.random.default_rng(1).gamma(2, 0.1, (3, 500))
    for lines in ({"har_log": noise[0] - 0.02, "lstm": noise[1]}, {"har_log": noise[0], "lstm": noise[1] - 0.005}):
        assert made_lines(lines).headline == "No better than har_log"
    assert made_lines({"har_log": noise[0], "lstm": noise[0] + 0.2}).lines[0].startswith("har_log is best: QLIKE ")


def test_the_best_of_many_is_rarely_called_better_where_none_is() -> None:
    better = 0
    for seed in range(20):
        noise = np.random.default_rng(seed).gamma(2, 0.1, (13, 120))
        lines = {"har_log": noise[0]} | {f"model{number}": loss for number, loss in enumerate(noise[1:])}
        better += made_lines(lines).judgement.verdict == "better"
    assert better <= 2, "the smallest of twelve p alone is below 5 % in nearly every second of these"


def test_few_rows_give_no_verdict() -> None:
    noise = np.random.default_rng(2).gamma(2, 0.1, (2, 25))
    assert made_lines({"har_log": noise[0] + 1, "lstm": noise[1]}).judgement.verdict == "too_few"


@pytest.mark.parametrize(
    ("columns", "timeframe", "said", "wanted"),
    [
        (
            ("open", "high", "low", "close", "volume"), timedelta(days=1), {},
            {"target.measure": "range", "target.horizon": 1, "features.sets": ["volatility"]},
        ),
        (
            ("open", "high", "low", "close", "volume"), timedelta(minutes=1), {},
            {"target.horizon": 20, "features.sets": ["volatility"]},
        ),
        (
            ("rv", "close"), timedelta(days=1), {"target.measure": "column", "target.column": "rv"},
            {"target.horizon": 1, "features.sets": []},
        ),
        (
            ("open", "high", "low", "close"), timedelta(minutes=5), {"target.measure": "day"},
            {"target.horizon": 1, "features.sets": []},
        ),
    ],
)  # fmt: skip
def test_what_is_not_said_fits_the_rows(
    columns: Sequence[str], timeframe: timedelta, said: dict[str, Any], wanted: dict[str, Any]
) -> None:
    frame = pl.DataFrame(
        {"symbol": ["A"], "time": pl.Series([0], dtype=pl.Datetime("us", "UTC")), **{name: [1.0] for name in columns}}
    )
    first = load_config(overrides=said, below=BEFORE_ROWS)
    values = study_settings(Table(frame, timeframe, timeframe), first)
    assert {name: values.get(name) for name in wanted} == wanted
    assert ("target.measure" in values) == ("target.measure" in wanted)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"target": "direction"}, "predicts realized_volatility; target.kind is direction"),
        ({"settings": {"target.quantiles": [0.1, 0.9]}}, "realized_volatility with quantiles"),
        ({"max_time": "soon"}, "max_time"),
        ({"max_time": "0s"}, "max_time"),
        ({"models": "lstm,nothing"}, "unknown model 'nothing'"),
        ({"models": "logistic"}, "logistic predicts"),
        ({"settings": {"cv.test_size": 0}}, "cv.test_size"),
        ({"settings": {"cv.test_size": 10_000, "features.sets": []}}, "leave rows to train on"),
        ({"splitter": "kfold"}, "cv.test_size is for cv.splitter expanding and sliding"),
        ({"resume": "abc"}, "resume takes the study's own settings"),
        ({"seeds": [1, 2], "seed": 3}, "got both"),
    ],
)
def test_what_can_not_be_is_one_line_and_a_hint(home: Path, said: dict[str, Any], words: str) -> None:
    with pytest.raises(GatewiseError) as refused:
        gw.study("volatility", bars(120), progress=False, **{"stamp": "close", **said})
    assert words in refused.value.message
    assert "\n" not in refused.value.message + (refused.value.hint or "")


def test_a_test_part_shorter_than_two_stretches_has_no_updates(home: Path) -> None:
    def config_of(compared: Sequence[str], more: Any, below: Any) -> ExperimentConfig:
        return load_config(overrides={"cv.test_size": 12, "features.sets": [], **more}, compared=compared, below=below)

    whole = gw.load_table(load_config(overrides={"data.source": "sp500"}).data)
    plan, _ = plan_study(config_of, ["ridge"], load=lambda config: whole)
    assert plan.base.online.every is None
    assert plan.models.keys() == {"ridge", "har_log"}
    assert plan.beside == ("har_log", "ridge")


def test_models_of_one_symbols_returns_stand_aside_where_there_are_several(home: Path) -> None:
    def config_of(compared: Sequence[str], more: Any, below: Any) -> ExperimentConfig:
        return load_config(overrides={"features.sets": [], **more}, compared=compared, below=below)

    one = gw.load_table(load_config(overrides={"data.source": "sp500"}).data)
    both = one.with_frame(pl.concat([one.frame, one.frame.with_columns(symbol=pl.lit("B"))]).sort("symbol", "time"))
    alone, together = (set(plan_study(config_of, load=lambda _, rows=rows: rows)[0].models) for rows in (one, both))
    assert alone - together == {"garch", "gjr"}
    assert "har" in together


def test_an_unknown_study_names_those_that_there_are() -> None:
    with pytest.raises(UnknownNameError, match="unknown study 'direction'") as refused:
        gw.study("direction", bars(120))
    assert refused.value.hint == "valid: volatility"


@pytest.mark.trains
def test_a_measure_alone_is_studied_by_its_history(home: Path) -> None:
    measured = bars(240).select("time", rv=(pl.col("high") / pl.col("low")).log() ** 2)
    settings = SMALL["settings"] | {"target.measure": "column", "target.column": "rv", "online.every": None}
    few = {"test_size": 40, "max_time": "1h", "progress": False}
    study = gw.study("volatility", measured, models="lstm", **SMALL | {"settings": settings, "max_epochs": 1}, **few)
    by_name = {row["model"]: row for row in study.table.iter_rows(named=True)}
    assert by_name["lstm"]["weights"] == 4 * 3 * (3 + 3 + 2) + 3 + 1, "three units that read three means"


@pytest.mark.trains
def test_the_command_makes_the_table_and_goes_on_by_its_own_word(home: Path, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    bars().write_csv(path)
    words = ("--data", path, "--stamp", "close", "--models", "ridge", "--set", "features.sets=[]", "--seq-len", "4")
    first = cli("study", "volatility", *words, "--json", "-q").json
    assert Path(first["report"]).name == "study.html"
    plain = cli("study", "volatility", "--resume", first["id"], "-q").out
    assert first["headline"] in plain
    assert max(map(len, plain.split("\n\n")[1].splitlines())) <= 80
    both = cli("study", "volatility", "--resume", first["id"], "--markdown", "--json")
    assert both.code == 2
    assert "leave out one" in both.out
    plan = json.loads((Path(first["report"]).parent / "plan.json").read_text(encoding="utf-8"))
    write_json(Path(first["report"]).parent / "plan.json", plan | {"command": "compare"})
    wrong = cli("study", "volatility", "--resume", first["id"])
    assert wrong.code == 2
    assert f"gatewise compare --resume {first['id']}" in wrong.err
