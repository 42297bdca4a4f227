"""Several horizons at once: each column of the labels is of its own horizon, and nothing is used before it is known.

A column that is settled later than it says would leak by as many rows, in a training that looks like any other.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from audit_tables import case_of, random_walk, small_experiment
from conftest import TINY, Cli
from cv_worlds import plan_of
from gatewise.config.load import load_config
from gatewise.config.schema import TargetConfig
from gatewise.data.table import Table
from gatewise.errors import ConfigError
from gatewise.jobs.shared import make_shared, open_shared, save_shared
from gatewise.proofs.base import Parts
from gatewise.proofs.labels import check_labels
from gatewise.samples import make_samples
from gatewise.targets.base import Labels
from gatewise.targets.make import make_labels

AHEAD = (1, 5, 20)
RETURNS = TargetConfig(kind="forward_return", horizons=AHEAD)
LEVELS = TargetConfig(kind="next_row", horizons=(1, 3), columns=("close", "volume"))
TABLE = random_walk(600, gaps=3, missing=2)


@pytest.mark.parametrize("spec", [RETURNS, LEVELS], ids=["returns", "levels"])
def test_each_column_is_the_label_of_its_own_horizon(spec: TargetConfig) -> None:
    labels, width = make_labels(TABLE, spec), len(spec.columns) or 1
    for number, ahead in enumerate(spec.ahead):
        alone = make_labels(TABLE, TargetConfig(kind=spec.kind, horizon=ahead, columns=spec.columns))
        columns = slice(number * width, (number + 1) * width)
        assert labels.outputs[columns] == tuple(f"{name}_{ahead}" for name in alone.outputs)
        assert np.array_equal(labels.y[labels.valid, columns], alone.y[labels.valid])
        assert (alone.known_at[labels.valid] == labels.settled(np.flatnonzero(labels.valid))[:, columns].T).all()
    assert np.array_equal(labels.valid, alone.valid)
    assert np.array_equal(labels.known_at, alone.known_at), "the latest decides"
    assert alone.known_by_output is None


def test_levels_start_from_their_own_columns_and_the_nearest_close_is_the_price() -> None:
    spec = make_labels(TABLE, LEVELS).spec
    assert spec.outputs == ("close_1", "volume_1", "close_3", "volume_3")
    assert spec.starts == ("close", "volume", "close", "volume")
    assert spec.price == 0
    assert make_labels(TABLE, TargetConfig(kind="next_row", horizons=(1, 3), columns=("volume",))).spec.price is None


def test_samples_are_purged_as_those_of_the_longest_horizon() -> None:
    spans = [
        make_samples(small_experiment(target__kind="forward_return", target__horizon=20, **said), TABLE).spans
        for said in ({"target__horizons": AHEAD}, {})
    ]
    assert np.array_equal(spans[0].row, spans[1].row)
    assert np.array_equal(spans[0].last_us, spans[1].last_us)


# ---- nothing before it is known


def too_soon(table: Table, spec: TargetConfig) -> Labels:
    """The middle horizon is said to be settled with the shortest."""
    labels = make_labels(table, spec)
    assert labels.known_by_output is not None
    return replace(labels, known_by_output=labels.known_by_output[:, [0, 0, 2]])


@pytest.mark.parametrize(("label", "holds"), [(make_labels, True), (too_soon, False)])
def test_the_audit_asks_each_column_by_its_own_moment(label: Any, holds: bool) -> None:
    config = load_config(
        overrides={
            "windows.sequence_length": 8, "target.kind": "forward_return", "target.horizons": AHEAD,
            "split.embargo_rows": 10,
        }
    )  # fmt: skip
    check = check_labels(case_of(config=config, parts=Parts(make_labels=label)))
    assert check.passed is holds
    assert holds or "y of" in check.detail


def test_what_folds_share_keeps_when_each_column_is_known(tmp_path: Path) -> None:
    of_both: Any = {"target__kind": "forward_return", "target__horizon": 5, "target__horizons": (1, 5)}
    shared = make_shared(plan_of(horizons=(5,), **of_both).configs(), TABLE)
    save_shared(tmp_path / "shared", shared)
    before, after = (of.horizons[5].labels for of in (shared, open_shared(tmp_path / "shared")))
    assert before.known_by_output is not None
    assert np.array_equal(before.known_by_output, after.known_by_output)
    assert before.spec == after.spec


# ---- by the usual commands

OF_RETURNS = ("--target", "forward_return", "--set", "target.horizons=[1,5]")
SMALL = (*TINY[:2], *TINY[4:])  # without --horizon
QUICK = ("--json", "--quiet")


def test_several_horizons_are_trained_judged_and_predicted_at_once(cli: Cli, tmp_path: Path) -> None:
    run = cli("train", *SMALL, *OF_RETURNS, *QUICK)
    assert run.code == 0, run.err
    test = run.json["metrics"]["test"]
    assert test.keys() >= {"rmse", "rmse_forward_return_1", "rmse_forward_return_5", "mae_forward_return_5"}
    assert run.json["baselines"].keys() >= {"prior", "persistence", "ridge"}
    frame = pl.read_parquet(run.json["predictions"]).filter(pl.col("part") == "test")
    assert frame.columns[4:] == [f"{of}forward_return_{ahead}" for of in ("", "target_") for ahead in (1, 5)]
    for ahead in (1, 5):
        error = frame[f"forward_return_{ahead}"] - frame[f"target_forward_return_{ahead}"]
        assert test[f"rmse_forward_return_{ahead}"]["value"] == pytest.approx(float((error**2).mean()) ** 0.5)
    page = Path(run.json["report"]).read_text(encoding="utf-8")
    assert "1, 5 rows ahead" in page
    out = tmp_path / "predictions.parquet"
    said = cli("predict", "--model", run.json["run_id"][:8], "--source", "sp500", "-o", out, "--quiet")
    assert said.code == 0, said.err
    assert pl.read_parquet(out).columns == ["symbol", "time", "Date", "forward_return_1", "forward_return_5"]


def test_they_are_cross_validated_and_tuned(cli: Cli) -> None:
    said = cli("cv", *SMALL, *OF_RETURNS, "--n-splits", "2", "--models", "gru,ridge", *QUICK)
    assert said.code == 0, said.err
    assert all("rmse_forward_return_5" in fold["metrics"] for fold in said.json["folds"])
    tuned = cli("tune", *SMALL, *OF_RETURNS, "--n-trials", "2", "--n-splits", "2", *QUICK)
    assert tuned.code == 0, tuned.err


def test_quantiles_of_several_horizons_have_a_column_each(cli: Cli) -> None:
    run = cli("train", *SMALL, *OF_RETURNS, "--set", "target.quantiles=[0.1,0.9]", *QUICK)
    assert run.code == 0, run.err
    names = pl.read_parquet(run.json["predictions"]).columns[4:8]
    assert names == [f"forward_return_{ahead}_q{level}" for ahead in (1, 5) for level in (10, 90)]


# ---- what can't be


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"target.horizons": [1, 5]}, "horizons are of the numbers"),
        ({"target.kind": "forward_return", "target.horizons": [5, 1]}, "rising"),
        ({"target.kind": "forward_return", "target.horizons": [0, 1]}, "rising"),
        ({"target.kind": "forward_return", "target.horizons": [1, 5], "target.horizon": 3}, "must be the longest"),
    ],
)
def test_what_horizons_can_not_be_is_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(overrides=said)


def test_a_cross_validation_by_horizon_of_several_at_once_is_refused(cli: Cli) -> None:
    said = cli("cv", *SMALL, *OF_RETURNS, "--horizons", "2,5", "--n-splits", "2")
    assert said.code == 2
    assert "target.horizons" in said.err
    assert "leave out one of the two" in said.err
