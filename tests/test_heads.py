"""Heads of lstm and gru: two layers as torch has them, and one logit as binary cross entropy has it.

A dropout on the wrong side, or a logit that stands for the other class, trains and scores like a model that is worse.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import gatewise
from gatewise.config.load import load_config
from gatewise.errors import ConfigError
from gatewise.models.recurrent import RecurrentNet
from gatewise.nn.initial import seeded
from gatewise.training.prior import start_below


def net(outputs: int = 2, **fields: Any) -> RecurrentNet:
    small = {"hidden_size": 6, "num_layers": 1, "dropout": 0.0} | fields
    return RecurrentNet("lstm", 4, outputs, generator=seeded(1), **small).eval()


X = torch.randn(5, 7, 4, generator=seeded(2))


def test_a_stacked_head_is_seed_003s() -> None:
    ours = net(3, bidirectional=True, head_hidden=8)
    theirs = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3)).eval()
    theirs.load_state_dict(ours.head.state_dict())
    torch.testing.assert_close(ours(X), theirs(ours.rnn(X, "last")))
    assert ours.output_bias is ours.head[-1].bias


def test_cross_entropy_of_a_single_logits_outputs_is_its_binary_cross_entropy() -> None:
    module, y = net(single_logit=True), torch.tensor([0, 1, 1, 0, 1])
    outputs = module(X)
    assert outputs.shape == (5, 2)
    z = module.head(module.rnn(X, "last"))[:, 0]
    ours = functional.cross_entropy(outputs, y)
    theirs = functional.binary_cross_entropy_with_logits(z, y.float())
    torch.testing.assert_close(ours, theirs)
    grads = [torch.autograd.grad(loss, module.head.weight, retain_graph=True)[0] for loss in (ours, theirs)]
    torch.testing.assert_close(*grads)


def test_a_single_logit_begins_lower_by_what_the_classes_weigh() -> None:
    module, log_weight = net(single_logit=True), torch.tensor([0.5, -1.0])
    before = module(X).softmax(dim=1)
    start_below(module, log_weight)
    torch.testing.assert_close((module(X) + log_weight).softmax(dim=1), before)


def test_a_single_logit_of_every_step() -> None:
    module = RecurrentNet("gru", 4, 2, 6, 1, 0.0, single_logit=True, readout="every", generator=seeded(1)).train()
    every = module(X)
    assert every.shape == (5, 7, 2)
    torch.testing.assert_close(every[:, -1], module.eval()(X))


def test_seed_003s_model_learns_weighted_classes_from_arrays() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 5, 3))
    y = (x[:, -1, 0] > 0.5).astype(int)
    fields = {"hidden_size": 8, "num_layers": 1, "dropout": 0.1, "head_hidden": 8, "single_logit": True}
    model = gatewise.SequenceModel(
        "lstm",
        bidirectional=True,
        batch_size=32,
        max_epochs=8,
        learning_rate=0.03,
        class_weights="balanced",
        verbose=0,
        **fields,
    )
    model.fit(x[:300], y[:300], x[300:], y[300:])
    assert model.score(x[300:], y[300:]) > 0.9


@pytest.mark.parametrize("kind", ["forward_return", "next_row"])
def test_a_single_logit_of_numbers_is_refused_when_a_config_is_read(kind: str) -> None:
    with pytest.raises(ConfigError, match="two classes"):
        load_config(overrides={"target.kind": kind, "model.single_logit": True})


def test_a_single_logit_of_three_classes_is_refused() -> None:
    with pytest.raises(ConfigError, match="3 outputs"):
        net(3, single_logit=True)


def test_arrays_whose_steps_do_not_fold_are_refused_with_what_does() -> None:
    x = np.zeros((40, 10, 2), np.float32)
    model = gatewise.SequenceModel("gru", input_patch=4, hidden_size=4, max_epochs=1, verbose=0)
    with pytest.raises(ConfigError, match="input_patch must divide"):
        model.fit(x, np.arange(40) % 2)
