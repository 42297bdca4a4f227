"""Every model of the zoo holds to the laws that its declaration calls for, and each law notices a model that breaks it.

What breaks them trains on and scores well: a step that sees the next one, a window that reads its neighbours, a count
kept on the side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gatewise.config.load import load_config
from gatewise.config.model_base import NetworkConfig
from gatewise.config.model_section import RecurrentConfig
from gatewise.models import registry
from gatewise.models.base import Network, NeuralSpec, TabularSpec
from gatewise.models.registry import MODELS, build_model
from gatewise.nn.initial import linear, seeded, uniform
from gatewise.proofs.laws.check import LAWS, check_law, laws_of
from gatewise.proofs.laws.tiny import FEATURES
from gatewise.tabular.base import TrainingRows
from zoo import NETWORKS, ROWS

OF_ROWS = ("last row alone", "symbol columns")
HELD = [(name, law) for name in MODELS for law in laws_of(name)]


@pytest.mark.parametrize(("name", "law"), HELD, ids=lambda value: value)
def test_the_law_holds(name: str, law: str) -> None:
    check = check_law(name, law)
    assert check.passed, check.detail


# Widths that are no multiple of four are summed in another order at the edge of a library's blocks of rows.
ODD_WIDTHS: dict[str, dict[str, Any]] = {
    "lstm": {"hidden_size": 10, "head_hidden": 10},
    "gru": {"hidden_size": 50},
    "tcn": {"channels": 10},
    "minlstm": {"hidden_size": 10},
    "transformer": {"hidden_size": 10, "num_heads": 2},
    "attentive_lstm": {"hidden_size": 10, "num_heads": 2},
    "segrnn": {"hidden_size": 10, "segment_length": 3},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_window_has_the_same_outputs_to_the_bit_wherever_it_stands_in_a_batch_of_any_width(name: str) -> None:
    config = load_config(overrides={"model.name": name} | {f"model.{k}": v for k, v in ODD_WIDTHS[name].items()}).model
    assert isinstance(config, NetworkConfig)
    network = build_model(config, 5, 3, generator=seeded(1)).eval()
    x_TBF, order = torch.randn(15, 64, 5, generator=seeded(2)), torch.randperm(64, generator=seeded(3))
    with torch.inference_mode():
        there, here = network(x_TBF[:, order].transpose(0, 1)), network(x_TBF.transpose(0, 1))[order]
    assert torch.equal(there, here)


def test_every_law_is_called_for_by_a_model_of_the_zoo_or_by_a_planted_one() -> None:
    assert {law for _, law in HELD} | {law for law, _ in FAULTS} == set(LAWS)


class Mean(Network):
    """A causal running mean and a linear head: the smallest network that holds to every law."""

    def __init__(self, width: int, outputs: int, readout: str, generator: torch.Generator | None) -> None:
        super().__init__()
        self.readout, self.calls = readout, 0
        self.scale = uniform((width,), 1.0, generator)
        self.head = linear(width, outputs, generator)

    @property
    def output_bias(self) -> Tensor:
        return self.head.bias

    def states(self, x_BTF: Tensor) -> Tensor:
        steps = torch.arange(1, x_BTF.shape[1] + 1, dtype=x_BTF.dtype)
        return x_BTF * self.scale + 0.1 * x_BTF.cumsum(dim=1) / steps[:, None]

    def forward(self, x_BTF: Tensor) -> Tensor:
        states = self.states(x_BTF)
        out: Tensor = self.head(states if self.training and self.readout == "every" else states[:, -1])
        return out


class Peeks(Mean):
    def states(self, x_BTF: Tensor) -> Tensor:
        return x_BTF * self.scale + 0.1 * x_BTF.mean(dim=1, keepdim=True)


class PeeksAtSigns(Mean):
    """Through what has no gradient."""

    def states(self, x_BTF: Tensor) -> Tensor:
        return x_BTF * self.scale + 0.1 * x_BTF[:, -1:].sign()


class DropsAlways(Mean):
    def states(self, x_BTF: Tensor) -> Tensor:
        return nn.functional.dropout(x_BTF * self.scale, 0.1)


class ReadsNeighbours(Mean):
    def states(self, x_BTF: Tensor) -> Tensor:
        return x_BTF * self.scale - x_BTF.mean(dim=0, keepdim=True)


class Counts(Mean):
    def states(self, x_BTF: Tensor) -> Tensor:
        self.calls += self.training
        return x_BTF * self.scale * (1 + 0.01 * self.calls)


class Draws(Mean):
    def states(self, x_BTF: Tensor) -> Tensor:
        return x_BTF * self.scale + (0.1 * torch.rand(()) if self.training else 0)


class TakesRoots(Mean):
    def states(self, x_BTF: Tensor) -> Tensor:
        return (x_BTF * self.scale).square().sqrt() + x_BTF


class AsksForNumbers(Mean):
    def states(self, x_BTF: Tensor) -> Tensor:
        return x_BTF * self.scale if float(self.scale.detach().sum()) < 1e9 else x_BTF


class DoublesItsBias(Mean):
    def forward(self, x_BTF: Tensor) -> Tensor:
        return 2 * super().forward(x_BTF)


class SaysSteps(Mean):
    def forward(self, x_BTF: Tensor) -> Tensor:
        out: Tensor = self.head(self.states(x_BTF))
        return out


class ReadsNoSymbol(Mean):
    def states(self, x_BTF: Tensor) -> Tensor:
        return super().states(torch.cat([x_BTF[..., :3], 0 * x_BTF[..., 3:]], dim=-1))


class Says(Mean):
    """The same whatever it sees."""

    def states(self, x_BTF: Tensor) -> Tensor:
        return 1e-3 * x_BTF * self.scale.detach() * self.scale.sum().sign().detach() + 0 * self.scale


def spec_of(network: type[Mean], **declared: Any) -> NeuralSpec:
    def build(config: Any, width: int, outputs: int, readout: str, generator: torch.Generator | None) -> Network:
        return network(width, outputs, readout, generator)

    made = NeuralSpec("", "", RecurrentConfig, build, lambda module, x_BTF: module.states(x_BTF))
    return replace(made, **declared)


def even(module: nn.Module, x_BTF: Tensor) -> Tensor:
    return torch.full(x_BTF.shape[:2], 1 / x_BTF.shape[1])


def causal_means(module: nn.Module, x_BTF: Tensor) -> Tensor:
    """Attention of one layer and head whose steps take as much of each step up to them."""
    steps = x_BTF.shape[1]
    shares = torch.ones(steps, steps).tril() / torch.arange(1, steps + 1)[:, None]
    return shares.expand(len(x_BTF), 1, 1, steps, steps)


# law -> what breaks it
FAULTS: list[tuple[str, Callable[[], NeuralSpec]]] = [
    ("no later step", lambda: spec_of(Peeks)),
    ("no later step", lambda: spec_of(PeeksAtSigns)),
    ("evaluation", lambda: spec_of(DropsAlways)),
    ("hidden states", lambda: spec_of(Peeks)),
    ("hidden states", lambda: spec_of(Mean, hidden_states=lambda module, x_BTF: module.states(x_BTF)[:, -1])),
    ("rows apart", lambda: spec_of(ReadsNeighbours)),
    ("resumes", lambda: spec_of(Counts)),
    ("seeds", lambda: spec_of(Draws)),
    ("gradients", lambda: spec_of(TakesRoots)),
    ("fleet", lambda: spec_of(AsksForNumbers)),
    ("exports", lambda: spec_of(AsksForNumbers)),
    ("output bias", lambda: spec_of(DoublesItsBias)),
    ("shapes", lambda: spec_of(SaysSteps)),
    ("symbols", lambda: spec_of(ReadsNoSymbol)),
    ("learns", lambda: spec_of(Says)),
    ("maps", lambda: spec_of(Mean, maps=lambda module, x_BTF: 2 * even(module, x_BTF))),
    ("attention", lambda: spec_of(Mean, attention=lambda module, x_BTF: 2 * causal_means(module, x_BTF))),
    ("attention", lambda: spec_of(Mean, attention=lambda module, x_BTF: causal_means(module, x_BTF)[:, 0])),
    ("attention", lambda: spec_of(Mean, attention=lambda module, x_BTF: causal_means(module, x_BTF).flip(-1, -2))),
]


@pytest.mark.parametrize("law", [law for law in LAWS if law not in OF_ROWS])
def test_a_model_without_faults_passes(law: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.MODELS, "lstm", spec_of(Mean, maps=even, attention=causal_means))
    check = check_law("lstm", law)
    assert check.passed, check.detail


@pytest.mark.parametrize(("law", "spec"), FAULTS)
def test_a_law_notices_what_breaks_it(
    law: str, spec: Callable[[], NeuralSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.MODELS, "lstm", spec())
    assert law in laws_of("lstm")
    check = check_law("lstm", law)
    assert not check.passed
    assert "\n" not in check.detail


@pytest.mark.parametrize("law", ["no luck", "same again", "kept", "alone", "levels", "last row alone"])
def test_laws_of_learning_notice_a_model_of_one_row_that_breaks_them(law: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from gatewise.learners.tabular import TabularPredictor
    from gatewise.proofs.laws import learning

    count, honest = [0], TabularPredictor.predict

    def predict(self: TabularPredictor, inputs: Any) -> Any:
        count[0] += 1
        if law == "levels":
            inputs = replace(inputs, values=inputs.values.astype(np.float32))
        said = honest(self, inputs)
        neighbour = inputs.values[inputs.rows - 1, :1]
        return {
            "same again": said + count[0],
            "kept": said + count[0],
            "alone": said + len(inputs.rows),
            "last row alone": said + neighbour,
        }.get(law, said)

    monkeypatch.setattr(TabularPredictor, "predict", predict)
    if law == "no luck":
        monkeypatch.setattr(learning, "_score", lambda *_: 0.9)
    assert not check_law("ridge", law).passed


@pytest.mark.parametrize("name", ROWS)
def test_a_model_of_one_row_that_reads_no_symbol_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = cast(TabularSpec, MODELS[name])

    def fit(rows: TrainingRows, config: Any) -> Any:
        blind = rows.x.copy()
        blind[:, FEATURES:] = 0
        return spec.fit(replace(rows, x=blind), config)

    monkeypatch.setitem(registry.MODELS, name, replace(spec, fit=fit))
    assert not check_law(name, "symbol columns").passed


def test_the_command_names_each_law_and_fails_with_it(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = cli("models", "check", "ridge", "--json")
    assert answer.code == 0
    assert [check["name"] for check in answer.json["checks"]] == laws_of("ridge")
    monkeypatch.setitem(registry.MODELS, "ridge", replace(cast(Any, MODELS["ridge"]), fit=lambda rows, config: 1 / 0))
    broken = cli("models", "check", "ridge")
    assert broken.code == 1
    assert "FAIL  learns" in broken.out
    assert "ZeroDivisionError" in broken.out
    unknown = cli("models", "check", "rigde")
    assert unknown.code == 2
    assert "did you mean 'ridge'?" in unknown.err
