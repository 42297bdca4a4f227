"""What one's own models and feature sets do wrong is said in one line, before anything rests on it.

The page's own example is spoilt in one place each.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch

from conftest import Cli
from gatewise.config.load import load_config
from gatewise.data.table import OHLCV
from gatewise.errors import ConfigError
from gatewise.features.build import resolve_features
from gatewise.learners.neural import build
from gatewise.learners.table import train_model
from gatewise.proofs.laws.check import check_law
from gatewise.proofs.laws.tiny import FEATURES, STEPS, Tiny
from gatewise.training.memory import memory_of
from page_examples import example

HEAD = "self.head(self.dropout(states))"
SPOILT = {
    "one output too many": ("linear(config.channels, num_outputs,", "linear(config.channels, num_outputs + 1,"),
    "one too few": ("linear(config.channels, num_outputs,", "linear(config.channels, num_outputs - 1,"),
    "an axis more": (HEAD, f"{HEAD}.unsqueeze(-1)"),
    "every step always": ("states = states[:, -1]", "pass"),
    "a tuple": (HEAD, f"({HEAD}, states)"),
    "no gradient": (HEAD, f"{HEAD}.detach()"),
    "whole numbers": (HEAD, f"{HEAD}.long()"),
    "no numbers": (HEAD, f"{HEAD} * float('nan')"),
    "other windows": (HEAD, "self.head(self.dropout(states - states.mean(0, keepdim=True)))"),
    "spoils its input": ("padded_BFT = functional", "x_BTF *= 2\n        padded_BFT = functional"),
    "a nameless annotation": ("channels: int =", "shape: 'Nowhere' = None\n    channels: int ="),
    "raises for other batches": ("padded_BFT = functional", "assert len(x_BTF) == 4\n        padded_BFT = functional"),
    "raises when built": ("super().__init__()", "super().__init__(); 1 / 0"),
    "raises when asked": ("states = self.states(x_BTF)", "states = self.states(x_BTF) @ self.weight"),
    "no output_bias": ("@property\n    def output_bias", "def bias_of"),
    "weights of torch's own": ("linear(config.channels, num_outputs, generator)",
                               "__import__('torch').nn.Linear(config.channels, num_outputs)"),
    "dropout of torch's own": (HEAD, "self.head(functional.dropout(states, 0.5, self.training))"),
    "dropout when it predicts": (HEAD, "self.head(functional.dropout(states, 0.5, True))"),
    "a plain config": ("ConvConfig(NetworkConfig)", "ConvConfig(__import__('pydantic').BaseModel)"),
    "no spec": ("Conv = NeuralSpec(", "Conv = ConvNet\nOther = NeuralSpec("),
    "no Network": ("class ConvNet(Network)", "class ConvNet(__import__('torch').nn.Module)"),
    "a layer that is refused": ("self.dropout = Dropout(", "self.dropout = __import__('torch').nn.Dropout("),
}  # fmt: skip


def write_model(mypkg: Path, spoilt: str | None = None) -> str:
    """The page's model, spoilt; its import path."""
    code = example("model")
    if spoilt:
        good, bad = SPOILT[spoilt]
        assert good in code
        code = code.replace(good, bad)
    (mypkg / "nets.py").write_text(code, encoding="utf-8")
    return "mypkg.nets:Conv"


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        ("one output too many", r"must give \[4, 2\] when it predicts, for 4 windows; got \[4, 3\]"),
        ("one too few", r"must give \[4, 2\] when it predicts, for 4 windows; got \[4, 1\]"),
        ("an axis more", r"must give \[4, 2\] .*got \[4, 2, 1\]"),
        ("every step always", r"must give \[4, 2\] .*got \[4, 6, 2\]"),
        ("a tuple", r"must give \[4, 2\] .*got tuple"),
        ("no gradient", r"can't be trained: its outputs, torch\.float32, have no gradient"),
        ("whole numbers", r"can't be trained: its outputs, torch\.int64, have no gradient"),
        ("no numbers", "gives numbers that are not finite"),
        ("other windows", "other numbers for a window where other windows stand beside it"),
        ("spoils its input", "changes the windows that it reads"),
        ("a nameless annotation", "can't make its config: .*Nowhere"),
        ("raises for other batches", r"code of one's own raised AssertionError: *\(mypkg.nets\.py:\d+\)"),
        ("raises when built", r"can't be built: ZeroDivisionError: division by zero \(mypkg.nets\.py:\d+\)"),
        ("raises when asked", r"can't read a window: RuntimeError: .*\(mypkg.nets\.py:\d+\)"),
        ("no output_bias", "can't be built: TypeError: .*output_bias"),
        ("weights of torch's own", "draws from torch's global generator: two of one seed begin with other weights"),
        ("dropout of torch's own", "draws from torch's global generator: the same windows give two outputs"),
        ("dropout when it predicts", "draws from torch's global generator: the same windows give two outputs"),
        ("a plain config", "the config of model mypkg.nets:Conv must be a ModelConfig; got ConvConfig"),
        ("no spec", "must be a NeuralSpec, TabularSpec or EnsembleSpec; got the class ConvNet"),
        ("no Network", "must build a Network; got ConvNet"),
    ],
)
def test_an_unsound_network_is_refused_before_it_is_trained(mypkg: Path, spoilt: str, message: str) -> None:
    tiny = Tiny(write_model(mypkg, spoilt))
    with pytest.raises(ConfigError, match=message) as refused:
        tiny.planted.train(tiny.config(), "classes")
    assert refused.value.hint


def test_what_is_raised_elsewhere_while_ones_own_model_trains_is_not_blamed_on_it(mypkg: Path) -> None:
    class Ear:
        def on_epoch(self, *_: Any) -> None:
            raise RuntimeError("the ear's own")

        def on_step(self, *_: Any) -> None: ...
        def on_message(self, *_: Any) -> None: ...

    tiny = Tiny(write_model(mypkg))
    samples, fold = tiny.planted.data("classes")
    with pytest.raises(RuntimeError, match="the ear's own"):
        train_model(tiny.config(), samples, fold, *tiny.rows, Ear())


@pytest.mark.parametrize("embedding", [0, 2])
@pytest.mark.parametrize("supervise", ["last", "every"])
def test_a_sound_one_is_built_as_ever_and_moves_no_generator(mypkg: Path, embedding: int, supervise: str) -> None:
    tiny = Tiny(write_model(mypkg))
    config, before = tiny.config(symbol_embedding=embedding), torch.get_rng_state()
    windows = config.windows.model_copy(update={"supervise": supervise})
    network = build(config.model_copy(update={"windows": windows}), tiny.planted.data("classes")[0])
    assert network.training
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("set_default", "value", "usual"),
    [(torch.set_default_dtype, torch.float64, torch.float32), (torch.set_default_device, "meta", None)],
)
def test_a_sound_one_is_built_and_accounted_for_whatever_its_program_takes_for_default(
    mypkg: Path, set_default: Callable[[Any], None], value: Any, usual: Any
) -> None:
    tiny = Tiny(write_model(mypkg))
    config, samples = tiny.config(symbol_embedding=2), tiny.planted.data("classes")[0]
    account = memory_of(config.model, STEPS, FEATURES, threads=1)(32)
    set_default(value)
    try:
        build(config, samples)
        assert memory_of(config.model, STEPS, FEATURES, threads=1)(32) == account
    finally:
        set_default(usual)


@pytest.mark.parametrize("spoilt", ["raises when built", "raises when asked", "a layer that is refused"])
def test_what_can_not_be_checked_is_said_once_with_its_hint(mypkg: Path, cli: Cli, spoilt: str) -> None:
    answer = cli("models", "check", write_model(mypkg, spoilt), "--json")
    assert answer.code == 2
    assert set(answer.json["error"]) == {"type", "message", "hint"}
    assert answer.json["error"]["hint"]


def test_a_law_that_is_broken_by_an_exception_names_its_place(mypkg: Path) -> None:
    found = check_law(write_model(mypkg, "raises when asked"), "shapes")
    assert re.search(r"RuntimeError: .* \(mypkg.nets\.py:\d+\)$", found.detail)


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (("return cls(", "return 1 / 0, cls("), r"can't be fitted: ZeroDivisionError.*\(mypkg.nearest\.py:\d+\)"),
        (("def fit(cls, rows, config)", "def fit(cls, rows)"), "can't be fitted: TypeError"),
        (("nearest = self", "nearest = 1 / 0, self"), r"can't predict a row: ZeroDivisionError.*nearest\.py:\d+"),
        (
            ("self.y.mean(axis=0)) /", "self.y.mean(axis=0))[:, :1] /"),
            r"must predict \[1, 2\] for one row; got \[1, 1\]",
        ),
    ],
)
def test_an_unsound_model_of_one_row_is_refused_alone_and_as_a_second_stage(
    mypkg: Path, spoilt: tuple[str, str], message: str
) -> None:
    code = example("model of one row")
    assert spoilt[0] in code
    (mypkg / "nearest.py").write_text(code.replace(*spoilt), encoding="utf-8")
    alone: tuple[str, dict[str, str]] = ("mypkg.nearest:Nearest", {})
    for name, fields in (alone, ("blending", {"final": alone[0]})):
        tiny = Tiny(name)
        with pytest.raises(ConfigError, match=message):
            tiny.planted.train(tiny.config(**fields), "classes")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def mine(columns, timeframe):\n    return []", "must give features; it gives none"),
        ("def mine(columns):\n    return []", "can't give features of .columns, timeframe.: TypeError: mine"),
        ("def mine(columns, timeframe):\n    return 3", "TypeError: 'int' object is not iterable"),
        (
            "def mine(columns, timeframe):\n    return 1 / 0",
            r"ZeroDivisionError: division by zero \(mypkg.sets\.py:2\)",
        ),
    ],
)
def test_an_unsound_feature_set_is_refused(mypkg: Path, code: str, message: str) -> None:
    (mypkg / "sets.py").write_text(code, encoding="utf-8")
    config = load_config(overrides={"features.sets": ["mypkg.sets:mine"]})
    with pytest.raises(ConfigError, match=message) as refused:
        resolve_features(config.features, list(OHLCV), timedelta(minutes=1))
    assert refused.value.hint


def test_a_part_of_another_kind_is_named_beside_what_is_wanted(mypkg: Path) -> None:
    (mypkg / "losses.py").write_text("class Mine:\n    pass\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="must be a LossSpec; got the class Mine"):
        load_config(overrides={"training.loss": "mypkg.losses:Mine"})
