"""Presets of experiments are a layer: one that won over what was typed, or lost to the model's own, would train
something else than its name says, and nothing would show it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import Cli
from gatewise.api.settings import resolve
from gatewise.config.fields import value_at
from gatewise.config.load import load_config, to_yaml
from gatewise.config.preset_layer import preset_summaries
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ArgumentError, ConfigError, ReadError, UnknownNameError

COLUMNS: dict[str, Any] = {"features.columns": ["close"], "target.columns": ["close"]}
SAID = {"model": "gru", "hidden_size": 48, "batch_size": 96, "learning_rate": 0.01, "scheduler": "step", "gamma": 0.3}


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.yaml"
    file.write_text("\n".join(f"{name}: {value}" for name, value in SAID.items()))
    return file


@pytest.mark.parametrize("name", preset_summaries())
def test_every_built_in_preset_resolves_and_says_in_a_line_what_it_is_for(name: str) -> None:
    assert load_config(preset=name, overrides=COLUMNS if name == "ticker" else None).name == name
    assert 20 < len(preset_summaries()[name]) < 120


def test_a_preset_lies_on_the_models_own_and_below_quick_file_set_and_flags(mine: Path, tmp_path: Path) -> None:
    alone = load_config(preset=mine)
    assert (alone.model.name, value_at(alone, "model.hidden_size")) == ("gru", 48)
    assert value_at(alone, "training.schedule.gamma") == 0.3
    assert value_at(alone, "model.dropout") == 0.3  # of the model's preset
    quick = load_config(preset=mine, overrides={"training.quick": True})
    assert (value_at(quick, "model.hidden_size"), quick.training.batch_size) == (32, 96)
    file = tmp_path / "file.yaml"
    file.write_text("batch_size: 11\nlearning_rate: 0.5\nhidden_size: 7\nscheduler: cosine")
    layered = load_config(file, ["learning_rate=0.25", "hidden_size=8"], {"model.hidden_size": 9}, preset=mine)
    assert (layered.training.batch_size, layered.training.learning_rate) == (11, 0.25)
    assert value_at(layered, "model.hidden_size") == 9
    assert layered.training.schedule.name == "cosine"  # which the preset's gamma is no field of
    assert layered.model.name == "gru"


def test_what_config_show_prints_is_a_preset_that_gives_the_same_config_again(mine: Path, tmp_path: Path) -> None:
    config = load_config(preset=mine)
    shown = tmp_path / "shown.yaml"
    shown.write_text(to_yaml(config))
    assert load_config(preset=str(shown)).digest == config.digest
    assert resolve(None, {}, preset=mine).digest == config.digest


def test_another_model_takes_of_a_preset_what_it_has_a_field_for(mine: Path) -> None:
    lstm = load_config(preset=mine, overrides={"model.name": "lstm"})
    assert (lstm.model.name, value_at(lstm, "model.hidden_size"), lstm.training.batch_size) == ("lstm", 48, 96)
    rows = load_config(preset=mine, overrides={"model.name": "xgboost"}, typed=True)
    assert rows.training == ExperimentConfig().training.model_copy(update={"seed": 42})
    with pytest.raises(ConfigError, match="hidden_size"):  # said by a person, it is no field of the model's
        load_config(preset=mine, overrides={"model.name": "xgboost", "model.hidden_size": 9})


def test_a_ticker_file_lies_on_the_preset_of_that_name_or_on_the_one_that_is_said(mine: Path) -> None:
    file = {"ticker": "AAPL", "f_cols": ["close"], "epochs": 3}
    same = {**COLUMNS, "data.symbols": ["AAPL"], "training.max_epochs": 3}
    assert load_config(file).digest == load_config(preset="ticker", overrides=same).digest
    assert load_config(file, preset=mine).training.batch_size == 96


@pytest.mark.parametrize(
    ("preset", "kind", "words"),
    [
        ("tikcer", UnknownNameError, "did you mean 'ticker'"),
        ("", UnknownNameError, "unknown preset ''"),  # as a shell gives a variable that was never set
        ("absent.yaml", ReadError, "can't read preset absent.yaml"),
        ("list.yaml", ReadError, "must hold a mapping"),
        ("other.json", ConfigError, "is a ticker config"),
        ("wrong.yaml", UnknownNameError, "did you mean 'hidden_size'"),
    ],
)
def test_what_is_no_preset_is_refused(
    preset: str, kind: type[ConfigError], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tikcer").write_text("hidden_size: 3")  # a bare word is a name, whatever lies in the folder
    Path("list.yaml").write_text("- 1")
    Path("other.json").write_text('{"ticker": "AAPL", "f_cols": ["close"]}')
    Path("wrong.yaml").write_text("hiden_size: 3")
    with pytest.raises(kind) as refused:
        load_config(preset=preset)
    assert words in f"{refused.value.message} {refused.value.hint}"


def test_a_whole_config_or_another_type_beside_a_preset_is_refused() -> None:
    for config, preset in ((ExperimentConfig(), "ticker"), (None, 3)):
        with pytest.raises(ArgumentError, match="preset is a name or a file"):
            resolve(config, {}, preset=preset)  # type: ignore[arg-type]  # that is what is tested


def test_the_command_line_lists_takes_and_refuses_presets(cli: Cli, mine: Path) -> None:
    listed = cli("config", "presets", "--json").json["presets"]
    assert {each["name"]: each["summary"] for each in listed} == preset_summaries()
    assert cli("train", "--preset", "list", "--json").json["presets"] == listed
    assert "ticker" in cli("cv", "--preset", "list").out
    shown = cli("config", "show", "--preset", str(mine), "--hidden-size", "5", "--json").json["config"]
    assert (shown["model"]["hidden_size"], shown["training"]["batch_size"]) == (5, 96)
    refused = cli("train", "--preset", "tikcer", "--source", "sp500", "--json")
    assert (refused.code, json.loads(refused.out)["error"]["type"]) == (2, "UnknownNameError")
    resumed = cli("train", "--resume", "3f2a", "--preset", "ticker")
    assert (resumed.code, "leave other settings out" in resumed.err) == (2, True)
