"""The composition root under audit: a whole run must not notice what comes after validation.

The audit's checks call the parts one by one; this test holds the order in which `run_experiment` calls them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import torch

from audit_tables import random_walk, small_experiment
from gatewise.bundle import Bundle
from gatewise.experiment import prepare, run_experiment
from gatewise.proofs.corrupt import corrupt
from gatewise.samples import make_samples


def test_weights_scaler_and_validation_are_those_of_a_run_whose_test_part_was_corrupted(tmp_path: Path) -> None:
    config = small_experiment(
        model__hidden_size=8, model__num_layers=1, training__max_epochs=3, training__batch_size=128,
        evaluation__bootstrap_samples=50,
    )  # fmt: skip
    table = random_walk(1_500, seed=2)
    honest = run_experiment(prepare(config, table), tmp_path / "honest")
    reach = make_samples(config, table).reach_rows
    cut_us = table.time_us[honest.split.test[0] - reach]
    other = corrupt(table, table.time_us > cut_us, "other prices", np.random.default_rng(0))
    corrupted = run_experiment(prepare(config, other), tmp_path / "corrupted")

    assert np.array_equal(honest.split.train, corrupted.split.train)
    assert np.array_equal(honest.split.val, corrupted.split.val)
    one, two = Bundle.load(honest.bundle), Bundle.load(corrupted.bundle)
    assert one.record.scaler.to_dict() == two.record.scaler.to_dict()
    assert all(torch.equal(weight, two.record.weights[name]) for name, weight in one.record.weights.items())
    assert honest.trained.fit.best_epoch == corrupted.trained.fit.best_epoch

    said = [pl.read_parquet(run.predictions) for run in (honest, corrupted)]
    last_val = table.frame["time"][int(honest.split.val[-1])]
    val, other_val = (frame.filter(pl.col("time") <= last_val) for frame in said)
    assert val.height == honest.split.val.size
    assert val.equals(other_val)
    assert not said[0].filter(pl.col("time") > last_val).equals(said[1].filter(pl.col("time") > last_val))
