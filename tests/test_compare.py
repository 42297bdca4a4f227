"""Models compared in the same time: epochs that fit it, one page for all, and what is finished is kept.

A model that was given fewer epochs than the others, or a time anew after a kill, would lose or win by that alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gatewise as gw
from conftest import Cli
from cv_worlds import Ear, walk
from gatewise.cli import cv_progress
from gatewise.config.load import load_config
from gatewise.errors import ConfigError, Interrupted
from gatewise.jobs.jobs import Job, JobFailure, JobResult
from gatewise.learners.pace import Pace
from gatewise.selection.compare.pace import LEAST_EPOCHS, SPARE, fitting_epochs, paced
from gatewise.selection.compare.plan import plan_comparison
from gatewise.selection.cv.plan import Plan
from gatewise.training import timed_steps
from test_compute import patience, running

SMALL = {
    "sets": ["ohlcv"], "target": "direction", "horizon": 3, "seq_len": 4, "embargo_rows": 2, "n_splits": 3,
    "hidden_size": 3, "num_layers": 1, "batch_size": 64, "max_epochs": 2, "device": "cpu", "stamp": "close",
}  # fmt: skip

TRAINING = load_config().training


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    return walk(900).frame.drop("symbol")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A GATEWISE_HOME of this file's own, where steps are measured in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWISE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr(timed_steps, "PACED_SECONDS", 0.0)
        yield Path(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def compared(home: Path, bars: pl.DataFrame) -> gw.api.compare.CompareResult:  # type: ignore[name-defined]
    return gw.compare(bars, models=["lstm", "xgboost"], max_time="1h", progress=False, **SMALL)


def test_the_same_rows_the_same_folds_and_a_plain_reference_beside(compared: Any) -> None:
    assert compared.outcome.plan.models.keys() == {"lstm", "xgboost", "logistic"}
    assert compared.outcome.plan.max_seconds == 3600 / 3
    found = compared.out_of_fold
    rows = {name: part.select("time", "fold").sort("time") for (name,), part in found.group_by("model")}
    assert rows.keys() == {"lstm", "xgboost", "logistic", "prior"}
    assert all(part.equals(rows["prior"]) for part in rows.values())
    assert compared.table["model"].to_list()[0] == compared.markdown.splitlines()[2].split("|")[1].strip()
    assert set(compared.table["model"]) == rows.keys() | {"persistence"}
    assert compared.verdict == compared.to_dict()["verdict"]
    assert max(map(len, str(compared).splitlines())) <= 80


def test_a_comparison_that_was_cut_off_keeps_what_is_finished_and_ends_as_one_that_was_not(
    compared: Any, bars: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    def cut(self: Ear, job: Job, answer: JobResult | JobFailure) -> None:
        ended.append(job.model)
        if len(ended) == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cv_progress.CvProgress, "on_end", cut)
        with pytest.raises(Interrupted) as caught:
            gw.compare(bars, models="lstm,xgboost", max_time="1h", progress=False, **SMALL)
    assert ended == ["lstm"] * 3 + ["xgboost"], "one model after the other"
    said = str(caught.value)
    assert "gatewise.compare(rows, resume=" in said
    resume = said.split('resume="')[1].split('"')[0]
    with pytest.raises(ConfigError, match="own settings"):
        gw.compare(bars, resume=resume, max_time="2h", progress=False)
    rest = gw.compare(bars, resume=resume, progress=False)
    assert rest.outcome.resumed == 4
    assert rest.metrics == compared.metrics
    assert rest.outcome.fleet["why"].endswith("one after the other")


@settings(max_examples=40)
@given(
    st.floats(1e-6, 1.0), st.floats(0.1, 1.0), st.integers(1, 10**6), st.integers(1, 10**5), st.integers(1, 4096),
    st.integers(1, 200), st.floats(1.0, 1e5),
)  # fmt: skip
def test_epochs_that_are_to_fit_do_and_as_many_windows_as_can_be_are_kept(
    train_seconds: float, share: float, train: int, val: int, batch: int, epochs: int, max_seconds: float
) -> None:
    pace = Pace(train_seconds, train_seconds * share)
    asked = TRAINING.model_copy(update={"batch_size": batch, "max_epochs": epochs})
    values = fitting_epochs(pace, train, val, asked, max_seconds)
    windows = min(train, values.get("windows_per_epoch", train)), min(val, values.get("validation_windows", val))
    epoch_seconds = windows[0] * pace.train_seconds + windows[1] * pace.val_seconds
    planned = values.get("max_epochs", epochs)
    assert min(epochs, LEAST_EPOCHS) <= planned <= epochs
    if windows != (1, 1):  # less there is not
        smallest = pace.train_seconds + pace.val_seconds
        assert planned * epoch_seconds <= max(SPARE * max_seconds, planned * smallest) * (1 + 1e-9)
    if (train * pace.train_seconds + val * pace.val_seconds) * min(epochs, LEAST_EPOCHS) <= SPARE * max_seconds:
        assert windows == (train, val)
    elif windows[0] < train:  # one more batch, or with less than one a window more, would be too much
        more = batch if windows[0] >= batch else 1
        assert (epoch_seconds + more * train_seconds) * min(epochs, LEAST_EPOCHS) > SPARE * max_seconds * (1 - 1e-9)


def test_where_time_is_short_a_models_epochs_are_smaller_and_it_is_said(
    bars: pl.DataFrame, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "gatewise.selection.compare.pace.pace_of",
        lambda config, *_: None if config.model.consumes == "rows" else Pace(0.01, 0.005),
    )
    said = {
        "features.sets": ["ohlcv"], "target.kind": "direction", "target.horizon": 3, "windows.sequence_length": 4,
        "split.embargo_rows": 2, "training.batch_size": 8,
    }  # fmt: skip
    table = walk(900)

    def config_of(compared: Any, more: Any) -> Any:
        return load_config(overrides=said | dict(more), compared=compared)

    plan, _ = paced(plan_comparison(config_of, ["lstm"], "5s"), table)
    assert plan.max_seconds == 1.0
    # 0.18 s an epoch: a third of it for 12 validation rows, the rest for 12 windows, in batches of 8.
    training = plan.models["lstm"].training
    assert (training.validation_windows, training.windows_per_epoch, training.max_epochs) == (12, 8, 6)
    assert [remark.split(": ")[1].split(" (")[0] for remark in plan.remarks] == ["lstm 8", "lstm 12", "lstm 6"]
    assert "so that 5 epochs fit the 1s of a training" in plan.remarks[0]
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_a_network_is_timed_once_for_each_length_of_windows_that_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[tuple[str, int]] = []

    def pace_of(config: Any, *_: Any) -> Pace:
        timed.append((config.model.name, config.windows.sequence_length))
        return Pace(1e-6, 1e-6)

    monkeypatch.setattr("gatewise.selection.compare.pace.pace_of", pace_of)
    said = {"features.sets": ["ohlcv"], "target.kind": "direction", "target.horizon": 3, "cv.n_splits": 2}

    def config_of(compared: Any, more: Any) -> Any:
        return load_config(overrides=said | dict(more), compared=compared)

    paced(plan_comparison(config_of, ["lstm", "segrnn", "voting"]), walk(900))
    assert timed == [("lstm", 60), ("segrnn", 96), ("segrnn", 60)], "an ensemble's members read its own windows"


def test_the_command_prints_a_table_of_eighty_columns_markdown_or_one_object(home: Path, cli: Cli) -> None:
    words = (
        *("compare", "--source", "sp500", "--models", "lstm", "--set", "features.sets=[ohlcv]"),
        *("--seq-len", "5", "--hidden-size", "3", "--num-layers", "1", "--max-epochs", "1", "--n-splits", "2"),
        *("--target", "direction", "--device", "cpu", "--max-time", "1h"),
    )
    first = cli(*words, "--json", "-q")
    answer = first.json
    assert answer["effort"].keys() == {"lstm@20", "logistic@20"}
    assert answer["summary"].keys() == {"lstm@20", "logistic@20", "prior@20"}
    again = cli("compare", "--resume", answer["id"], "--markdown", "-q").out
    assert again == (Path(answer["report"]).parent / "compare.md").read_text(encoding="utf-8")
    assert len([line for line in again.splitlines() if line.startswith("|")]) == 6
    plain = cli("compare", "--resume", answer["id"], "-q").out
    table = plain.split("\n\n")[1]
    assert max(map(len, table.splitlines())) <= 80
    assert table.startswith("model ")


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (("--models", "lstm,nope"), "UnknownNameError", "nope"),
        (("--models", "lstm,lstm"), "ConfigError", "each once"),
        (("--models", "ridge"), "ConfigError", "ridge predicts"),
        (("--max-time", "soon"), "ConfigError", "--max-time"),
        (("--max-time", "0s"), "ConfigError", "--max-time"),
        (("--seeds", "0"), "ConfigError", "a count, from 1"),
        (("--n-splits", "1"), "ConfigError", "n_splits"),
        (("--set", "training.per_symbol=true"), "ConfigError", "one model for all symbols"),
        (("--resume", "nothing", "--max-time", "5m"), "ConfigError", "own settings"),
        (("--resume", "nothing"), "RunNotFoundError", "nothing"),
        (("--resume", "nothing", "--run-name", "x"), "ConfigError", "has a name"),
        (("--markdown",), "ConfigError", "got both"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_can_not_be_is_refused_in_one_line_before_anything_is_kept(
    cli: Cli, gatewise_home: Path, words: tuple[str, ...], kind: str, said: str
) -> None:
    source = () if "--resume" in words else ("--source", "sp500")
    answer = cli("compare", *source, "--quiet", "--json", *words)
    assert answer.code == 2
    assert answer.json["error"]["type"] == kind
    assert said in f"{answer.json['error']['message']} {answer.json['error']['hint']}"
    assert not (gatewise_home / "cv").exists()


def test_killed_at_any_moment_it_goes_on_with_what_is_finished(cli: Cli, gatewise_home: Path) -> None:
    words = (
        *("compare", "--source", "sp500", "--start", "2010-01-01", "--models", "lstm", "--target", "direction"),
        *("--set", "features.sets=[ohlcv]", "--seq-len", "8", "--hidden-size", "3", "--num-layers", "1"),
        *("--max-epochs", "30", "--patience", "30"),
        *("--n-splits", "2", "--device", "cpu", "--max-time", "1h", "--json", "-q"),
    )
    with running(*words) as process:
        done: list[Path] = []
        for _ in patience():
            done = list(gatewise_home.glob("cv/*/jobs/*.safetensors"))
            if done or process.poll() is not None:
                break
        process.kill()
        said = process.communicate()
    assert done, said
    folder = done[0].parents[1]
    rest = cli("compare", "--resume", folder.name[:12], "--json", "-q").json
    assert rest["resumed"] >= 1
    assert rest["effort"]["lstm@20"]["trainings"] == 2
    assert (folder / "compare.md").exists()
    assert not list((folder / "jobs").glob("*.checkpoint"))


def test_an_ensemble_has_the_lists_networks_as_they_are_compared_unless_others_are_named() -> None:
    sizes = {"model.hidden_size": 7, "model.channels": 5, "model.dropout": 0.25}

    def config_of(compared: Any, more: Any) -> Any:
        return load_config(overrides=sizes | dict(more), compared=compared, typed=True)

    models = plan_comparison(config_of, ["lstm", "xgboost", "tcn", "voting"]).models
    assert models["voting"].model.member_models == (models["lstm"].model, models["tcn"].model)

    def with_base(compared: Any, more: Any) -> Any:
        base = {"model.base_models": "lstm,gru"} if more.get("model.name") == "voting" else {}
        return config_of(compared, base | dict(more))

    named = plan_comparison(with_base, ["lstm", "tcn", "voting"], chosen=["model.base_models"]).models
    assert named["voting"].model.base_models == ("lstm", "gru"), "though it is what stands for nothing said"
