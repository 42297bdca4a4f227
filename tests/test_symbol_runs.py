"""`gatewise train --per-symbol`: each symbol's run is the one that it would have had alone, wherever it is trained."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from gatewise.bundle import Bundle
from gatewise.config.load import load_config
from gatewise.data.table import Table
from gatewise.errors import ConfigError, Interrupted, NotEnoughRowsError
from gatewise.group.symbols import GroupOutcome, train_symbols
from gatewise.group.task import GroupFailure, GroupRun
from gatewise.jobs.process import Spawned
from gatewise.registry.listing import find_info, list_runs
from gatewise.registry.train import train
from symbol_worlds import SMALL, far_levels, only

WAYS = {"in turn": ("off", 1), "side by side": ("off", 2), "as a fleet": ("on", None)}
RUN = {
    "features.sets": ["ohlcv"], "features.columns": [], "training.max_epochs": 2, "features.scale_by": "symbol",
    "target.kind": "next_row", "target.columns": ["close"],
}  # fmt: skip


class Ear:
    """Hears what is told."""

    def __init__(self) -> None:
        self.epochs: dict[str, int] = {}
        self.started: list[str] = []
        self.ended: list[str] = []

    def on_plan(self, symbols: Sequence[str], max_epochs: int, compute: str) -> None:
        self.planned = list(symbols)

    def on_start(self, member: str) -> None:
        self.started.append(member)

    def on_epoch(self, member: str, epoch: int) -> None:
        self.epochs[member] = epoch

    def on_end(self, member: str, answer: GroupRun | GroupFailure) -> None:
        self.ended.append(member)


def run(table: Table, way: str, ear: Ear | None = None, **more: object) -> GroupOutcome:
    config = load_config(overrides=SMALL | RUN | {"training.per_symbol": True} | more)
    fleet, workers = WAYS[way]
    return train_symbols(config, ear or Ear(), table, fleet, workers)


def a_table_with_a_short_symbol() -> Table:
    """A and B with enough rows, C with too few; stamps of their source are the times as text."""
    table = far_levels(500, "ABC")
    frame = pl.concat([only(table, "A").frame, only(table, "B").frame, only(table, "C").frame[:20]])
    places = frame.select(pl.lit(0, pl.UInt32).alias("__file"), pl.int_range(1, pl.len() + 1).alias("__row"))
    return replace(table, frame=frame, origin=places.with_columns(frame["time"].cast(pl.String).alias("Stamp")))


@pytest.mark.parametrize("way", WAYS)
def test_every_symbol_gets_the_run_that_it_gets_alone_and_a_failing_one_is_named(way: str, gatewise_home: Path) -> None:
    table, ear = a_table_with_a_short_symbol(), Ear()
    found = run(table, way, ear)
    assert [failure.member for failure in found.failures] == ["C"]
    assert isinstance(found.failures[0].error, NotEnoughRowsError)
    assert sorted(ear.planned) == sorted(ear.ended) == ["A", "B", "C"]
    assert ear.epochs == {"A": 2, "B": 2}
    assert found.fleet["used"] == (way == "as a fleet")
    lone_config = load_config(overrides=SMALL | RUN)
    for made in found.runs:
        alone = only(table, made.member)
        _, lone = train(lone_config, alone)
        ours, theirs = Bundle.load(Path(made.result["bundle"])), Bundle.load(lone.bundle)
        for name, weight in theirs.record.weights.items():
            assert (ours.record.weights[name] - weight).abs().max() < 1e-5
        assert ours.record.scaler.to_dict() == theirs.record.scaler.to_dict()
        assert ours.record.target_scaler.to_dict() == theirs.record.target_scaler.to_dict()
        assert ours.record.symbols == (made.member,)
        assert made.result["metrics"]["test"]["rmse"]["value"] == pytest.approx(
            lone.to_dict()["metrics"]["test"]["rmse"]["value"], rel=1e-4
        )
        assert made.result["windows"] == lone.to_dict()["windows"]
        assert find_info(made.run_id).status == "FINISHED"
        folder = Path(made.result["report"]).parent
        assert {"report.html", "metrics.json", "predictions.csv", "history.parquet", "config.yaml"} <= {
            path.name for path in folder.iterdir()
        }
        predictions = pl.read_parquet(made.result["predictions"])
        assert predictions["Stamp"].equals(predictions["time"].cast(pl.String).alias("Stamp"))
        kept = load_config(folder / "config.yaml")
        assert kept.data.symbols == (made.member,)
        assert not kept.training.per_symbol


def test_the_whole_is_the_mean_over_symbols(gatewise_home: Path) -> None:
    found = run(far_levels(500), "in turn", **{"target.kind": "direction", "target.columns": []}).to_dict()
    assert list(found["symbols"]) == ["A", "B"]
    for part in ("val", "test"):
        own = [of["metrics"][part]["log_loss"]["value"] for of in found["symbols"].values()]
        assert found["overall"]["mean"][part]["log_loss"] == pytest.approx(sum(own) / 2)
    assert sum(found["overall"]["verdict"].values()) == found["overall"]["symbols"]
    assert sum(found["overall"]["beats_baseline"].values()) == found["overall"]["symbols"] == 2


@pytest.mark.parametrize("way", ["in turn", "as a fleet"])
def test_where_every_symbol_fails_the_first_ones_error_names_them_all(way: str, gatewise_home: Path) -> None:
    table = far_levels(500)
    short = table.with_frame(pl.concat([only(table, "A").frame[:15], only(table, "B").frame[:15]]))
    with pytest.raises(NotEnoughRowsError, match=r"A: .*also failed: B"):
        run(short, way)
    assert list_runs() == [], "rows that can't be trained on leave no run behind, and no group"


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, "KILLED"), (RuntimeError, "FAILED")])
def test_a_fleet_that_breaks_off_while_its_first_run_is_judged_leaves_no_run_open(
    error: type[BaseException], status: str, gatewise_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr("gatewise.outcome.conclude", broken)
    with pytest.raises(error):
        run(far_levels(500), "as a fleet")
    assert [(info.kind, info.status) for info in list_runs()] == [
        ("train", status),
        ("train", status),
        ("per-symbol", status),
    ]


def test_what_can_not_be_is_refused_before_anything_is_trained(gatewise_home: Path) -> None:
    table = far_levels(300)
    with pytest.raises(ConfigError, match="auto, on or off"):
        train_symbols(load_config(overrides=SMALL | RUN), Ear(), table, "yes")
    with pytest.raises(ConfigError, match="none to tell apart"):
        train_symbols(load_config(overrides=SMALL | RUN | {"model.symbol_embedding": 2}), Ear(), table)
    with pytest.raises(ConfigError, match="share one batch size"):
        run(table, "as a fleet", **{"training.auto_batch_size": True})
    with pytest.raises(ConfigError, match="as many models as there are symbols"):
        train(load_config(overrides=SMALL | RUN | {"training.per_symbol": True}), table)
    assert not (gatewise_home / "runs").exists()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    path = tmp_path / "rows.parquet"
    a_table_with_a_short_symbol().frame.write_parquet(path)
    return path


WORDS = [
    *("--horizon", "1", "--seq-len", "3", "--hidden-size", "4", "--num-layers", "1", "--batch-size", "64"),
    *("--set", "features.sets=[ohlcv]", "--set", "evaluation.bootstrap_samples=50", "--stamp", "close"),
    *("--set", "split.embargo_rows=2", "--target", "direction"),
]


def test_the_command_prints_one_object_and_exits_with_2_where_a_symbol_failed(cli, files: Path) -> None:
    said = cli("train", "--data", files, *WORDS, "--max-epochs", 1, "--per-symbol", "--workers", 1, "--json", "--quiet")
    value = said.json
    assert said.code == 2
    assert set(value) == {"symbols", "overall", "failures", "fleet", "compute", "error"}
    assert set(value["symbols"]) == {"A", "B"}
    assert {"run_id", "bundle", "report", "metrics", "beats_baseline"} <= set(value["symbols"]["A"])
    assert [of["symbol"] for of in value["failures"]] == ["C"]
    assert value["error"]["message"].startswith("C: ")
    words = cli("train", "--data", files, *WORDS, "--max-epochs", 1, "--per-symbol", "--set", "data.symbols=[A,B]")
    assert words.code == 0
    assert "mean" in words.out
    assert "[2/2]" in words.err
    refused = cli("train", "--data", files, *WORDS, "--fleet", "on")
    assert refused.code == 2
    assert "--per-symbol" in refused.err


def test_ctrl_c_ends_each_run_as_it_would_end_a_lone_one(gatewise_home: Path, files: Path) -> None:
    words = ["train", "--data", str(files), *WORDS, "--max-epochs", "100000", "--per-symbol", "--workers", "2"]
    words += ["--set", "training.early_stopping_patience=100000", "--set", "data.symbols=[A,B]"]
    code = "from gatewise.cli.main import run; run()"
    doomed = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "2"},
    )
    until = time.monotonic() + 300
    while len(list(gatewise_home.glob("runs/*/checkpoint.safetensors"))) < 2:
        assert time.monotonic() < until
        assert doomed.poll() is None
        time.sleep(0.1)
    doomed.send_signal(signal.SIGINT)
    _, errors = doomed.communicate(timeout=300)
    assert doomed.returncode == 130
    runs = [path.parent for path in gatewise_home.glob("runs/*/bundle")]
    assert len(runs) == 2
    for folder in runs:
        assert f"gatewise train --resume {folder.name}" in errors
        assert find_info(folder.name).status == "KILLED"
        Bundle.load(folder / "bundle")


@pytest.mark.soak  # once is told above, to the command
def test_ctrl_c_told_twice_still_ends_each_run(gatewise_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As groups of processes often are; the second comes while the workers are being told of the first."""
    told = Spawned.interrupt

    def twice(process: Spawned) -> None:
        told(process)
        signal.raise_signal(signal.SIGINT)

    class Impatient(Ear):
        def on_epoch(self, symbol: str, epoch: int) -> None:
            super().on_epoch(symbol, epoch)
            if len(self.epochs) == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(Spawned, "interrupt", twice)
    long = {"training.max_epochs": 100_000, "training.early_stopping_patience": 100_000}
    with pytest.raises(Interrupted, match=r"A after epoch .*; B after epoch "):
        run(far_levels(500), "side by side", Impatient(), **long)
    assert [info.status for info in list_runs()] == ["KILLED"] * 3
    for path in gatewise_home.glob("runs/*"):
        Bundle.load(path / "bundle")
