"""The flat file of ticker forecasting, key by key: a name misread here would train something else than its owner wrote.

Defaults and the five example files are facts of the interface that the files were written for.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from gatewise.config.fields import value_at
from gatewise.config.load import load_config, to_yaml
from gatewise.config.names import long_name
from gatewise.config.schema import ExperimentConfig
from gatewise.config.ticker import CHOICES, FIELDS, NAMES
from gatewise.errors import ConfigError, UnknownNameError

EXAMPLES = Path(__file__).parents[1] / "examples" / "ticker"
BARS = ["open", "high", "low", "close", "volume"]
MINIMAL: dict[str, Any] = {"ticker": "AAPL", "f_cols": BARS}

# Field by field what a file that says nothing more gets.
DEFAULTS = {
    "model.name": "lstm",
    "model.hidden_size": 64,
    "model.num_layers": 2,
    "model.dropout": 0.2,
    "model.bidirectional": False,
    "training.max_epochs": 100,
    "training.batch_size": 64,
    "training.learning_rate": 0.001,
    "training.weight_decay": 1e-5,
    "training.early_stopping_patience": 15,
    "training.min_delta": 0.0,
    "training.gradient_clip": 1.0,
    "training.optimizer": "adam",
    "training.scheduler": "plateau",
    "training.plateau_factor": 0.5,
    "training.plateau_patience": 5,
    "training.loss.name": "mse",
    "split.train": 0.8,
    "split.val": 0.2,
    "split.test": 0.0,
    "windows.sequence_length": 10,
    "windows.supervise": "last",
    "features.scaler": "standard",
    "features.columns_as": "changes",
    "target.learn": "relative",
    "features.sets": (),
    "target.kind": "next_row",
    "target.horizon": 1,
    "data.symbols": ("AAPL",),
}


def field(config: ExperimentConfig, dotted: str) -> Any:
    return value_at(config, long_name(dotted))


def load(tmp_path: Path, values: dict[str, Any], *assignments: str, **overrides: Any) -> ExperimentConfig:
    file = tmp_path / "ticker.json"
    file.write_text(json.dumps(values))
    return load_config(file, assignments, {name.replace("__", "."): value for name, value in overrides.items()})


@pytest.mark.parametrize("dotted", DEFAULTS)
def test_what_the_shortest_file_leaves_unsaid_has_the_documented_default(tmp_path: Path, dotted: str) -> None:
    assert field(load(tmp_path, MINIMAL), dotted) == DEFAULTS[dotted]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("minimal", {}),
        ("standard", {"hidden_size": 128, "dropout": 0.3, "columns": 6}),
        (
            "high-capacity",
            {
                "max_epochs": 200,
                "hidden_size": 256,
                "num_layers": 3,
                "dropout": 0.3,
                "batch_size": 128,
                "patience": 20,
                "train": 0.85,
                "columns": 6,
            },
        ),
        (
            "conservative",
            {
                "max_epochs": 150,
                "dropout": 0.4,
                "batch_size": 32,
                "learning_rate": 5e-4,
                "weight_decay": 1e-4,
                "patience": 10,
                "train": 0.75,
            },
        ),
        (
            "fast",
            {"max_epochs": 50, "hidden_size": 32, "num_layers": 1, "batch_size": 32, "patience": 8, "columns": 2},
        ),
    ],
)
def test_every_example_file_is_taken_as_it_stands(name: str, said: dict[str, Any]) -> None:
    config = load_config(EXAMPLES / f"{name}.json")
    expected = {
        "max_epochs": 100, "hidden_size": 64, "num_layers": 2, "dropout": 0.2, "batch_size": 64, "learning_rate": 1e-3,
        "weight_decay": 1e-5, "patience": 15, "train": 0.8, "columns": 5,
    } | said  # fmt: skip
    model, training = config.model, config.training
    assert {
        "max_epochs": training.max_epochs, "hidden_size": field(config, "model.hidden_size"),
        "num_layers": field(config, "model.num_layers"), "dropout": field(config, "model.dropout"),
        "batch_size": training.batch_size, "learning_rate": training.learning_rate,
        "weight_decay": training.optimizer.weight_decay, "patience": training.early_stopping_patience,
        "train": config.split.train, "columns": len(config.features.columns),
    } == expected  # fmt: skip
    assert config.target.columns == config.features.columns
    assert config.split.test == 0
    assert model.name == "lstm"


def test_a_repeated_column_is_used_once_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "gatewise"):
        config = load_config(EXAMPLES / "high-capacity.json")
    assert config.features.columns == (*BARS, "sma_value")
    assert config.target.columns == (*BARS, "sma_value")
    assert "f_cols names sma_value 3 times: a column is used once" in caplog.text


@pytest.mark.parametrize(
    ("key", "value", "dotted", "expected"),
    [
        ("seq_len", 30, "windows.sequence_length", 30),
        ("sequence_length", 30, "windows.sequence_length", 30),
        ("target_col", "close", "target.columns", ("close",)),
        ("target_col", None, "target.columns", tuple(BARS)),
        ("loss_function", "MSE", "training.loss.name", "mse"),
        ("loss_function", "MAE", "training.loss.name", "mae"),
        ("loss_function", "Huber", "training.loss.name", "huber"),
        ("optimizer", "Adam", "training.optimizer", "adam"),
        ("optimizer", "AdamW", "training.optimizer", "adamw"),
        ("optimizer", "SGD", "training.optimizer", "sgd"),
        ("scheduler_type", "ReduceLROnPlateau", "training.scheduler", "plateau"),
        ("scheduler_type", "cosine", "training.scheduler", "cosine"),
        ("scheduler_type", "StepLR", "training.scheduler", "step"),
        ("scheduler_type", "ExponentialLR", "training.scheduler", "exponential"),
        ("scheduler_type", "constant", "training.scheduler", "constant"),
        ("bidirectional", True, "model.bidirectional", True),
        ("validation_split_method", "walk-forward", "split.method", "walk_forward"),
        ("validation_split_method", "fixed", "split.method", "fixed"),
        ("random_seed", 7, "training.seed", 7),
        ("checkpoint_frequency", 5, "training.checkpoint_every_epochs", 5),
        ("tensorboard", True, "training.tensorboard", True),
        ("grad_clip", None, "training.gradient_clip", None),
        ("attention", False, "model.name", "lstm"),
        ("attention", None, "model.name", "lstm"),
        ("attention", True, "model.name", "attentive_lstm"),
    ],
)
def test_every_further_name_reaches_its_field(tmp_path: Path, key: str, value: Any, dotted: str, expected: Any) -> None:
    assert field(load(tmp_path, MINIMAL | {key: value}), dotted) == expected


def test_every_name_is_translated_or_its_own() -> None:
    assert {*FIELDS, *CHOICES, "ticker", "f_cols", "target_col", "attention"} == NAMES


def test_preset_gives_way_to_file_file_to_set_and_set_to_flags(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        MINIMAL | {"hidden_size": 1, "epochs": 1, "batch_size": 1},
        "model.hidden_size=2",
        "training.max_epochs=2",
        training__max_epochs=3,
    )
    got = (config.training.batch_size, field(config, "model.hidden_size"), config.training.max_epochs)
    assert got == (1, 2, 3)
    assert config.training.learning_rate == 0.001


def test_another_model_keeps_the_rest_of_the_preset(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL, model__name="gru")
    assert (config.model.name, field(config, "model.hidden_size")) == ("gru", 64)
    assert config.target.learn == "relative"


def test_attention_selects_a_small_attentive_lstm_of_the_sizes_that_the_file_gives(tmp_path: Path) -> None:
    names = ("name", "hidden_size", "num_layers", "num_heads", "dropout", "bidirectional")

    def model(**values: Any) -> tuple[Any, ...]:
        said = {"attention": True} | values
        return tuple(field(load(tmp_path, MINIMAL | said), f"model.{name}") for name in names)

    assert model() == ("attentive_lstm", 64, 2, 8, 0.2, False)
    assert model(hidden_size=32, num_layers=1, dropout=0.1, bidirectional=True) == (
        "attentive_lstm", 32, 1, 8, 0.1, True,
    )  # fmt: skip
    assert load(tmp_path, MINIMAL | {"attention": True}, model__name="gru").model.name == "gru"
    assert load(tmp_path, MINIMAL | {"attention": True}).target.learn == "relative"


def test_a_symbol_said_beside_the_file_takes_the_tickers_place(tmp_path: Path) -> None:
    assert load(tmp_path, MINIMAL, data__symbol="MSFT").data.symbols == ("MSFT",)
    assert load(tmp_path, MINIMAL, "data.symbols=[A, B]").data.symbols == ("A", "B")
    assert load(tmp_path, MINIMAL, data__symbol="MSFT").data.symbol is None


def test_the_resolved_config_feeds_back_to_the_same_hash(cli, tmp_path: Path) -> None:
    said = cli("config", "show", "--config", EXAMPLES / "standard.json")
    assert said.code == 0
    (tmp_path / "shown.yaml").write_text(said.out)
    again = cli("config", "show", "--config", tmp_path / "shown.yaml", "--json").json
    assert again["hash"] in said.out.splitlines()[0]
    assert to_yaml(load_config(EXAMPLES / "standard.json")) in said.out


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"hiden_size": 3}, "did you mean 'hidden_size'?"),
        ({"training": {"epochs": 3}}, "unknown key in a ticker config 'training'"),
        ({"loss_function": "MSEE"}, "did you mean 'MSE'? valid: Huber, MAE, MSE"),
        ({"optimizer": "Adamm"}, "did you mean 'Adam'?"),
        ({"scheduler_type": "ReduceOnPlateau"}, "did you mean 'ReduceLROnPlateau'?"),
        ({"validation_split_method": "walkforward"}, "did you mean 'walk"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_of_the_files_own(tmp_path: Path, values, words) -> None:
    with pytest.raises(UnknownNameError) as caught:
        load(tmp_path, MINIMAL | values)
    assert words in caught.value.message + (caught.value.hint or "")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"attention": "yes"}, "attention must be true or false; got 'yes'"),
        ({"attention": 1}, "attention must be true or false; got 1"),
        ({"attention": True, "hidden_size": 50}, "multiple of model.num_heads, 8; got 50"),
        ({"seq_len": 5, "sequence_length": 6}, "seq_len and sequence_length are one setting"),
        ({"ticker": None}, "ticker must be text; got none"),
        ({"ticker": 7203}, 'in quotes: "7203"'),
        ({"f_cols": None}, "f_cols must be a list"),
        ({"f_cols": []}, "f_cols must be a list"),
        ({"f_cols": "close"}, "f_cols must be a list"),
        ({"f_cols": ["close", 3]}, "f_cols must be text; got 3"),
        ({"target_col": ["close"]}, "target_col must be text"),
        ({"epochs": 0}, "epochs (training.max_epochs): must be greater than or equal to 1; got 0"),
        ({"epochs": True}, "epochs (training.max_epochs): must not be true or false"),
        ({"dropout": 1.0}, "dropout (model.dropout)"),
        ({"train_split": 1.2}, "train_split (split.train): must be less than 1"),
        ({"train_split": "80 %"}, "train_split (split.train)"),
        ({"optimizer": 3}, "optimizer must be text; got 3"),
        ({"grad_clip": -1}, "grad_clip (training.gradient_clip)"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_by_the_name_that_the_file_gave_it(tmp_path: Path, values, words) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, MINIMAL | values)
    assert words in caught.value.message + (caught.value.hint or "")
    assert caught.value.hint
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("left_out", ["ticker", "f_cols"])
def test_a_file_that_leaves_out_what_it_must_say_is_told_which(tmp_path: Path, left_out: str) -> None:
    with pytest.raises(ConfigError, match=left_out):
        load(tmp_path, {key: value for key, value in MINIMAL.items() if key != left_out})
