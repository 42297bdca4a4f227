"""How trials are chosen: a grid that skipped a point, or tried one twice, would name a best that is none."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gatewise as gw
from conftest import TINY, Cli
from gatewise.errors import ConfigError, UnknownNameError
from gatewise.selection.tuning.folder import StudyRequest
from gatewise.selection.tuning.space import MOST_POINTS, Choice, Range, SearchSpace
from gatewise.selection.tuning.study import StudyStore, open_study, study_terms
from gatewise.selection.tuning.tune import within_grid
from tune_worlds import small_config, small_space

SPACE = {"hidden_size": [2, 3], "dropout": {"low": 0.0, "high": 0.3, "step": 0.1}, "bidirectional": [True, False]}
POINTS = set(itertools.product([2, 3], [0.0, 0.1, 0.2, 0.3], [True, False]))


def opened(sampler: str, seed: int = 0, space: dict[str, Any] | None = None) -> StudyStore:
    config = small_config()
    wanted = small_space(config, space or SPACE)
    return open_study(None, "mine", wanted, study_terms(config, wanted, "rows", "none", sampler), 2, seed, "id")


def drawn(study: StudyStore, count: int) -> list[tuple[Any, ...]]:
    return [tuple(study.begin().params.values()) for _ in range(count)]


def test_a_grid_holds_every_point_once_in_an_order_that_the_seed_shuffles() -> None:
    first, again, other = (drawn(opened("grid", seed), 16) for seed in (0, 0, 1))
    assert set(first) == set(other) == POINTS
    assert len(first) == len(POINTS)
    assert first == again != other


@given(
    st.lists(st.integers(1, 500), min_size=1, max_size=4, unique=True),
    st.integers(0, 20),
    st.integers(0, 12),
    st.sampled_from([1, 2, 5]),
    st.integers(0, 6),
)
def test_points_are_those_of_the_product_of_all_values(
    sizes: list[int], low: int, steps: int, step: int, hundredths: int
) -> None:
    whole = Range("num_layers", low, low + steps, False, step, True)
    broken = Range("dropout", 0.0, hundredths / 100, False, 0.01, False)
    space = SearchSpace((Choice("hidden_size", tuple(sizes)), whole, broken))
    values = [sizes, range(low, low + steps + 1, step), [number / 100 for number in range(hundredths + 1)]]
    assert [tuple(space.point(index).values()) for index in range(space.num_points)] == list(itertools.product(*values))


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_what_is_drawn_is_a_function_of_seed_and_number(sampler: str) -> None:
    whole, cut = drawn(opened(sampler), 5), opened(sampler)
    assert drawn(cut, 2) + drawn(cut, 3) == whole
    assert drawn(opened(sampler, seed=1), 5) != whole


def test_random_trials_learn_nothing_from_scores_and_those_of_tpe_do() -> None:
    space = {"learning_rate": {"low": 0.0001, "high": 0.1, "log": True}}

    def after(sampler: str, sign: int) -> float:
        study = opened(sampler, space=space)
        for _ in range(15):
            trial = study.begin()
            study.study.tell(trial, sign * trial.params["learning_rate"])
        rate: float = study.begin().params["learning_rate"]
        return rate

    assert after("random", 1) == after("random", -1)
    assert after("tpe", 1) < after("tpe", -1)


def test_a_grid_bounds_the_trials_and_a_part_of_it_is_remarked_on() -> None:
    space = small_space(small_config(), SPACE)
    assert within_grid(StudyRequest(n_trials=50, sampler="grid"), space) == (StudyRequest(16, sampler="grid"), ())
    assert within_grid(StudyRequest(n_trials=50), space) == (StudyRequest(50), ())
    request, remarks = within_grid(StudyRequest(n_trials=3, sampler="grid"), space)
    assert (request.n_trials, remarks) == (3, ("3 of the grid's 16 points are tried",))


@pytest.mark.parametrize(
    ("entries", "message", "hint"),
    [
        ({"dropout": {"low": 0.0, "high": 0.5}}, "ranges with a step; dropout is 0.0 to 0.5", "as a list"),
        ({"hidden_size": {"low": 2, "high": 64, "log": True}}, "hidden_size is 2 to 64, in log", "as a list"),
        (
            {"dropout": {"low": 0.0, "high": 0.9, "step": 0.00001}, "hidden_size": {"low": 1, "high": 9}},
            f"at most {MOST_POINTS:,} points; this search space has 810,009",
            "fewer values",
        ),
    ],
)
def test_a_space_without_a_grid_is_refused(entries: dict[str, Any], message: str, hint: str) -> None:
    space = small_space(small_config(), entries)
    with pytest.raises(ConfigError, match=message) as caught:
        within_grid(StudyRequest(sampler="grid"), space)
    assert hint in (caught.value.hint or "")
    assert 'sampler="random"' in (caught.value.hint or "")


def test_an_unknown_sampler_is_refused_with_the_valid_ones(cli: Cli, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="gird"):
        StudyRequest(sampler="gird")
    answer = cli("tune", *TINY, "--sampler", "gird")
    assert (answer.code, "did you mean 'grid'?" in answer.err) == (2, True)
    space = tmp_path / "space.yaml"
    space.write_text(json.dumps({"dropout": {"low": 0.0, "high": 0.5}}), encoding="utf-8")
    refused = cli("tune", *TINY, "--sampler", "grid", "--space", space)
    assert refused.code == 2
    assert "--sampler random" in refused.err


def test_a_grid_that_was_cut_short_goes_on_to_the_table_of_one_that_was_not(cli: Cli, tmp_path: Path) -> None:
    space = tmp_path / "space.yaml"
    space.write_text(json.dumps({"hidden_size": [2, 3, 4]}), encoding="utf-8")
    words = ("tune", *TINY, "--max-epochs", 1, "--n-splits", 2, "--space", space, "--sampler", "grid", "--json")
    whole = cli(*words, "--workers", 0).json
    assert (whole["sampler"], len(whole["trials"])) == ("grid", 3)
    some = cli(*words, "--workers", 0, "--n-trials", 2).json
    assert "2 of the grid's 3 points are tried" in some["remarks"]
    rest = cli("tune", "--resume", some["id"], "--n-trials", 50, "--workers", 0, "--json").json
    assert pl.read_parquet(rest["table"]).equals(pl.read_parquet(whole["table"]))
    assert "every point of the grid" in Path(whole["report"]).read_text(encoding="utf-8")
    again = cli("tune", "--resume", some["id"], "--sampler", "random")
    assert again.code == 2


def test_a_study_goes_on_with_the_sampler_that_it_was_begun_with(tmp_path: Path) -> None:
    config = small_config()
    space, url = small_space(config, SPACE), f"sqlite:///{tmp_path / 'study.db'}"

    def opened_as(sampler: str) -> StudyStore:
        return open_study(url, "mine", space, study_terms(config, space, "rows", "none", sampler), 2, 0, "id")

    opened_as("grid").begin()
    assert opened_as("grid").cut_off() == [0]
    with pytest.raises(ConfigError, match="was begun on another sampler"):
        opened_as("random")


def test_python_takes_it_too() -> None:
    with pytest.raises(UnknownNameError, match="sampler"):
        gw.tune("nowhere.csv", sampler="gird", progress=False)
