"""Search spaces: what may be tuned and over which values, refused in one line before any trial.

A space that is read wrongly searches something else, and no number of trials would tell.
"""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.config.load import load_config
from gatewise.config.model_presets import model_preset
from gatewise.config.names import PRESET, long_name
from gatewise.config.schema import MODEL_CONFIGS
from gatewise.errors import ConfigError, GatewiseError, ReadError, UnknownNameError
from gatewise.selection.tuning.space import Choice, Range
from gatewise.selection.tuning.space_file import load_space, parse_space, shipped_spaces, tunable_fields
from zoo import NETWORKS

CONFIG = load_config()


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_the_models_spaces_hold_the_ranges_that_were_promised(name: str) -> None:
    config = load_config(overrides={"model.name": name})
    assert load_space(None, config).to_dict() == {
        "hidden_size": [128, 256, 512],
        "num_layers": [1, 2, 3],
        "dropout": [0.2, 0.3, 0.4, 0.5],
        "sequence_length": [30, 60, 120],
        "learning_rate": [0.0001, 0.0005, 0.001, 0.003],
        "batch_size": [128, 256, 512, 1024],
        "weight_decay": [0.0, 0.0001, 0.001],
    }


def test_the_wide_space_holds_the_ranges_that_were_promised() -> None:
    assert load_space("wide", CONFIG).parameters == (
        Range("learning_rate", 1e-5, 1e-3, log=True, step=None, whole=False),
        Range("dropout", 0.1, 0.5, log=False, step=None, whole=False),
        Choice("hidden_size", (128, 256, 512)),
    )


def test_every_model_has_a_space_and_a_preset() -> None:
    assert set(MODEL_CONFIGS) <= set(shipped_spaces())
    assert [name for name in MODEL_CONFIGS if not model_preset(name)] == []


@pytest.mark.parametrize("name", shipped_spaces())
def test_every_space_that_ships_fits_its_model(name: str) -> None:
    model = name if name in MODEL_CONFIGS else "lstm"
    kinds = {"classes": "triple_barrier", "values": "forward_return", "volatility": "realized_volatility"}
    config = load_config(overrides={"model.name": model, "target.kind": kinds[MODEL_CONFIGS[model].targets[0]]})
    assert load_space(name, config).parameters


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (None, "mapping of fields"),
        ({}, "mapping of fields"),
        ([1], "mapping of fields"),
        ({"hidden_size": []}, "empty list"),
        ({"hidden_size": {"low": 5, "high": 3}}, "empty: low 5 is above high 3"),
        ({"hidden_size": {"low": 5}}, "high is missing"),
        ({"hidden_size": ["big"]}, "whole number"),
        ({"hidden_size": [1.5]}, "whole number"),
        ({"hidden_size": [True]}, "whole number"),
        ({"hidden_size": {"low": 1.5, "high": 3}}, "whole number"),
        ({"hidden_size": {"low": 1, "high": float("inf")}}, "whole number"),
        ({"learning_rate": ["quick"]}, "a number"),
        ({"learning_rate": 0.1}, "a list or"),
        ({"learning_rate": {"low": 0, "high": 1}}, "training.learning_rate"),
        ({"dropout": {"low": 0, "high": 1}}, "less than 1"),
        ({"dropout": {"low": 0, "high": 0.5, "log": True}}, "above 0"),
        ({"dropout": {"low": 0.1, "high": 0.5, "log": "yes"}}, "true or false"),
        ({"dropout": {"low": 0.1, "high": 0.5, "step": 0}}, "step above 0"),
        ({"dropout": {"low": 0.1, "high": 0.5, "log": True, "step": 0.1}}, "no step"),
        ({"optimizer": {"low": 1, "high": 2}}, "no number"),
        ({"optimizer": ["lion"]}, "unknown optimizer 'lion'"),
        ({"hidden_size": [4, 4]}, "each value once"),
        ({"hidden_size": [4], "model.hidden_size": [8]}, "each field once"),
        ({"model": ["lstm", "gru"]}, "gatewise cv --models"),
        ({"training.seed": [1, 2]}, "luckiest seed"),
        ({"target.horizon": [5, 20]}, "what trials are scored on"),
        ({"split.test": [0.1, 0.2]}, "what trials are scored on"),
        ({"features.sets": [["market39"], ["ohlcv"]]}, "feature set"),
    ],
)
def test_a_space_that_can_not_be_is_refused_in_one_line(said: object, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_space(said, CONFIG)
    assert words in refused.value.message
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    ("said", "near"),
    [
        ({"hiden_size": [4]}, "hidden_size"),
        ({"learning_rat": [0.1]}, "learning_rate"),
        ({"training.learningrate": [0.1]}, "learning_rate"),
        ({"dropout": {"low": 0.1, "hihg": 0.2}}, "high"),
    ],
)
def test_an_unknown_name_lists_the_nearest(said: dict[str, object], near: str) -> None:
    with pytest.raises(UnknownNameError) as refused:
        parse_space(said, CONFIG)
    assert f"did you mean {near!r}" in (refused.value.hint or "")


def test_an_unknown_shipped_space_lists_the_shipped_ones() -> None:
    with pytest.raises(UnknownNameError, match="wied") as refused:
        load_space("wied", CONFIG)
    assert "did you mean 'wide'" in (refused.value.hint or "")


def test_a_space_that_gives_a_field_twice_is_refused(tmp_path) -> None:
    (tmp_path / "mine.yaml").write_text("hidden_size: [32, 64]\nhidden_size: [128, 256]\n")
    with pytest.raises(ConfigError, match="hidden_size is given twice, with two values"):
        load_space(str(tmp_path / "mine.yaml"), CONFIG)


def test_a_file_that_can_not_be_read_is_refused(tmp_path) -> None:
    with pytest.raises(ReadError, match="No such file"):
        load_space(str(tmp_path / "none.yaml"), CONFIG)
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(ReadError, match="not valid YAML"):
        load_space(str(tmp_path / "broken.yaml"), CONFIG)


def test_yamls_own_spelling_of_small_numbers_is_read_as_a_number(tmp_path) -> None:
    (tmp_path / "mine.yaml").write_text("learning_rate: {low: 1e-5, high: 1e-3, log: true}\nweight_decay: [0, 1e-4]\n")
    rate, decay = load_space(str(tmp_path / "mine.yaml"), CONFIG).parameters
    assert (rate.low, rate.high) == (1e-5, 1e-3)
    assert decay.values == (0.0, 1e-4)


def test_fields_may_be_dotted_and_values_may_be_null_or_lists() -> None:
    space = parse_space({"training.gradient_clip": [None, 1], "training.class_weights": ["none", [1, 2, 3]]}, CONFIG)
    clip, weights = space.parameters
    assert clip == Choice("gradient_clip", (None, 1.0))
    assert weights.labels == ("none", "[1.0, 2.0, 3.0]")
    decoded = space.decode({"gradient_clip": None, "training.class_weights": "[1.0, 2.0, 3.0]"})
    config = space.configure(CONFIG, decoded)
    assert config.training.gradient_clip is None
    assert config.training.class_weights == (1.0, 2.0, 3.0)


def test_the_end_of_a_range_is_the_last_step_within_it() -> None:
    dropout, units = parse_space(
        {"dropout": {"low": 0.1, "high": 0.45, "step": 0.1}, "hidden_size": {"low": 8, "high": 63, "step": 8}}, CONFIG
    ).parameters
    assert (dropout.high, units.high) == (0.4, 56)


def test_no_field_that_decides_what_is_scored_can_be_tuned() -> None:
    sections = {name.split(".")[0] for name in tunable_fields(CONFIG)}
    assert sections == {"features", "windows", "model", "training"}
    # A field is asked of the models that have it.
    tunable = set(tunable_fields(CONFIG))
    for name in NETWORKS:
        tunable |= set(tunable_fields(load_config(overrides={"model.name": name})))
    assert set(PRESET.values()) - tunable == {"model.name", "model.input_features"}


NUMBERS = st.floats(1e-6, 1e-2).map(lambda value: float(f"{value:.3g}"))


@settings(max_examples=30)
@given(
    st.lists(st.integers(1, 512), min_size=1, max_size=4, unique=True),
    st.tuples(NUMBERS, NUMBERS).map(sorted),
    st.booleans(),
)
def test_a_space_reads_back_what_it_says_of_itself(sizes: list[int], ends: list[float], log: bool) -> None:
    said = {"hidden_size": sizes, "learning_rate": {"low": ends[0], "high": ends[1], "log": log}, "dropout": [0.0]}
    space = parse_space(said, CONFIG)
    assert parse_space(yaml.safe_load(yaml.safe_dump(space.to_dict(), sort_keys=False)), CONFIG) == space


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["low", "high", "log", "step", "x"]), inner)
        ),
    ),
    st.sampled_from(["dropout", "hidden_size", "optimizer", "training.class_weights", "windows.supervise"]),
)
def test_whatever_a_field_is_given_is_taken_or_refused_in_words(value: object, field: str) -> None:
    try:
        space = parse_space({field: value}, CONFIG)
    except GatewiseError as error:
        refused = error.message
    else:
        refused = ""
    assert "\n" not in refused
    if refused:
        return
    for held in space.candidates(long_name(field), None):
        space.configure(CONFIG, {space.parameters[0].name: held})


def test_a_space_that_ships_leaves_alone_what_the_user_has_settled() -> None:
    whole, left = load_space(None, CONFIG), load_space(None, CONFIG, {"windows.sequence_length", "model.dropout"})
    assert {p.name for p in whole.parameters} - {p.name for p in left.parameters} == {"sequence_length", "dropout"}
    with pytest.raises(ConfigError, match="leave something to search"):
        load_space("wide", CONFIG, {"training.learning_rate", "model.dropout", "model.hidden_size"})


@pytest.mark.parametrize(
    ("field", "values", "words"),
    [
        ("hidden_size", [32, 64], "32, 64"),
        ("gradient_clip", [0.5, None], "0.5, null"),
        ("training.class_weights", ["none", "balanced"], "none, balanced"),
        ("learning_rate", {"low": 1e-4, "high": 0.01, "log": True}, "0.0001 to 0.01, in log"),
        ("dropout", {"low": 0.0, "high": 0.5, "step": 0.1}, "0.0 to 0.5 by 0.1"),
        ("num_layers", {"low": 1, "high": 3}, "1 to 3"),
    ],
)
def test_a_report_says_a_space_in_words(field: str, values: object, words: str) -> None:
    assert parse_space({field: values}, CONFIG).parameters[0].description == words
