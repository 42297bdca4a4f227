"""The audit as a whole and as a command: passes on honest data, and exits with 1 and the offender's name otherwise."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from audit_tables import random_walk, small_experiment
from conftest import Cli
from gatewise.config.schema import FeatureConfig
from gatewise.data.table import Table, require_bars
from gatewise.features.base import FeatureMatrix
from gatewise.features.build import build_features
from gatewise.proofs import Audit, Check, Parts, run_audit
from gatewise.proofs.base import take_chunk
from gatewise.proofs.corrupt import CORRUPTIONS, corrupt, cut_moments, futures
from gatewise.proofs.run import CHECKS


@pytest.mark.parametrize("seed", [11, 12])
def test_random_walks_pass(seed: int) -> None:
    result = run_audit(small_experiment(), random_walk(2_000, seed, "AB", gaps=2, missing=2, stale=0.1), seed=seed)
    assert [check.name for check in result.checks] == list(CHECKS)
    assert result.passed, [check for check in result.checks if not check.passed]


def test_one_leak_fails_the_audit_and_leaves_the_other_checks_standing() -> None:
    def leaky(table: Table, spec: FeatureConfig) -> FeatureMatrix:
        matrix = build_features(table, spec)
        close = table.frame["close"]
        values = matrix.values.copy()
        values[:, 0] = np.where(matrix.valid, (close / close.mean()).fill_null(0).to_numpy(), 0)
        return replace(matrix, values=values)

    result = run_audit(small_experiment(), random_walk(2_000), Parts(build_features=leaky))
    assert not result.passed
    failed = {check.name: check.detail for check in result.checks if not check.passed}
    name = build_features(random_walk(500), FeatureConfig()).names[0]
    assert failed["features"].startswith(f"{name} looks ahead")
    # The leak also moves what is fitted on it; split and labels are as they were.
    assert failed.keys() <= {"features", "live parity", "training"}


def test_the_same_seed_gives_the_same_audit() -> None:
    one, other = (run_audit(small_experiment(), random_walk(1_000), seed=5) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("what", [*CORRUPTIONS, "cut off"])
def test_a_corrupted_future_keeps_the_past_and_stays_valid_bars(what: str) -> None:
    table = random_walk(500, symbols="AB", gaps=2, missing=3)
    cut_us = int(np.sort(table.time_us)[600])
    (future,) = [f for f in futures(table, cut_us, np.random.default_rng(0)) if f.what == what]
    require_bars(future.table)
    assert future.table.frame[future.at].equals(table.frame[future.kept])
    assert table.time_us[future.kept].max() == cut_us
    later = table.frame.filter(pl.Series(table.time_us > cut_us))
    left = future.table.frame.filter(pl.Series(future.table.time_us > cut_us))
    if what == "cut off":
        assert left.is_empty()
    else:
        assert left.select("symbol", "time").equals(later.select("symbol", "time"))
        moved = [left[name].eq_missing(later[name]).sum() for name in table.columns]
        assert max(moved) < 0.05 * later.height


def test_columns_that_are_no_bars_are_corrupted_too() -> None:
    table = random_walk(300)
    other = table.with_frame(
        table.frame.select("symbol", "time", temperature=pl.col("close") - 100, flow=pl.col("volume"), none=pl.lit(0.0))
    )
    rows = np.arange(300) >= 200
    changed = corrupt(other, rows, "other prices", np.random.default_rng(0)).frame
    assert all((changed[name][200:] != other.frame[name][200:]).all() for name in ("temperature", "flow", "none"))
    assert changed["flow"].min() >= 0, "what is never negative stays so"
    assert changed[:200].equals(other.frame[:200])


def test_cuts_lie_in_the_warm_up_beside_a_gap_and_in_the_middle_but_never_at_the_end() -> None:
    table = random_walk(600, gaps=3)
    cuts = cut_moments(table, np.random.default_rng(1))
    start = table.segment_start
    resumed = np.flatnonzero(np.diff(start)) + 1
    assert cuts[0] == table.time_us[1]
    assert any(table.time_us[row - 1] in cuts for row in resumed)
    assert max(cuts) < table.time_us.max()
    assert len(cuts) >= 5


def test_a_chunk_is_consecutive_rows_of_a_few_symbols_at_the_same_moments() -> None:
    table = random_walk(500, symbols="ABCDEF")
    chunk = take_chunk(table, np.array([1_200]), 800, np.random.default_rng(0))
    assert "C" in chunk.symbols
    assert len(chunk.symbols) == 4
    assert 800 <= chunk.num_rows <= 804
    for symbol in chunk.symbols:
        rows = chunk.frame["symbol"] == symbol
        assert np.all(np.diff(chunk.time_us[rows.to_numpy()]) == 60_000_000)
    assert take_chunk(table, np.array([0]), 10_000, np.random.default_rng(0)) is table


def test_the_parts_are_quiet_under_audit_and_speak_again_after_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "gatewise"):
        run_audit(small_experiment(), random_walk(1_000))
        after = logging.getLogger("gatewise").level
    said = [record.name for record in caplog.records]
    assert said.count("gatewise.proofs") == len(CHECKS)
    assert said.count("gatewise.features") <= 2
    assert after == logging.INFO


FLAGS = ["--seq-len", "8", "--horizon", "5", "--set", "target.volatility_rows=20", "--set", "split.embargo_rows=10"]


def as_csv(table: Table, folder: Path) -> str:
    path = folder / "bars.csv"
    table.frame.drop("symbol").write_csv(path)
    return str(path)


def test_the_command_passes_on_honest_bars_and_speaks_json(tmp_path: Path, cli: Cli) -> None:
    said = cli("audit", "--data", as_csv(random_walk(2_000), tmp_path), "--stamp", "close", "--json", *FLAGS)
    assert said.code == 0, said.out
    assert said.json["passed"] is True
    assert [check["name"] for check in said.json["checks"]] == list(CHECKS)
    assert all(check.keys() == {"name", "passed", "detail"} for check in said.json["checks"])
    assert "auditing permuted labels" in said.err


def test_the_command_exits_with_1_and_names_what_leaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    found = Audit((Check("features", False, "rsi_14 looks ahead"), Check("split", True, "fine")))
    monkeypatch.setattr("gatewise.proofs.run_audit", lambda *args, **kwargs: found)
    arguments = ["audit", "--data", as_csv(random_walk(300), tmp_path), "--stamp", "close", *FLAGS]
    said = cli(*arguments, "--json")
    assert (said.code, said.json) == (1, found.to_dict())
    said = cli(*arguments)
    lines = said.out.splitlines()
    assert said.code == 1
    assert lines[0].startswith("failed: ")
    assert lines[0].endswith("(features)")
    checks = [line.split(maxsplit=2) for line in lines[1:] if line]
    assert checks == [["FAIL", "features", "rsi_14 looks ahead"], ["pass", "split", "fine"]]


def test_data_that_can_not_be_trained_on_are_an_error_and_no_verdict(tmp_path: Path, cli: Cli) -> None:
    said = cli("audit", "--data", as_csv(random_walk(150), tmp_path), "--stamp", "close", "--json", *FLAGS)
    assert said.code == 2
    assert said.json["error"]["type"] == "NotEnoughRowsError"


def test_the_docs_explain_every_check() -> None:
    text = (Path(__file__).parents[1] / "docs" / "honesty.md").read_text(encoding="utf-8")
    assert [name for name in CHECKS if f"- **{name}**: " not in text] == []
