"""Losses against closed forms in NumPy, their gradients against differences, and how they are said in a config.

A loss with a wrong constant trains, falls and stops like the right one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.func import grad, vmap

from fleet_members import FP32 as PRECISION
from fleet_members import alone, largest_difference, recorders, spec_of, various
from gatewise.config.load import build_config, load_config, to_yaml
from gatewise.config.loss_section import LOSS_CONFIGS, LossConfig
from gatewise.config.schema import TrainingConfig
from gatewise.errors import ConfigError, UnknownNameError
from gatewise.training.fleet.fit import fit_fleet
from gatewise.training.losses import LOSSES, make_loss
from gatewise.training.objective import Objective
from gatewise.windows import Batch

Floats = npt.NDArray[np.float64]
CLASSES = 4


def of(name: str, **fields: Any) -> LossConfig:
    return TrainingConfig(loss={"name": name, **fields}).loss


def log_loss(outputs: Floats, y: npt.NDArray[np.int64], smoothing: float) -> Floats:
    log_shares = outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))
    wanted = np.eye(CLASSES)[y] * (1 - smoothing) + smoothing / CLASSES
    return np.asarray(-(wanted * log_shares).sum(axis=1))


def huber_of(error: Floats, delta: float) -> Floats:
    size = np.abs(error)
    return np.asarray(np.where(size <= delta, error**2 / 2, delta * (size - delta / 2)).mean(axis=1))


# name, its parameters -> [N] from float64 outputs and y; held against what the loss gives in float64
CLOSED: list[tuple[LossConfig, Callable[..., Floats]]] = [
    (of("cross_entropy"), lambda outputs, y: log_loss(outputs, y, 0.0)),
    (of("cross_entropy", label_smoothing=0.3), lambda outputs, y: log_loss(outputs, y, 0.3)),
    (of("mse"), lambda outputs, y: ((outputs - y) ** 2).mean(axis=1)),
    (of("mae"), lambda outputs, y: np.abs(outputs - y).mean(axis=1)),
    (of("huber"), lambda outputs, y: huber_of(outputs - y, 1.0)),
    (of("huber", delta=0.25), lambda outputs, y: huber_of(outputs - y, 0.25)),
    (of("huber", delta=30.0), lambda outputs, y: huber_of(outputs - y, 30.0)),
    (of("qlike"), lambda outputs, y: (np.exp(y - outputs) - (y - outputs) - 1).mean(axis=1)),
    (of("pinball"), lambda outputs, y: np.abs(outputs - y).mean(axis=1) / 2),  # of medians; others in test_quantiles.py
]


def kind_of(config: LossConfig) -> str:
    return config.output_kinds[0]


every_loss = pytest.mark.parametrize("config", [config for config, _ in CLOSED], ids=str)


def sample(config: LossConfig, seed: int, samples: int = 9) -> tuple[Tensor, Tensor]:
    """float64 outputs [N, K] and labels that lie off a loss's kinks."""
    random = np.random.default_rng(seed)
    outputs = torch.from_numpy(random.normal(0, 3, (samples, CLASSES)))
    if kind_of(config) == "classes":
        return outputs, torch.from_numpy(random.integers(0, CLASSES, samples))
    return outputs, outputs + torch.from_numpy(random.choice([-1, 1], outputs.shape) * random.uniform(0.3, 40, 1))


def test_every_loss_is_in_this_page() -> None:
    assert {config.name for config, _ in CLOSED} == LOSSES.keys() == LOSS_CONFIGS.keys() - {"auto"}


@pytest.mark.parametrize(("config", "closed"), CLOSED, ids=lambda value: str(value) if callable(value) is False else "")
@given(seed=st.integers(0, 2**32))
def test_a_loss_is_its_closed_form_for_each_sample(config, closed, seed) -> None:
    outputs, y = sample(config, seed)
    found = make_loss(config, kind_of(config))(outputs, y)
    assert found.shape == (9,)
    np.testing.assert_allclose(found.numpy(), closed(outputs.numpy(), y.numpy()), rtol=1e-12, atol=1e-12)


@every_loss
@pytest.mark.parametrize("seed", range(3))
def test_a_losss_gradient_is_that_of_finite_differences(config, seed) -> None:
    outputs, y = sample(config, seed)
    loss = make_loss(config, kind_of(config))
    assert torch.autograd.gradcheck(lambda z: loss(z, y), outputs.requires_grad_())


def test_a_smoothing_of_nothing_is_plain_cross_entropy_to_the_bit() -> None:
    outputs, y = sample(of("cross_entropy"), 5)
    plain = torch.nn.functional.cross_entropy(outputs.float(), y, reduction="none")
    assert torch.equal(make_loss(of("cross_entropy"), "classes")(outputs.float(), y), plain)
    assert torch.equal(make_loss(of("auto"), "classes")(outputs.float(), y), plain)


@pytest.mark.parametrize(
    ("config", "weighs_classes"),
    [(config, False) for config, _ in CLOSED]
    + [(config, True) for config, _ in CLOSED if kind_of(config) == "classes"],
    ids=str,
)
def test_a_members_loss_and_gradient_in_a_fleet_are_those_alone_to_the_bit(config, weighs_classes) -> None:
    objective = Objective(make_loss(config, kind_of(config)), PRECISION)
    drawn = [sample(config, seed) for seed in range(3)]
    outputs, y = torch.stack([z for z, _ in drawn]).float(), torch.stack([y for _, y in drawn])
    y = y if kind_of(config) == "classes" else y.float()
    weight, x = torch.rand(3, 9), torch.zeros(3, 9, 2, 1)
    log_weight = torch.rand(3, CLASSES) if weighs_classes else None

    def one(z: Tensor, tensors: dict[str, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        batch = Batch(**tensors)
        loss_N, outputs_NK = objective(lambda _: z, batch)
        return (loss_N * batch.weight).sum(), (loss_N, objective.sums(loss_N, outputs_NK, batch))

    step, stacked = grad(one, has_aux=True), Batch(x, y, weight, None, log_weight).tensors()
    gradients, told = vmap(step)(outputs, stacked)
    for k in range(3):
        alone, (loss_N, sums) = step(outputs[k], {name: tensor[k] for name, tensor in stacked.items()})
        assert torch.equal(gradients[k], alone)
        assert torch.equal(told[0][k], loss_N)
        assert torch.equal(told[1][k], sums)


@pytest.mark.parametrize(
    ("num_classes", "loss"),
    [(0, {"name": "huber", "delta": 0.2}), (0, "mae"), (3, {"name": "cross_entropy", "label_smoothing": 0.2})],
)
def test_a_fleet_trains_with_a_losss_parameters_as_members_do_alone(num_classes, loss) -> None:
    apart, together, usual = (various(num_classes=num_classes, loss=said) for said in (loss, loss, "auto"))
    for member in (*apart, *usual):
        alone(member, num_classes)
    fit_fleet(together, PRECISION, spec_of(num_classes), recorders(len(together)))
    for one, other, plain in zip(together, apart, usual, strict=True):
        assert largest_difference(one.model, other.model) < 1e-5
        assert largest_difference(one.model, plain.model) > 1e-3, "the parameter must reach the step"


# ---- in a config


@pytest.mark.parametrize("name", LOSS_CONFIGS)
def test_a_name_is_short_for_a_loss_with_its_defaults(name: str) -> None:
    short, long = TrainingConfig(loss=name), TrainingConfig(loss={"name": name})
    assert short == long
    assert long.model_dump(mode="json")["loss"]["name"] == name


@pytest.mark.parametrize(
    "spelled",
    [
        {"name": "huber", "delta": 0.5},
        {"name": "mse"},
        "mae",
        "{name: huber, delta: 0.5}",
        {"name": "huber", "delta": 1},
    ],
)
def test_every_door_takes_both_spellings_and_gives_them_back(spelled, tmp_path) -> None:
    value = yaml.safe_load(spelled) if isinstance(spelled, str) else spelled
    target = {"target.kind": "forward_return"}
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"target": {"kind": "forward_return"}, "training": {"loss": value}}))
    configs = [
        load_config(overrides=target | {"training.loss": value}),
        load_config(assignments=[f"training.loss={spelled if isinstance(spelled, str) else yaml_line(spelled)}"],
                    overrides=target),
        load_config(file),
    ]  # fmt: skip
    again = [build_config(yaml.safe_load(to_yaml(config))) for config in configs]
    assert {config.training.loss for config in (*configs, *again)} == {configs[0].training.loss}
    assert {config.digest for config in (*configs, *again)} == {configs[0].digest}


def yaml_line(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True).strip()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("{name: huber, delta: 0}", "training.loss.delta: must be greater than 0"),
        ("{name: huber, delta: true}", "training.loss.delta: must not be true or false"),
        ("{name: cross_entropy, label_smoothing: 1}", "training.loss.label_smoothing: must be less than 1"),
        ("{delta: 1}", "training.loss.delta belongs to huber; training.loss.name is auto"),
        ("null", "loss.name must be text; got "),
        ("[huber]", "loss.name must be text; got "),
        ("3", "loss.name must be text; got "),
        ("mse", "training.loss mse is for values, sequences and volatility; target.kind is triple_barrier"),
        (
            "{name: huber, delta: 2}",
            "training.loss huber is for values, sequences and volatility; target.kind is triple_barrier",
        ),
    ],
)
def test_what_is_wrong_with_a_loss_is_said_in_a_line(said: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(assignments=[f"training.loss={said}"])
    assert refused.value.message.startswith(words)


@pytest.mark.parametrize(
    ("said", "near"),
    [("hubber", "huber"), ("{name: huber, dleta: 1}", "delta"), ("{name: crossentropy}", "cross_entropy")],
)
def test_an_unknown_loss_or_field_of_one_is_refused_with_the_nearest(said: str, near: str) -> None:
    with pytest.raises(UnknownNameError) as refused:
        load_config(assignments=[f"training.loss={said}"])
    assert f"did you mean {near!r}?" in (refused.value.hint or "")


@pytest.mark.parametrize(("config", "kind"), [("mse", "classes"), ("huber", "classes"), ("cross_entropy", "values")])
def test_a_loss_of_another_kind_of_outputs_is_refused_where_both_are_known(config: str, kind: str) -> None:
    with pytest.raises(ConfigError, match=f"{config} is for"):
        make_loss(of(config), kind)
