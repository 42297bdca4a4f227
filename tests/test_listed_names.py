"""What is listed or guessed where a name is unknown can be typed: it is of the options that are chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewise.cli.flags import translate
from gatewise.config.fields import chosen_sections
from gatewise.config.load import load_config, to_yaml
from gatewise.config.schema import MODEL_CONFIGS
from gatewise.errors import ConfigError, UnknownNameError
from gatewise.selection.tuning.space_file import parse_space, tunable_fields

OPTIONS = {("model",): MODEL_CONFIGS, **chosen_sections()}
OWN = """
from gatewise.config.loss_section import LossConfig
from gatewise.config.model_section import NetworkConfig
from gatewise.models.base import NeuralSpec
from gatewise.training.losses import LossSpec

class NetConfig(NetworkConfig):
    lanes: int = 4

class MineConfig(LossConfig):
    level: float = 0.5

Net = NeuralSpec("Mine", "me", NetConfig, None)
Mine = LossSpec("Mine", "me", None, config=MineConfig)
"""


@pytest.fixture
def own_module(own_modules: Path) -> str:
    (own_modules / "ownlisted.py").write_text(OWN, encoding="utf-8")
    return "ownlisted"


def hint_of(**said: object) -> str:
    with pytest.raises(UnknownNameError) as refused:
        load_config(overrides={name.replace("__", "."): value for name, value in said.items()})
    return refused.value.hint or ""


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, options in OPTIONS.items() for name in options])
def test_only_fields_of_the_chosen_option_are_listed(path: tuple[str, ...], name: str) -> None:
    where = "__".join(path)
    hint = hint_of(**{f"{where}__name": name, f"{where}__zzz": 1})
    assert set(hint.removeprefix("valid: ").split(", ")) == set(OPTIONS[path][name].model_fields)


def test_fields_of_ones_own_parts_are_listed_alone_and_found_by_their_last_name(own_module: str) -> None:
    model, loss = f"{own_module}:Net", f"{own_module}:Mine"
    assert hint_of(model__name=model, model__lans=4).startswith("did you mean 'lanes'? valid: channel_independent, ")
    assert "hidden_size" not in hint_of(model__name=model, model__lans=4)
    assert hint_of(training__loss__name=loss, training__loss__q=3) == "valid: level, name"
    flat = hint_of(model__name=model, lanes=4)
    assert flat.startswith("did you mean 'model.lanes'? ")
    assert "hidden_size" not in flat


def test_a_field_of_another_model_is_refused_by_both_names() -> None:
    with pytest.raises(ConfigError, match=r"model\.rounds belongs to xgboost; model\.name is lstm"):
        load_config(overrides={"model.name": "lstm", "model.rounds": 10})


UNREAD = {
    "max_epochs": 3,
    "batch_size": 4,
    "optimizer": "sgd",
    "schedule": "step",
    "precision": "bf16",
    "device": "cuda",
    "loss": "cross_entropy",
}


@pytest.mark.parametrize("field", UNREAD)
def test_what_a_model_of_one_row_does_not_read_is_refused_of_people_alone(field: str) -> None:
    said = {"model.name": "xgboost", f"training.{field}": UNREAD[field]}
    with pytest.raises(ConfigError, match=f"training.{field} is for networks; xgboost reads nothing of training"):
        load_config(overrides=said, typed=True)
    load_config(overrides=said, compared=["lstm", "xgboost"], typed=True) if field != "loss" else None
    load_config(overrides=said | {"model.name": "lstm"}, typed=True)


@pytest.mark.parametrize("model", ["logistic", "xgboost"])
def test_what_gatewise_wrote_of_a_model_of_one_row_is_read(model: str, tmp_path: Path) -> None:
    said = load_config(overrides={"model.name": model, "training.seed": 7, "training.device": "cpu"}, typed=True)
    (tmp_path / "shown.yaml").write_text(to_yaml(said), encoding="utf-8")
    assert load_config(tmp_path / "shown.yaml", typed=True) == said


def test_the_hint_of_a_model_that_can_not_predict_names_one_that_can() -> None:
    with pytest.raises(ConfigError, match="ridge predicts values") as refused:
        load_config(overrides={"model.name": "ridge"})
    assert translate(refused.value.hint or "").startswith("--model logistic, or ")


@pytest.mark.parametrize("model", ["lstm", "xgboost"])
def test_what_is_listed_for_a_space_can_be_tuned_as_it_is_written(model: str) -> None:
    config = load_config(overrides={"model.name": model})
    with pytest.raises(UnknownNameError) as refused:
        parse_space({"zzzzzzzzz": [1]}, config)
    hint = refused.value.hint or ""
    assert translate(hint) == hint
    listed = hint.removeprefix("valid: ").split(", ")
    assert "training.loss.delta" not in listed
    assert ("learning_rate" in listed) == (model == "lstm")
    for name in listed:
        with pytest.raises(ConfigError, match="must have a value to choose from"):
            parse_space({name: []}, config)


def test_only_features_that_trials_read_are_tuned() -> None:
    assert {name for name in tunable_fields(load_config()) if name.startswith("features.")} == {
        "features.scaler",
        "features.clip",
    }
