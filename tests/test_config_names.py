"""Short, former and long names say the same through every door, and each option has only fields of its own.

A name that is read in one door and lost in another would train something else than its owner wrote.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

import gatewise
from conftest import Cli
from gatewise.config.fields import chosen_sections, fields_at, leaves, value_at
from gatewise.config.load import assigned_fields, build_config, change_config, load_config, to_yaml
from gatewise.config.loss_section import LOSS_CONFIGS
from gatewise.config.names import ALIASES, COMMON, FORMER, IDLE_VALUES, PRESET
from gatewise.config.schema import MODEL_CONFIGS, ExperimentConfig, TargetConfig
from gatewise.errors import ConfigError, UnknownNameError
from gatewise.selection.tuning.space_file import parse_space, tunable_fields

# Values that are nobody's default, by long name.
VALUES: dict[str, Any] = {
    "model.name": "gru",
    "model.hidden_size": 7,
    "model.num_layers": 4,
    "model.dropout": 0.125,
    "model.bidirectional": True,
    "model.input_features": 3,
    "model.channels": 5,
    "model.kernel_size": 4,
    "model.expansion": 2,
    "model.segment_length": 6,
    "windows.sequence_length": 11,
    "split.purge_rows": 9,
    "split.embargo_rows": 12,
    "training.learning_rate": 0.25,
    "training.gradient_clip": 2.5,
    "training.optimizer.name": "sgd",
    "training.optimizer.weight_decay": 0.0625,
    "training.optimizer.momentum": 0.75,
    "training.schedule.name": "constant",
    "training.schedule.warmup_epochs": 2,
    "training.schedule.step_size": 3,
    "training.schedule.gamma": 0.375,
    "training.schedule.patience": 4,
    "training.schedule.factor": 0.75,
    "training.loss.name": "mae",
    "training.loss.delta": 0.5,
    "training.loss.label_smoothing": 0.25,
    "training.batch_size": 96,
    "training.max_epochs": 17,
    "training.early_stopping_patience": 6,
    "training.min_delta": 0.5,
}


KIND_OF = {
    "classes": "direction",
    "values": "forward_return",
    "quantiles": "forward_return",
    "volatility": "realized_volatility",
}


def owner_of(long: str) -> dict[str, Any]:
    """What must be chosen for a field to be there: {training.schedule.name: step} for gamma."""
    *section, field = long.split(".")
    options = MODEL_CONFIGS if section == ["model"] else chosen_sections().get((*section,), {})
    owners = [name for name, kind in options.items() if field in kind.model_fields]
    if not owners or field == "name":
        return fitting(VALUES[long]) if long == "training.loss.name" else {}
    return {**(fitting(owners[0]) if "loss" in section else {}), ".".join((*section, "name")): owners[0]}


def fitting(loss: str) -> dict[str, Any]:
    """A target that a loss can be computed of."""
    kinds = LOSS_CONFIGS[loss].output_kinds
    kind = next(KIND_OF[name] for name in KIND_OF if name in kinds)
    return {"target.kind": kind, "target.quantiles": [0.25, 0.5] if kinds == ("quantiles",) else []}


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """Dotted names as sections."""
    made: dict[str, Any] = {}
    for dotted, value in values.items():
        *path, last = dotted.split(".")
        inner = made
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return made


def by_file(text: Callable[[Any], str], name: str) -> Callable[[dict[str, Any], Path], ExperimentConfig]:
    def load(values: dict[str, Any], folder: Path) -> ExperimentConfig:
        (folder / name).write_text(text(nested(values)))
        return load_config(folder / name)

    return load


def by_space(values: dict[str, Any], _: Path) -> ExperimentConfig:
    *chosen, (name, value) = values.items()
    base = load_config(overrides=dict(chosen))
    space = parse_space({name: [value]}, base)
    return space.configure(base, {parameter.name: parameter.values[0] for parameter in space.parameters})  # type: ignore[union-attr]


CHOOSERS = {f"{'.'.join(path)}.name" for path in chosen_sections()}
DOORS: dict[str, Callable[[dict[str, Any], Path], ExperimentConfig]] = {
    "YAML": by_file(yaml.safe_dump, "mine.yaml"),
    "JSON": by_file(json.dumps, "mine.json"),
    "--set": lambda values, _: load_config(
        assignments=[f"{name}={json.dumps(value)}" for name, value in values.items()]
    ),
    "flags": lambda values, _: load_config(overrides=values),
    "what was stored": lambda values, _: change_config(
        load_config(overrides={"model.name": values.get("model.name")}), values
    ),
    "a search space": by_space,
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("alias", ALIASES)
def test_a_short_or_former_name_says_what_the_long_one_says(tmp_path: Path, alias: str, door: str) -> None:
    long, value = ALIASES[alias], VALUES[ALIASES[alias]]
    if door == "a search space" and long not in tunable_fields(load_config()):
        pytest.skip("is not tuned")
    one, other = (DOORS[door]({**owner_of(long), name: value}, tmp_path) for name in (alias, long))
    assert one == other
    assert value_at(one, long) == value


def test_every_alias_leads_to_a_field() -> None:
    known = {".".join(path) for path, _ in leaves()}
    assert set(ALIASES.values()) <= known
    assert not (PRESET.keys() | COMMON.keys() | FORMER.keys()) & known


@pytest.mark.parametrize(("said", "precision"), [(True, "auto"), (False, "fp32")])
def test_mixed_precision_is_what_the_device_is_good_at_or_none(tmp_path: Path, said: bool, precision: str) -> None:
    for door in ("YAML", "JSON", "--set", "flags"):
        assert DOORS[door]({"mixed_precision": said}, tmp_path).training.precision == precision
    with pytest.raises(ConfigError, match="mixed_precision must be true or false; got 'bf16'"):
        load_config(assignments=["mixed_precision=bf16"])


@pytest.mark.parametrize(("said", "precision"), [("no", "fp32"), ("False", "fp32"), ("yes", "auto")])
def test_a_quoted_word_for_mixed_precision_means_what_it_says(tmp_path: Path, said: str, precision: str) -> None:
    for door in ("YAML", "JSON", "flags"):
        assert DOORS[door]({"mixed_precision": said}, tmp_path).training.precision == precision
    with pytest.raises(ConfigError) as refused:
        load_config(overrides={"mixed_precision": "bf16"})
    assert refused.value.hint == 'training.precision="bf16"'


def another(value: Any) -> Any:
    """Of the same kind."""
    if isinstance(value, str):
        return {"sgd": "adam", "gru": "lstm"}.get(value, "auto" if value == "mae" else "cosine")
    return not value if isinstance(value, bool) else value * 2


@pytest.mark.parametrize("door", ["YAML", "JSON", "flags", "what was stored"])
@pytest.mark.parametrize("alias", ALIASES)
def test_two_values_of_one_setting_are_refused_by_both_names(tmp_path: Path, alias: str, door: str) -> None:
    long, value = ALIASES[alias], VALUES[ALIASES[alias]]
    if long.startswith(f"{alias}."):
        return  # one key of a file can't hold both
    with pytest.raises(ConfigError) as refused:
        DOORS[door]({**owner_of(long), alias: value, long: another(value)}, tmp_path)
    assert all(name in refused.value.message for name in (alias, long))
    assert refused.value.hint == "leave one of them out"
    chosen = {name: said for name, said in owner_of(long).items() if name != long}
    assert value_at(DOORS[door]({**chosen, alias: value, long: value}, tmp_path), long) == value


@pytest.mark.parametrize(
    "text",
    [
        "train_split: 0.8\nsplit: {train: 0.6, val: 0.2, test: 0.2}",
        "mixed_precision: true\ntraining: {precision: fp32}",
        "scheduler: plateau\nschedule: cosine",
        "optimizer: {name: sgd}\ntraining: {optimizer: {name: adam}}",
        "momentum: 0.9\noptimizer: {name: sgd, momentum: 0.3}",
        "data.rename: {volume: a}\ndata: {rename: {volume: b}}",
        "epochs: 3\nepochs: 4",
        "training: {seed: 1}\ntraining: {max_epochs: 8}",
        '{"epochs": 3, "epochs": 4}',
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / ("mine.json" if text.startswith("{") else "mine.yaml")
    file.write_text(text)
    with pytest.raises(ConfigError, match="two values"):
        load_config(file)


@pytest.mark.parametrize("text", ["train_split: .nan", "training: {learning_rate: .nan}", '{"max_epochs": NaN}'])
def test_no_number_is_refused_as_what_it_is_and_not_as_two_values(tmp_path: Path, text: str) -> None:
    file = tmp_path / ("mine.json" if text.startswith("{") else "mine.yaml")
    file.write_text(text)
    with pytest.raises(ConfigError, match="got nan"):
        load_config(file)


def test_what_is_said_again_with_one_value_or_in_a_later_layer_counts(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("epochs: 3\nepochs: 3\ntraining: {max_epochs: 3}\n")
    assert load_config(file).training.max_epochs == 3
    assert load_config(file, ["epochs=4", "max_epochs=5"]).training.max_epochs == 5
    assert load_config(file, ["epochs=4"], {"training.max_epochs": 6}).training.max_epochs == 6
    file.write_text("split: {<<: {purge_rows: 1}, purge_rows: 2}\n")
    assert load_config(file).split.purge_rows == 2


@st.composite
def configs(draw: st.DrawFn) -> ExperimentConfig:
    """Any optimizer and schedule with any of their options."""
    said: dict[str, Any] = {}
    for path, options in chosen_sections().items():
        name = draw(st.sampled_from(sorted(options)))
        said[".".join((*path, "name"))] = name
        for field in options[name].model_fields.keys() - {"name"}:
            if draw(st.booleans()) and (dotted := ".".join((*path, field))) in VALUES:
                said[dotted] = VALUES[dotted]
    said |= fitting(said["training.loss.name"])
    return load_config(overrides=said)


@given(configs())
def test_what_is_written_is_read_back_as_it_was(config: ExperimentConfig) -> None:
    for values in (yaml.safe_load(to_yaml(config)), json.loads(json.dumps(config.to_dict()))):
        again = build_config(values)
        assert again == config
        assert again.digest == config.digest
        assert not values["training"].keys() & {name.removeprefix("training.") for name in FORMER} - {
            "optimizer",
            "loss",
        }


@given(configs(), configs())
def test_another_option_said_later_ends_the_former_ones_own_fields_and_keeps_what_both_have(
    one: ExperimentConfig, other: ExperimentConfig
) -> None:
    assume(type(one.target) is type(other.target))  # what is stored keeps its target
    names = {name: value_at(other, name) for name in CHOOSERS}
    got = change_config(one, names, fitting(names["training.loss.name"]))
    for path, options in chosen_sections().items():
        before, after = (value_at(config, ".".join(path)) for config in (one, got))
        assert after.name == names[".".join((*path, "name"))]
        for field in options[after.name].model_fields.keys() - {"name"}:
            kept = field in type(before).model_fields and (
                type(before).model_fields[field].default == type(after).model_fields[field].default
            )
            assert getattr(after, field) == (
                getattr(before, field) if kept else type(after).model_fields[field].default
            )


LEAVES = [".".join(path) for path, _ in leaves()]


def needed_for(dotted: str) -> list[str]:
    """Assignments with which a field is there."""
    needed = [f"{name}={value}" for name, value in owner_of(dotted).items() if dotted != "target.kind"]
    model = next((name for name, kind in MODEL_CONFIGS.items() if dotted.split(".")[-1] in kind.model_fields), "lstm")
    if dotted.startswith("model.") and dotted != "model.name":
        needed.append(f"model.name={model}")
    *section, field = dotted.split(".")
    if section == ["target"] and field not in TargetConfig.model_fields:
        return [*needed, "target.kind=realized_volatility"]
    able = MODEL_CONFIGS[model].targets
    return needed if "classes" in able else [*needed, f"target.kind={KIND_OF[able[0]]}"]


WHOLE = [".".join(path) for path, info in leaves() if int in (info.annotation, *get_args(info.annotation))]


@pytest.mark.parametrize("dotted", WHOLE)
def test_a_whole_number_that_nothing_below_holds_is_refused_by_its_name(dotted: str) -> None:
    for value in ("100000000000000000000", "-100000000000000000000", "1e20", '"100000000000000000000"'):
        with pytest.raises(ConfigError) as refused:
            load_config(assignments=[*needed_for(dotted), f"{dotted}={value}"])
        assert dotted in refused.value.message or dotted in ("target.horizons", "target.steps")
        assert not refused.value.message.startswith("unknown")


@pytest.mark.parametrize("dotted", LEAVES)
def test_every_field_can_be_set_and_a_wrong_letter_is_refused_with_the_nearest_name(dotted: str) -> None:
    needed = needed_for(dotted)
    plain = value_at(load_config(assignments=needed).to_dict(), dotted)
    assert value_at(load_config(assignments=[*needed, f"{dotted}={json.dumps(plain)}"]).to_dict(), dotted) == plain
    *section, field = dotted.split(".")
    with pytest.raises(UnknownNameError) as refused:
        load_config(assignments=[*needed, f"{'.'.join((*section, field + 'x'))}=1"])
    near = difflib.get_close_matches(field + "x", sorted(fields_at(section)), n=1, cutoff=0.5)
    assert near
    assert "did you mean" in (refused.value.hint or "")
    assert "\n" not in refused.value.message


@pytest.mark.parametrize("path", chosen_sections())
def test_a_field_of_another_option_is_refused_by_both_names(path: tuple[str, ...]) -> None:
    where, options = ".".join(path), chosen_sections()[path]
    for name, kind in options.items():
        for field in fields_at(path).keys() - kind.model_fields.keys():
            with pytest.raises(ConfigError) as refused:
                load_config(overrides={f"{where}.name": name, f"{where}.{field}": VALUES[f"{where}.{field}"]})
            assert f"{where}.{field} belongs to " in refused.value.message
            assert f"{where}.name is {name}" in refused.value.message
            owner = (refused.value.hint or "").split('"')[1]
            kind = fitting(owner) if where == "training.loss" else {}
            load_config(overrides={**kind, f"{where}.name": owner, f"{where}.{field}": VALUES[f"{where}.{field}"]})


@pytest.mark.parametrize("name", IDLE_VALUES)
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("scheduler", ["cosine", "step", "exponential", "plateau", "constant"])
def test_a_former_name_at_its_former_default_is_no_error_beside_another_option(
    name: str, optimizer: str, scheduler: str
) -> None:
    chosen = {"training.optimizer": optimizer, "training.scheduler": scheduler}
    with_it = load_config(overrides=chosen | ({f"training.{name}": IDLE_VALUES[name]}))
    assert with_it == load_config(overrides=chosen)
    assert build_config({"training": {"optimizer": optimizer, "scheduler": scheduler, name: IDLE_VALUES[name]}}) == (
        build_config({"training": {"optimizer": optimizer, "scheduler": scheduler}})
    )


def test_patience_and_factor_are_the_plateaus_and_else_refused_by_both_names(tmp_path: Path) -> None:
    file = tmp_path / "flat.yaml"
    file.write_text("scheduler: plateau\npatience: 10\nfactor: 0.25\n")
    schedule = load_config(file).training.schedule
    assert schedule.model_dump() == {"name": "plateau", "patience": 10, "factor": 0.25}
    file.write_text("patience: 10\n")
    with pytest.raises(ConfigError, match=r"training\.schedule\.patience belongs to plateau") as refused:
        load_config(file)
    assert 'training.schedule.name="plateau"' in (refused.value.hint or "")
    assert "training.early_stopping_patience" in (refused.value.hint or "")


def test_a_space_may_choose_an_option_and_search_its_fields() -> None:
    config = load_config()
    space = parse_space({"optimizer": ["adamw", "sgd"], "momentum": [0.5, 0.9], "weight_decay": [0.0, 0.1]}, config)
    sgd = space.configure(config, {"optimizer": "sgd", "momentum": 0.5, "weight_decay": 0.1}).training.optimizer
    adamw = space.configure(config, {"optimizer": "adamw", "momentum": 0.5, "weight_decay": 0.1}).training.optimizer
    assert sgd.model_dump() == {"name": "sgd", "weight_decay": 0.1, "momentum": 0.5}
    assert adamw.model_dump() == {"name": "adamw", "weight_decay": 0.1}
    with pytest.raises(ConfigError, match="momentum belongs to sgd"):
        parse_space({"momentum": [0.5, 0.9]}, config)


@pytest.mark.parametrize(
    ("one", "other"),
    [(("--epochs", 7), ("--max-epochs", 7)), (("--model-type", "gru"), ("--model", "gru"))],
)
def test_a_flag_of_two_names_is_one(cli: Cli, one: tuple[object, ...], other: tuple[object, ...]) -> None:
    said = [cli("config", "show", *words, "--json") for words in (one, other)]
    assert said[0].code == 0
    assert said[0].json == said[1].json != cli("config", "show", "--json").json


def test_whose_epochs_stamps_count_is_a_flag_of_its_own(cli: Cli) -> None:
    said = cli("config", "show", "--epochs-are", "wall", "--epochs", 7, "--json").json["config"]
    assert (said["data"]["epochs"], said["training"]["max_epochs"]) == ("wall", 7)


SEED_000 = """
hidden_size: 256
num_layers: 2
dropout: 0.3
bidirectional: false
sequence_length: 60
input_features: null
learning_rate: 0.001
weight_decay: 0.0001
gradient_clip: 1.0
optimizer: adamw
scheduler: cosine
warmup_epochs: 5
batch_size: 512
max_epochs: 100
early_stopping_patience: 15
min_delta: 0.0001
"""


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("cosine", {"name": "cosine", "warmup_epochs": 5}),
        ("step\nstep_size: 40\ngamma: 0.2", {"name": "step", "step_size": 40, "gamma": 0.2}),
        ("exponential\ngamma: 0.9", {"name": "exponential", "gamma": 0.9}),
        ("exponential\ngamma: null", {"name": "exponential", "gamma": 0.95}),
        ("plateau\npatience: 7\nfactor: 0.25", {"name": "plateau", "patience": 7, "factor": 0.25}),
    ],
)
def test_the_training_guides_file_is_read_with_each_of_its_schedules(
    tmp_path: Path, schedule: str, expected: dict[str, Any]
) -> None:
    """Whoever puts another schedule in the place of `cosine` leaves the line below it, `warmup_epochs: 5`."""
    file = tmp_path / "lstm.yaml"
    file.write_text(SEED_000.replace("scheduler: cosine", f"scheduler: {schedule}") + "mixed_precision: false\n")
    config = load_config(file)
    assert config.training.schedule.model_dump() == expected
    assert config.training.optimizer.model_dump() == {"name": "adamw", "weight_decay": 0.0001}
    assert config.training.precision == "fp32"
    with_bars = load_config(file, ["purge_bars=60", "embargo_bars=1440"]).split
    assert (with_bars.purge_rows, with_bars.embargo_rows) == (60, 1440)


def test_a_mapping_takes_the_place_of_a_mapping_where_a_field_is_changed_and_is_laid_over_it_in_files() -> None:
    config = load_config(assignments=["target.kind=direction", "training.class_weights={up: 1, down: 2}"])
    changed = change_config(config, {"training.class_weights": {"up": 3.0}})
    assert changed.training.class_weights == {"up": 3.0}
    laid = load_config(assignments=["data.filter={a: x}"], overrides={"data.filter": {"b": "y"}})
    assert laid.data.filter == {"a": "x", "b": "y"}


def test_models_on_arrays_take_the_same_names() -> None:
    short = {"optimizer": "sgd", "momentum": 0.5, "scheduler": "plateau", "factor": 0.25, "epochs": 3}
    former = {"optimizer": "sgd", "momentum": 0.5, "scheduler": "plateau", "plateau_factor": 0.25, "max_epochs": 3}
    one, other = (gatewise.ModelRegistry.create("lstm", **said).config.training for said in (short, former))
    assert one == other
    assert one.schedule.model_dump() == {"name": "plateau", "patience": 10, "factor": 0.25}
    with pytest.raises(UnknownNameError, match="embargo_bars"):
        gatewise.ModelRegistry.create("lstm", embargo_bars=3)


@pytest.mark.parametrize(
    ("assignment", "fields"),
    [
        ("optimizer=sgd", {"training.optimizer.name"}),
        (
            "training.optimizer={name: sgd, weight_decay: 0.1}",
            {"training.optimizer.name", "training.optimizer.weight_decay"},
        ),
        ("weight_decay=0.1", {"training.optimizer.weight_decay"}),
        ("gradient_clip=null", {"training.gradient_clip"}),
        ("model={name: gru, hidden_size: 3}", {"model.name", "model.hidden_size"}),
        ("train_split=0.8", {"split.train", "split.val", "split.test"}),
        ("training.warmup_epochs=5", {"training.schedule.warmup_epochs"}),
    ],
)
def test_what_an_assignment_settles_is_known_whichever_way_it_is_said(assignment: str, fields: set[str]) -> None:
    """A search leaves it alone."""
    assert assigned_fields([assignment]) == fields


@pytest.mark.parametrize(("first", "second"), [(0.5, 0.9), (0.9, 0.5)])
def test_of_a_name_given_twice_the_later_value_counts(first: float, second: float) -> None:
    config = load_config(assignments=["optimizer=sgd", f"momentum={first}", f"training.momentum={second}"])
    assert value_at(config, "training.optimizer.momentum") == second
