"""What is said wins in a stated order, and what can't be is refused with the nearest name.

A misread key would train something else than what its owner believes.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gatewise.config.fields import value_at
from gatewise.config.load import build_config, load_config, model_preset, to_yaml
from gatewise.config.names import PRESET
from gatewise.config.schema import MODEL_CONFIGS, ExperimentConfig, ModelConfig, format_duration, parse_duration
from gatewise.config.section import MOST
from gatewise.errors import ConfigError, ReadError, UnknownNameError

SEED_000 = {
    "hidden_size": 256,
    "num_layers": 2,
    "dropout": 0.3,
    "bidirectional": False,
    "sequence_length": 60,
    "input_features": None,
    "learning_rate": 0.001,
    "weight_decay": 0.0001,
    "gradient_clip": 1.0,
    "optimizer": "adamw",
    "scheduler": "cosine",
    "warmup_epochs": 5,
    "batch_size": 512,
    "max_epochs": 100,
    "early_stopping_patience": 15,
    "min_delta": 0.0001,
}


def test_the_lstm_preset_is_that_of_the_training_guide_field_by_field() -> None:
    assert model_preset("lstm") == SEED_000


KIND_OF = {"classes": "triple_barrier", "values": "forward_return", "volatility": "realized_volatility"}


@pytest.mark.parametrize("model", MODEL_CONFIGS)
def test_every_presets_fields_reach_the_config(model) -> None:
    config = load_config(overrides={"model.name": model, "target.kind": KIND_OF[MODEL_CONFIGS[model].targets[0]]})
    for key, value in model_preset(model).items():
        assert value_at(config.to_dict(), PRESET.get(key, key)) == value


def test_preset_gives_way_to_file_file_to_set_and_set_to_flags(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("model: {hidden_size: 1, num_layers: 1, dropout: 0.1}\n")
    config = load_config(file, ["model.num_layers=4", "model.dropout=0.4"], {"model.dropout": 0.5, "model.name": None})
    held = {"name": "lstm", "hidden_size": 1, "num_layers": 4, "dropout": 0.5, "bidirectional": False}
    assert held.items() <= config.model.model_dump().items()


def test_flat_and_nested_files_and_json_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "flat.yaml").write_text("model: gru\nhidden_size: 7\nsequence_length: 9\n")
    (tmp_path / "nested.json").write_text(
        json.dumps({"model": {"name": "gru", "hidden_size": 7}, "windows": {"sequence_length": 9}})
    )
    flat, nested = (load_config(tmp_path / name) for name in ("flat.yaml", "nested.json"))
    assert flat == nested
    assert flat.model.name == "gru"


def test_a_resolved_config_feeds_back_to_the_same_hash(tmp_path: Path) -> None:
    config = load_config(
        assignments=[
            "data.timeframe=5m",
            "data.start=2020-01-01",
            "training.class_weights=[1, 2, 3]",
            "split.embargo=2d",
        ]
    )
    (tmp_path / "back.yaml").write_text(to_yaml(config))
    (tmp_path / "back.json").write_text(json.dumps(config.to_dict()))
    assert load_config(tmp_path / "back.yaml").digest == config.digest
    assert load_config(tmp_path / "back.json").digest == config.digest
    assert load_config(assignments=["training.seed=1"]).digest != config.digest


@pytest.mark.parametrize("symbol", ["600519", "1e5", "INF", "nan", "1_000"])
def test_text_that_looks_like_a_number_is_text_where_it_is_quoted(symbol: str) -> None:
    assert load_config(assignments=[f'data.symbol="{symbol}"']).data.symbol == symbol


def test_whole_numbers_have_bounds_that_leave_room_for_what_people_say() -> None:
    for dotted in ("split.purge_rows", "windows.sequence_length", "training.windows_per_epoch"):
        load_config(assignments=[f"{dotted}={MOST}"])
        with pytest.raises(ConfigError, match="must be at most 2,147,483,647"):
            load_config(assignments=[f"{dotted}={MOST + 1}"])
    assert load_config(assignments=[f"training.seed={2**63 - 1}"]).training.seed == 2**63 - 1
    with pytest.raises(ConfigError, match=r"model\.num_layers: must be less than or equal to 1000"):
        build_config({"model": {"name": "lstm", "num_layers": 100_000_000}})


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        (["features.sets=[ohlcv,ohlcv]"], r"features\.sets names 'ohlcv' twice"),
        (["target.kind=forward_return", "target.quantiles=[0.1,0.1000000001]"], r"\[0\.1, 0\.1000000001\] are all q10"),
    ],
)
def test_what_would_be_two_columns_of_one_name_is_refused(assignments: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_config(assignments=assignments)
    load_config(assignments=["target.kind=forward_return", "target.quantiles=[0.1,0.10001]"])


@pytest.mark.parametrize("rate", ["1e-3", "1E-3", "1.e-3", ".1e-2", "+1e-3"])
def test_a_number_with_an_exponent_needs_no_dot(rate: str) -> None:
    assert load_config(assignments=[f"learning_rate={rate}"]).training.learning_rate == 1e-3
    assert load_config(assignments=["batch_size=1e2"]).training.batch_size == 100


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("model.hiden_size=3", "did you mean 'hidden_size'?"),
        ("hiden_size=3", "did you mean 'hidden_size'?"),
        ("training.lerning_rate=3", "did you mean 'learning_rate'?"),
        ("nope.a=3", "valid: "),
        ("model.name=lstn", "did you mean 'lstm'?"),
        ("model.name=LSTM", "did you mean 'lstm'?"),
        ("target.kind=direktion", "did you mean 'direction'? valid: direction, forward_return"),
        ("scheduler=cosin", "did you mean 'cosine'? valid: constant, cosine"),
        ("optimizer=adm", "did you mean 'adam'? valid: adam, adamw, sgd"),
        ("data.source=sp50", "did you mean 'sp500'?"),
        ("data.format=parqet", "did you mean 'parquet'?"),
        ("training.class_weights=balansed", "did you mean 'balanced'?"),
        ("trainsplit=0.8", "did you mean 'train_split'?"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_and_the_valid_ones(assignment, words) -> None:
    with pytest.raises(UnknownNameError) as caught:
        load_config(assignments=[assignment])
    assert words in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("training.batch_size=0", "training.batch_size"),
        ("data.start=2025-02-30", "is not a YAML value: day is out of range for month"),
        ("training.batch_size=many", "training.batch_size"),
        ("model.dropout=1.0", "model.dropout"),
        ("split.train=0.9", "must be 1"),
        ("data.timeframe=5x", "like 5m"),
        ("windows.burn_in=60", "windows.burn_in"),
        ("training.scheduler=cosin", "'cosine'"),
        ("training.learning_rate=.inf", "training.learning_rate"),
        ("features.sets=[]", "features.columns"),
        ("training.loss=mse", "training.loss"),
        ("no equals sign", "a.b=value"),
        ("name.a=3", "name: "),
        ("model.name=[1]", "model.name must be text; got [1]"),
        ("model=[gru]", "model.name must be text"),
        ("model={1: 2}", "keys must be text; got 1"),
        ("hidden_size={a: 1}", "model.hidden_size: must be a valid integer"),
        ("training.class_weights=[a]", "training.class_weights.0: "),
        ("training.class_weights=3", "training.class_weights: must be one of none, balanced"),
        ("batch_size=true", "training.batch_size: must not be true or false"),
        ("training.class_weights=[true, 2, 3]", "training.class_weights: must not be true or false"),
        ("bidirectional=1", "model.bidirectional: must be true or false"),
        ("data.gap_tolerance=99999999999999d", "at most 999999999d"),
        ("data.gap_tolerance=0s", "longer than 0s"),
        ("data.timeframe=0s", "longer than 0s"),
        ("split.embargo=-3", "must not be negative"),
        ("data.start=2020-13-45", "quote it: data.start="),
        ("split.train=0.8", "set split.val and split.test too"),
        ("train_split=1.0", "split.train: must be less than 1"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_names_the_field(assignment, words) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(assignments=[assignment])
    assert words in caught.value.message + (caught.value.hint or "")
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_the_valid_names_are_listed_once() -> None:
    with pytest.raises(UnknownNameError) as caught:
        load_config(assignments=["modl=1"])
    names = (caught.value.hint or "").split("valid: ")[1].split(", ")
    assert len(names) == len(set(names))
    assert {"model", "train_split", "training", "hidden_size"} <= set(names)


def test_a_section_may_be_set_as_a_whole() -> None:
    config = load_config(assignments=["model={name: gru, hidden_size: 3}", "model.num_layers=1"])
    assert (config.model.name, config.model.hidden_size, config.model.num_layers) == ("gru", 3, 1)  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", ["set", "flat file", "nested file"])
def test_train_split_leaves_the_rest_to_validation(tmp_path: Path, form: str) -> None:
    file = tmp_path / "split.yaml"
    file.write_text("train_split: 0.8\n" if form == "flat file" else "split: {train: 0.8, val: 0.2, test: 0}\n")
    config = load_config(assignments=["train_split=0.8"]) if form == "set" else load_config(file)
    assert (config.split.train, config.split.val, config.split.test) == (0.8, 0.2, 0)


def test_bidirectional_models_can_not_be_scored_at_every_step() -> None:
    with pytest.raises(ConfigError, match=r"windows\.supervise"):
        load_config(assignments=["windows.supervise=every", "model.bidirectional=true"])


@pytest.mark.parametrize("supervise", [(), ("windows.supervise=last",)], ids=["by default", "as said"])
def test_a_burn_in_that_would_do_nothing_is_refused_by_the_names_of_both_fields(supervise: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"windows\.burn_in must be 0 unless windows\.supervise is every.*got 3"):
        load_config(assignments=["windows.burn_in=3", *supervise])
    assert load_config(assignments=["windows.burn_in=3", "windows.supervise=every"]).windows.burn_in == 3


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "\x00", "a: 2020-13-45", "a: !!bool x", "? [1]\n: 2", "[" * 3000])
def test_a_file_that_is_no_config_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ReadError, match=r"bad\.yaml") as caught:
        load_config(tmp_path / "bad.yaml")
    assert "gatewise config show" in (caught.value.hint or "")
    with pytest.raises(ReadError, match="absent"):
        load_config(tmp_path / "absent.yaml")


@pytest.mark.parametrize("text", ["1: 2", "null: 3", "model: {1: 2}", "data: {rename: {2020: a}}"])
def test_a_key_that_is_no_text_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ConfigError, match="keys must be text"):
        load_config(overrides={"training.loss": {1: 2}})
    with pytest.raises(ConfigError, match="keys must be text"):
        load_config(tmp_path / "bad.yaml")


def test_numbers_written_as_people_write_them_are_numbers() -> None:
    assert load_config(assignments=["training.learning_rate=1e-4"]).training.learning_rate == 1e-4


@pytest.mark.parametrize("text", ["90s", "5m", "1h", "7d", "36h", "0.5s"])
def test_durations_are_spelt_back_as_they_were_read(text: str) -> None:
    assert format_duration(parse_duration(text)) == text  # type: ignore[arg-type]


@given(st.timedeltas(timedelta(0), timedelta.max))
def test_every_duration_is_spelt_so_that_it_reads_back_exactly(value: timedelta) -> None:
    assert parse_duration(format_duration(value)) == value


@pytest.mark.parametrize(("us", "text"), [(1_000_001_000_000, "1000001s"), (60, "0.00006s"), (1_500_000, "1.5s")])
def test_durations_are_spelt_in_plain_decimals(us: int, text: str) -> None:
    assert format_duration(timedelta(microseconds=us)) == text


def test_every_field_of_the_config_is_closed_and_frozen() -> None:
    sections = [ExperimentConfig, ModelConfig, *MODEL_CONFIGS.values()]
    sections += [type(getattr(ExperimentConfig(), name)) for name in ExperimentConfig.model_fields if name != "name"]
    for section in sections:
        assert section.model_config["extra"] == "forbid"
        assert section.model_config["frozen"]


def test_config_show_prints_what_feeds_back(cli, tmp_path: Path) -> None:
    said = cli("config", "show", "--model", "gru", "--horizon", 5, "--seq-len", 30, "--set", "data.gap_tolerance=3m")
    assert said.code == 0
    (tmp_path / "shown.yaml").write_text(said.out)
    again = cli("config", "show", "--config", tmp_path / "shown.yaml", "--json").json
    assert again["hash"] in said.out.splitlines()[0]
    assert build_config(yaml.safe_load(said.out)).target.horizon == 5


def test_a_field_that_came_later_counts_in_the_digest_only_where_it_is_said() -> None:
    said = ["data.paths=[a.csv]"]
    digest = load_config(assignments=said).digest
    assert load_config(assignments=[*said, "data.filter={}", "data.epochs=utc"]).digest == digest
    for other in ("data.epochs=wall", "data.filter.interval=1m", "data.off_grid=drop"):
        assert load_config(assignments=[*said, other]).digest != digest
