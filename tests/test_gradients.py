"""Integrated gradients: parts that do not sum to what they explain, or of another feature, still make a fine picture.

A linear model has its parts in closed form, captum has those of any network, and the sum is known of all.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from gatewise.config.schema import ExperimentConfig, model_config
from gatewise.errors import ConfigError, UnknownNameError
from gatewise.explain.gradients import TOLERANCE, converged_gradients, integrated_gradients, window_gradients
from gatewise.explain.outputs import Explained, explained
from gatewise.learners.tabular import TabularPredictor
from gatewise.models.base import Network
from gatewise.models.registry import build_model
from gatewise.nn.initial import seeded
from gatewise.targets.outputs.base import OutputSpec
from gatewise.targets.outputs.classes import Classes
from test_outputs import SPECS
from zoo import NETWORKS

STEPS, FEATURES = 8, 5
NOTHING = np.empty(0)


def window(seed: int = 1) -> Tensor:
    return torch.randn(STEPS, FEATURES, generator=seeded(seed))


def network(name: str, outputs: int = 3) -> Network:
    config_class = model_config(name)
    assert config_class is not None
    config = config_class.model_validate({"name": name, **config_class.tiny})
    return build_model(config, FEATURES, outputs, generator=seeded(3)).eval()


def of_kind(spec: OutputSpec, output: str | None = None) -> Explained:
    floor = np.zeros(len(spec.classes))
    return explained(spec, np.linspace(0.1, 0.9, spec.num_outputs), floor, output)


def test_the_parts_of_a_linear_model_are_its_weights_times_the_way_from_the_baseline() -> None:
    weights_TF, x_TF = window(2), window()
    for baseline in (0.0, 0.5):
        made = integrated_gradients(lambda x: (x * weights_TF).sum(dim=(1, 2)) + 7, x_TF, baseline, 3)
        assert made.parts == pytest.approx(((x_TF - baseline) * weights_TF).numpy(), rel=1e-5)
        assert made.baseline_output == pytest.approx(float(7 + baseline * weights_TF.sum()), rel=1e-5)
        assert abs(made.gap) < 1e-4


@pytest.mark.parametrize("name", NETWORKS)
def test_a_networks_parts_are_captums_and_sum_to_what_they_explain(name: str) -> None:
    module, what, x_TF = network(name), of_kind(Classes(("down", "flat", "up"))), window()

    def score(x: Tensor) -> Tensor:
        return what.score(module(x))

    ours = integrated_gradients(score, x_TF, 0.0, 64)
    theirs = IntegratedGradients(score).attribute(x_TF[None], 0.0, n_steps=64, method="gausslegendre")[0]
    assert ours.parts == pytest.approx(theirs.detach().numpy(), abs=1e-5)
    made = converged_gradients(score, x_TF, 0.0)
    assert abs(made.gap) <= 5 * TOLERANCE * abs(made.output - made.baseline_output)
    assert abs(made.parts).max() > 1e-4


def test_kinks_take_more_points() -> None:
    def kinked(x: Tensor) -> Tensor:
        return (x.sum(dim=(1, 2)) - 0.3 * window().sum()).abs()

    few = integrated_gradients(kinked, window(), 0.0, 4)
    made = converged_gradients(kinked, window(), 0.0)
    assert abs(made.gap) < abs(few.gap)
    assert made.points > 64 or abs(made.gap) <= TOLERANCE * abs(made.output - made.baseline_output)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_what_is_explained_of_a_kind_is_in_its_predictions(spec: OutputSpec) -> None:
    raw = np.random.default_rng(0).normal(size=(6, spec.num_outputs))
    predicted = spec.predictions(raw, np.zeros(len(spec.classes)))
    for output in (None, *(spec.classes or spec.columns)):
        what = of_kind(spec, output)
        score = what.score(torch.from_numpy(raw)).numpy()
        if what.share is None:
            chosen = spec.classes.index(what.words.removeprefix("log odds of "))
            assert score == pytest.approx(np.log(predicted[:, chosen] / (1 - predicted[:, chosen])))
        else:
            assert what.share.sum() == pytest.approx(1)
            assert score == pytest.approx(predicted @ what.share)
    with pytest.raises(UnknownNameError, match="unknown output 'nothing'"):
        of_kind(spec, "nothing")


def test_a_class_is_explained_among_those_that_training_saw() -> None:
    spec = Classes(("down", "flat", "up"))
    floor = np.array([0.0, 0.0, 0.01])
    raw = torch.tensor([[1.0, 0.2, 50.0]])
    what = explained(spec, np.array([0.2, 0.1, 0.7]), floor)
    assert what.words == "log odds of down"
    assert float(what.score(raw)) == pytest.approx(0.8)
    with pytest.raises(UnknownNameError, match="class in training 'up'"):
        explained(spec, np.array([0.2, 0.1, 0.7]), floor, "up")


def test_a_model_without_gradient_is_told_what_it_has() -> None:
    config = ExperimentConfig.model_validate({"model": {"name": "ridge"}, "target": {"kind": "forward_return"}})
    predictor: Any = TabularPredictor(cast(Any, None))
    inputs: Any = SimpleNamespace(config=config)
    with pytest.raises(ConfigError, match="ridge has no gradient") as caught:
        window_gradients(predictor, inputs, of_kind(SPECS["values"]))
    assert "leave the time out" in str(caught.value.hint)
    told: Any = {"model": {"name": "har"}, "target": {"kind": "realized_volatility"}}
    inputs = SimpleNamespace(config=ExperimentConfig.model_validate(told))
    with pytest.raises(ConfigError, match="har has no gradient") as caught:
        window_gradients(predictor, inputs, of_kind(SPECS["values"]))
    assert "leave the time out" not in str(caught.value.hint), "it has no importances either"
