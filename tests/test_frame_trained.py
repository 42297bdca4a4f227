"""A framed network from a table to predictions in the source's unit: levels come off and go back on in one unit.

A feature scaled otherwise than the label that continues it would leave forecasts a little off, each column by another.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from audit_tables import random_walk
from gatewise.bundle import Bundle
from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError
from gatewise.experiment import Prepared, prepare
from gatewise.learners.account import account_of
from gatewise.learners.neural import Neural, NeuralPredictor, build
from gatewise.learners.neural_fleet import MemberTask, train_fleet
from gatewise.learners.table import train_model
from gatewise.training.listeners import Listeners

COLUMNS = ["close", "high", "volume"]
TABLE = random_walk(400, gaps=1, symbols="AB")
FRAMES: dict[str, dict[str, Any]] = {
    "last value": {"model.name": "gru", "model.last_value": True},
    "series of their own": {
        "model.name": "lstm", "model.last_value": True, "model.input_patch": 2, "model.channel_independent": True,
    },
    "segrnn": {"model.name": "segrnn", "model.segment_length": 4},
}  # fmt: skip


def config_of(**more: Any) -> ExperimentConfig:
    usual = {
        "features.sets": [], "features.columns": COLUMNS, "target.kind": "next_row", "target.horizon": 1,
        "target.columns": COLUMNS[::-1], "windows.sequence_length": 8, "model.hidden_size": 4, "model.num_layers": 1,
        "model.dropout": 0.2, "training.max_epochs": 2, "training.batch_size": 32, "training.device": "cpu",
        "evaluation.bootstrap_samples": 50,
    }  # fmt: skip
    if more.keys() & {"target.steps", "target.horizons"}:
        del usual["target.horizon"]
    if more.get("model.name") == "segrnn":
        del usual["model.num_layers"]
    return load_config(overrides=usual | more)


def prepared_of(**more: Any) -> Prepared:
    return prepare(config_of(**more), TABLE)


@pytest.mark.parametrize("scaling", [{}, {"features.scaler": "minmax", "features.scale_by": "symbol"}])
@pytest.mark.parametrize("ahead", [{"target.steps": 3}, {"target.horizon": 1}])
@pytest.mark.parametrize("frame", FRAMES)
def test_a_model_that_has_learned_nothing_says_the_present_values_again(
    frame: str, ahead: dict[str, Any], scaling: dict[str, Any]
) -> None:
    prepared = prepared_of(**FRAMES[frame], **ahead, **scaling)
    samples, rows = prepared.samples, prepared.split.test
    predictor = Neural().sketch(prepared.config, samples, prepared.fold, prepared.split.train)
    assert isinstance(predictor, NeuralPredictor)
    for parameter in predictor.module.parameters():
        torch.nn.init.zeros_(parameter)
    bundle = Bundle.of(prepared.config, samples, prepared.fold, predictor)
    said = bundle.predict_rows(samples.table, samples.matrix, rows).reshape(len(rows), -1, len(COLUMNS))
    present = samples.table.frame.select(COLUMNS[::-1]).to_numpy()[rows]
    np.testing.assert_allclose(said, np.broadcast_to(present[:, None], said.shape), rtol=1e-4)


@pytest.mark.parametrize("frame", FRAMES)
def test_what_is_trained_predicts_the_same_from_its_folder_and_as_a_member_of_a_fleet(
    frame: str, tmp_path: Path
) -> None:
    prepared = prepared_of(**FRAMES[frame], **{"target.steps": 3})
    samples, split = prepared.samples, prepared.split
    alone = train_model(prepared.config, samples, prepared.fold, split.train, split.val, Listeners(()))
    bundle = Bundle.of(prepared.config, samples, prepared.fold, alone.predictor)
    bundle.save(tmp_path / "bundle")
    before = bundle.predict_rows(samples.table, samples.matrix, split.test)
    after = Bundle.load(tmp_path / "bundle").predict_rows(samples.table, samples.matrix, split.test)
    assert np.array_equal(before, after)
    task = MemberTask(prepared.config, samples, prepared.fold, split.train, split.val)
    for member in train_fleet([task, task], [Listeners(()), Listeners(())]):
        assert not isinstance(member, Exception)
        ours, theirs = member.predictor.tensors(), alone.predictor.tensors()
        assert max(float((ours[name] - theirs[name]).abs().max()) for name in theirs) < 1e-4


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"target.learn": "changes"}, "at their levels"),
        ({"features.columns_as": "changes"}, "at their levels"),
        ({"target.columns": ["low"]}, "at their levels"),
        ({"target.horizons": [1, 3]}, "at their levels"),
        ({"model.channel_independent": True, "target.columns": ["close"]}, "of 3 features 1"),
    ],
)
def test_what_can_not_be_continued_is_refused_before_anything_is_begun(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        prepared_of(**{"model.last_value": True} | more)


@pytest.mark.parametrize("onehot", [False, True])
@pytest.mark.parametrize("frame", FRAMES)
def test_the_memory_account_is_of_the_network_that_is_trained(frame: str, onehot: bool) -> None:
    config = config_of(**FRAMES[frame], **{"target.steps": 5, "features.symbol_onehot": onehot})
    samples = prepare(config, TABLE).samples
    account = account_of(config, samples.matrix.names, samples.labels.spec, len(TABLE.symbols))
    weights = {name: value.numel() for name, value in build(config, samples).named_parameters()}
    # segrnn's vectors of each series, which tell them apart in a batch, are counted as one series' here.
    told = sum(count for name, count in weights.items() if name.endswith((".channel", ".position")))
    assert account(32).weights == pytest.approx(8 * sum(weights.values()), abs=8 * told)
