"""A first look is small where nothing else was said, and says so wherever its result is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gatewise.config.fields import flatten
from gatewise.config.load import load_config, to_yaml
from gatewise.config.quick import quick_remark, quick_values
from gatewise.config.schema import MODEL_CONFIGS


@pytest.mark.parametrize("model", MODEL_CONFIGS)
def test_it_changes_what_its_remark_says_and_nothing_else(model: str) -> None:
    kinds = {"classes": "triple_barrier", "values": "forward_return", "volatility": "realized_volatility"}
    plain = {"model.name": model, "target.kind": kinds[MODEL_CONFIGS[model].targets[0]]}
    whole = dict(flatten(load_config(overrides=plain).to_dict()))
    config = load_config(overrides=plain | {"training.quick": True}, typed=True)
    quick = dict(flatten(config.to_dict()))
    changed = {name: value for name, value in quick.items() if value != whole[name]}
    assert changed.pop("training.quick") is True
    remark = quick_remark(config)
    assert remark is not None
    assert changed
    assert changed.items() <= quick_values(model).items()
    assert [f"{name}={value}" in remark for name, value in changed.items()] == [True] * len(changed)
    assert quick_remark(load_config(overrides=plain)) is None


def test_what_is_said_wins_wherever_it_is_said(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("hidden_size: 48\ntraining: {quick: true}\n")
    config = load_config(file, ["training.max_epochs=7"], {"training.windows_per_epoch": 999}, typed=True)
    assert (config.model.hidden_size, config.training.max_epochs, config.training.windows_per_epoch) == (48, 7, 999)
    assert config.model.num_layers == 1
    remark = quick_remark(config)
    assert remark is not None
    assert "hidden_size" not in remark
    assert "model.num_layers=1" in remark


def test_a_saved_one_is_read_back_equal(tmp_path: Path) -> None:
    config = load_config(overrides={"training.quick": True, "model.hidden_size": 8, "training.max_epochs": 2})
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    assert load_config(tmp_path / "config.yaml") == config


def test_a_config_without_it_has_the_hash_that_it_had() -> None:
    config = load_config()
    assert "quick" not in config.without_later()["training"]
    assert load_config(overrides={"training.quick": True}).digest != config.digest


def test_a_run_says_that_it_is_a_first_look(cli, gatewise_home: Path) -> None:
    words = "train --source sp500 --quick --seq-len 5 --max-epochs 1 --device cpu --json -q"
    answer = json.loads(cli(*words.split()).out)
    assert answer["remarks"][0].startswith("A first look, and so is its verdict: --quick stands for")
    assert "--hidden-size 32" in answer["remarks"][0]
    assert "--max-epochs" not in answer["remarks"][0]


def test_what_a_search_decides_is_no_part_of_what_its_first_look_stands_for() -> None:
    config = load_config(overrides={"training.quick": True})
    whole, searched = quick_remark(config), quick_remark(config, {"model.hidden_size"})
    assert whole is not None
    assert "model.hidden_size=32, " in whole
    assert searched == whole.replace("model.hidden_size=32, ", "")
