"""Every seed that a config takes is taken by all that draws, and any other is refused before anything is trained.

A seed that only the last of the parts refuses costs the whole training; one that two parts cut short differently makes
a run that can't be told from another.
"""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from conftest import TINY, Cli
from gatewise.config.load import build_config, load_config
from gatewise.errors import ConfigError
from gatewise.evaluation.baselines import fit_class_baselines, fit_value_baselines
from gatewise.evaluation.bootstrap import Moments, draw
from gatewise.nn.dropout import epoch_key
from gatewise.registry.limits import flat_params
from gatewise.selection.cv.plan import Plan
from gatewise.selection.luck.snooping import data_snooping
from gatewise.selection.tuning.sampling import make_sampler
from gatewise.selection.tuning.space import Choice, SearchSpace
from gatewise.windows import epoch_order

EDGES = (0, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53 + 1, 2**63 - 1)
seeds = st.one_of(st.sampled_from(EDGES), st.integers(0, 2**63 - 1))


@given(seeds)
def test_a_seed_comes_back_from_json_and_from_parameters_as_it_was(seed: int) -> None:
    config = load_config(overrides={"training.seed": seed})
    assert build_config(json.loads(json.dumps(config.to_dict()))).training.seed == seed
    assert dict(flat_params(config.to_dict()))["training.seed"] == str(seed)
    assert pl.Series([seed], dtype=pl.Int64)[0] == seed


@given(seeds)
def test_every_seed_shuffles_masks_initialises_searches_and_resamples(seed: int) -> None:
    assert sorted(epoch_order(torch.arange(5), seed, 3).tolist()) == [0, 1, 2, 3, 4]
    assert 0 <= epoch_key(seed, 3) < 2**63
    torch.Generator().manual_seed(seed)
    for name in ("tpe", "random", "grid"):
        make_sampler(name, seed, SearchSpace((Choice("dropout", (0.1, 0.2)),)))
    assert draw(Moments(np.arange(20), 20, 1.0), 2, 3, seed) is not None


@pytest.mark.parametrize("seed", EDGES)
def test_every_seed_fits_baselines_and_tests_for_luck(seed: int) -> None:
    noise = np.random.default_rng(1)
    x, y, time_us = noise.normal(size=(60, 2)).astype(np.float32), noise.integers(0, 2, 60), np.arange(60)
    assert fit_class_baselines(x, y, 2, time_us, time_us + 1, seed)["xgboost"](x) is not None
    values = y[:, None].astype(np.float32)
    assert fit_value_baselines(x, values, time_us, time_us + 1, seed)["xgboost"](x) is not None
    losses = noise.normal(size=(60, 2))
    options = {"block": 2, "confidence": 0.95, "samples": 20, "seed": seed}
    assert data_snooping(losses, losses.mean(1), ["a", "b"], **options) is not None


@pytest.mark.parametrize("seed", [-1, 2**63, 2**64, "many", 1.5])
def test_a_seed_that_no_part_could_take_is_refused_by_the_config(seed: object) -> None:
    with pytest.raises(ConfigError, match=r"training\.seed"):
        load_config(overrides={"training.seed": seed})


def test_seeds_that_would_count_past_the_largest_are_refused_by_the_plan() -> None:
    config = load_config(overrides={"training.seed": 2**63 - 2})
    assert Plan({"lstm": config}, (3,), 2).seeds("lstm")[-1] == 2**63 - 1
    with pytest.raises(ConfigError, match=r"below 2\*\*63"):
        Plan({"lstm": config}, (3,), 3)


@pytest.mark.parametrize("seed", [2**32, 2**63 - 1])
def test_a_run_takes_a_large_seed_from_end_to_end(cli: Cli, seed: int) -> None:
    said = cli("train", *TINY, "--max-epochs", 1, "--seed", seed, "--json", "--quiet")
    assert (said.code, said.err) == (0, "")
    assert said.json["baselines"]["xgboost"]
