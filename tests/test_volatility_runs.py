"""Realised volatility through every door: trained, cross-validated, searched, put together, predicted and drawn.

Its history is the one feature that depends on the target: one horizon's means in another's matrix would train as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import gatewise as gw
from api_frames import bars
from audit_tables import random_walk
from gatewise.config.load import load_config
from gatewise.jobs.shared import SharedData, make_shared
from gatewise.samples import make_samples
from gatewise.targets.history import NAMES

SMALL: dict[str, Any] = {
    "target": "realized_volatility", "horizon": 2, "sets": [], "history": True, "seq_len": 4, "embargo_rows": 2,
    "progress": False, "device": "cpu",
}  # fmt: skip
NETWORK: dict[str, Any] = {"hidden_size": 3, "num_layers": 1, "batch_size": 64, "max_epochs": 2}


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("GATEWISE_HOME", str(folder))
        yield folder


def test_every_horizon_of_a_cross_validation_reads_its_own_history() -> None:
    said = {"target.kind": "realized_volatility", "features.sets": ["ohlcv"], "features.history": True}
    said |= {"windows.sequence_length": 4, "split.embargo_rows": 2, "cv.n_splits": 2}
    table = random_walk(900, symbols="AB", gaps=1)
    configs = [load_config(overrides=said | {"target.horizon": horizon}) for horizon in (2, 5)]
    made = make_shared(configs, table)
    for shared in (made, SharedData.from_arrays(*made.to_arrays())):
        for config in configs:
            alone, samples = make_samples(config, table), shared.samples(config)
            assert samples.matrix.names == alone.matrix.names
            assert samples.matrix.names[-3:] == NAMES
            np.testing.assert_array_equal(samples.matrix.values, alone.matrix.values)
            np.testing.assert_array_equal(samples.rows, alone.rows)
            assert samples.labels.history is not None
            assert alone.labels.history is not None
            np.testing.assert_array_equal(samples.labels.history.columns, alone.labels.history.columns)
            assert samples.labels.history.lookback == alone.labels.history.lookback


def test_what_is_fitted_predicts_the_same_of_a_file_and_says_the_volatility() -> None:
    frame = bars("AAA")
    result = gw.fit(frame, loss="qlike", **SMALL, **NETWORK)
    assert result.bundle.required_columns == ("close",)
    newest = frame.tail(120)
    predictions = newest.select("time").hstack(result.predict(newest)).drop_nulls()
    np.testing.assert_allclose(predictions["volatility"], np.exp(predictions["log_volatility"].to_numpy()))
    run = pl.read_parquet(result.folder / "predictions.parquet").with_columns(time=pl.col("source_time"))
    both = run.join(predictions, on="time", suffix="_again")
    assert both.height > 50
    assert both["log_volatility"].to_list() == both["log_volatility_again"].to_list()
    assert {"random_walk", "mean_5", "ridge", "xgboost", "prior"} <= result.to_dict()["baselines"].keys()
    page = Path(result.report()).read_text("utf-8")
    for title in ("Volatility in time", "Realised over predicted", "By hour of the day", "logs of variances"):
        assert title in page


def test_quantiles_of_it_can_be_asked() -> None:
    result = gw.fit(bars("AAA"), quantiles=[0.1, 0.5, 0.9], **SMALL, **NETWORK)
    assert {"q10", "q50", "q90"} <= set(result.predict(bars("AAA")).columns)


@pytest.mark.parametrize("model", ["voting", "stacking"])
def test_ensembles_take_it(model: str) -> None:
    base = ["last_row:ridge", "last_row:xgboost"]
    result = gw.fit(bars("AAA", rows=2_000), model=model, base_models=base, **SMALL | {"horizon": 1})
    assert np.isfinite(result.to_dict()["metrics"]["test"]["qlike"]["value"])


def test_it_is_cross_validated_as_a_fleet_and_searched() -> None:
    frame = bars("AAA")
    compared = gw.cv(
        frame, models="lstm", horizons=[1, 2], n_splits=2, seeds=2, workers=1, fleet="on",
        **{name: value for name, value in SMALL.items() if name != "horizon"}, **NETWORK,
    )  # fmt: skip
    assert {"lstm@1", "lstm@2", "prior@1", "prior@2"} <= compared.metrics.keys()
    few = {name: value for name, value in NETWORK.items() if name != "hidden_size"}
    searched = gw.tune(frame, space={"hidden_size": [2, 3]}, n_trials=2, n_splits=2, workers=0, **SMALL, **few)
    assert searched.trials.height == 2


def test_arrays_know_no_volatility() -> None:
    with pytest.raises(gw.errors.GatewiseError):
        gw.SequenceModel("lstm", task="realized_volatility").fit(torch.zeros(9, 3, 2).numpy(), np.ones(9))
