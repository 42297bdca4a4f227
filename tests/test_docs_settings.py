"""docs/settings.md names every field of a config with its default and every word that it may take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from gatewise.config.fields import chosen_sections, value_at
from gatewise.config.schema import MODEL_CONFIGS, ExperimentConfig
from gatewise.config.target_section import RealizedVolatilityConfig, TargetSection

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
ROW = re.compile(r"^\| `(\w+)` \| `([^`]*)` \| (.*) \|$", re.MULTILINE)
OF_ALL_MODELS = {
    field: default
    for name, family in MODEL_CONFIGS.items()
    for field, default in family(name=name).model_dump(mode="json").items()
}
SECTIONS = {name: value for name, value in ExperimentConfig() if name != "name"}
CHOSEN = {".".join(path): options for path, options in chosen_sections().items()}


def rows_of(section: str) -> dict[str, tuple[Any, str]]:
    """What the page says of a section's fields: default and meaning."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    return {name: (yaml.safe_load(default), meaning) for name, default, meaning in ROW.findall(text)}


def words_of(annotation: Any) -> set[str]:
    """The words of every Literal in an annotation."""
    return {word for arg in get_args(annotation) for word in ({arg} if isinstance(arg, str) else words_of(arg))}


@pytest.mark.parametrize("section", SECTIONS)
def test_the_page_gives_every_field_and_its_default(section: str) -> None:
    said = {name: default for name, (default, _) in rows_of(section).items()}
    wanted = {
        name: value
        for name, value in ExperimentConfig().to_dict()[section].items()
        if f"{section}.{name}" not in CHOSEN
    }
    assert said == (OF_ALL_MODELS | wanted if section == "model" else wanted)


@pytest.mark.parametrize("section", SECTIONS)
def test_the_page_names_every_word_that_a_field_may_take(section: str) -> None:
    said = rows_of(section)
    for name, field in type(SECTIONS[section]).model_fields.items():
        if f"{section}.{name}" in CHOSEN:
            continue
        default, meaning = said[name]
        missing = [word for word in words_of(field.annotation) if word != default and f"`{word}`" not in meaning]
        assert not missing, name


def test_the_page_gives_the_fields_of_realised_volatility() -> None:
    said, of_all = rows_of("realized volatility"), TargetSection.model_fields
    fields = {name: field for name, field in RealizedVolatilityConfig.model_fields.items() if name not in of_all}
    assert {name: default for name, (default, _) in said.items()} == {n: f.default for n, f in fields.items()}
    for name, field in fields.items():
        assert all(word == field.default or f"`{word}`" in said[name][1] for word in words_of(field.annotation)), name


@pytest.mark.parametrize("section", CHOSEN)
def test_the_page_gives_every_field_of_every_option_and_whose_it_is(section: str) -> None:
    rows, options = rows_of(section), CHOSEN[section]
    assert rows.keys() == {name for kind in options.values() for name in kind.model_fields}
    default, meaning = rows.pop("name")
    assert default == value_at(ExperimentConfig(), f"{section}.name")
    assert {default, *re.findall(r"`(\w+)`", meaning)} >= options.keys()
    for field, (default, meaning) in rows.items():
        owners = {
            name: kind.model_fields[field].default for name, kind in options.items() if field in kind.model_fields
        }
        assert default in owners.values()
        for name, value in owners.items():
            assert value == default or f"`{name}` `{value}`" in meaning
            assert len(owners) == len(options) or f"`{name}`" in meaning
