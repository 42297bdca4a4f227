"""`gatewise train --seeds`: each seed's run is the one that it gives alone, and the spread is that of these runs.

A group that trained a seed otherwise, or the same seed twice, would give a spread that says nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import TINY, Cli
from gatewise.bundle import Bundle
from gatewise.config.load import load_config
from gatewise.config.seeds import read_seeds
from gatewise.errors import ConfigError
from gatewise.group.seeds import train_seeds
from gatewise.group.train import GroupOutcome
from gatewise.registry.listing import find_info
from gatewise.registry.train import train
from gatewise.training.budget import Budget
from symbol_worlds import SMALL, far_levels
from test_symbol_runs import Ear

RUN = {"features.sets": ["ohlcv"], "features.columns": [], "training.max_epochs": 2, "model.dropout": 0.2}
SEEDS = (7, 123)


def run(fleet: str, workers: int | None, seeds: tuple[int, ...] = SEEDS) -> GroupOutcome:
    config = load_config(overrides=SMALL | RUN)
    return train_seeds(config, seeds, Ear(), far_levels(500, "A"), fleet, workers)


@pytest.mark.parametrize(("fleet", "workers", "tolerance"), [("off", 1, 0.0), ("off", 2, 0.0), ("on", None, 1e-5)])
def test_every_seed_gets_the_run_that_it_gets_alone(
    gatewise_home: Path, fleet: str, workers: int | None, tolerance: float
) -> None:
    group = run(fleet, workers)
    assert group.fleet["used"] is (fleet == "on")
    assert [made.member for made in group.runs] == ["7", "123"]
    for made in group.runs:
        config = load_config(overrides=SMALL | RUN | {"training.seed": int(made.member)})
        _, lone = train(config, far_levels(500, "A"))
        ours, theirs = Bundle.load(Path(made.result["bundle"])).record, Bundle.load(lone.bundle).record
        for name, weight in theirs.weights.items():
            assert (ours.weights[name] - weight).abs().max() <= tolerance, name
        assert ours.config == config
        info = find_info(made.run_id)
        assert info.name.endswith(f" seed {made.member}")
        assert info.status == "FINISHED"
    assert not torch.equal(*(Bundle.load(Path(r.result["bundle"])).record.weights["head.weight"] for r in group.runs))


def test_the_spread_is_that_of_the_runs_with_divisor_n_minus_1(gatewise_home: Path) -> None:
    value = run("off", 1, (1, 2, 3)).to_dict()
    for part in ("val", "test"):
        values = [of["metrics"][part]["log_loss"]["value"] for of in value["seeds"].values()]
        assert value["overall"]["mean"][part]["log_loss"] == pytest.approx(sum(values) / 3)
        assert value["overall"]["std"][part]["log_loss"] == pytest.approx(np.std(values) * np.sqrt(3 / 2))
    assert sum(value["overall"]["verdict"].values()) == value["overall"]["seeds"] == 3


@pytest.mark.parametrize(
    ("words", "seeds"),
    [
        ("3", (42, 43, 44)),
        (2, (42, 43)),
        ("42,123,456", (42, 123, 456)),
        ("7, 3", (7, 3)),
        ([5], (5,)),
        ((9, 1), (9, 1)),
    ],
)
def test_a_lone_number_is_a_count_and_a_list_names_the_seeds(words: object, seeds: tuple[int, ...]) -> None:
    assert read_seeds(words, 42) == seeds  # type: ignore[arg-type]


@pytest.mark.parametrize("words", ["0", "-1", "many", "1,1", "1,-2", "1,,2", "", "5000", [], f"1,{2**63}", 1.5])
def test_what_are_no_seeds_is_refused(words: object) -> None:
    with pytest.raises(ConfigError, match="seeds"):
        read_seeds(words, 42)  # type: ignore[arg-type]


def test_the_command_says_mean_and_spread_and_each_seeds_verdict(cli: Cli) -> None:
    words = ("train", *TINY, "--max-epochs", 1, "--workers", 1, "-q")
    value = cli(*words, "--seeds", "5,9", "--json").json
    assert set(value) == {"seeds", "overall", "failures", "fleet", "compute"}
    assert list(value["seeds"]) == ["5", "9"]
    assert {"run_id", "bundle", "verdict", "metrics"} <= value["seeds"]["5"].keys()
    people = cli(*words, "--seeds", 2, "--seed", 5).out
    assert " of 2 seeds better: log loss " in people.splitlines()[1]
    assert [line.split()[0] for line in people.splitlines()[3:8]] == ["seed", "5", "6", "mean", "std"]
    listed = cli("runs", "list", "--kind", "seeds", "--json").json["runs"]
    assert [info["of"] for info in listed] == [2, 2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--seeds", "5,9", "--seed", 3), "--seeds names every seed, and so does --seed"),
        (("--seeds", "3", "--per-symbol"), "one model a seed, or one a symbol"),
        (("--seeds", "3", "--resume", "abc"), "--resume takes the run's own config"),
        (("--seeds", "none"), "seeds are whole numbers; got 'none'"),
    ],
)
def test_what_says_two_things_is_refused(cli: Cli, words: tuple[object, ...], message: str) -> None:
    said = cli("train", *words) if "--resume" in words else cli("train", *TINY, *words)
    assert said.code == 2
    assert message in said.err


def test_cross_validation_takes_named_seeds_and_goes_on_with_them(cli: Cli) -> None:
    words = ("cv", *TINY, "--n-splits", 2, "--max-epochs", 1, "--workers", 1, "--seeds", "3,11", "-q", "--json")
    value = cli(*words).json
    assert [fold["seed"] for fold in value["folds"] if fold["model"] == "lstm"] == [3, 11, 3, 11]
    again = cli("cv", "--resume", value["id"], "-q", "--json").json
    assert again["resumed"] == 4
    assert again["folds"] == value["folds"]


def test_a_budget_is_each_seeds_own_and_the_plan_counts_to_where_it_ends(gatewise_home: Path) -> None:
    config, ear = load_config(overrides=SMALL | RUN | {"training.max_epochs": 5}), Ear()
    planned = []
    ear.on_plan = lambda members, epochs, compute: planned.append(epochs)  # type: ignore[method-assign]
    group = train_seeds(config, SEEDS, ear, far_levels(500, "A"), "off", 1, budget=Budget(stop_after_epoch=2))
    assert planned == [2]
    assert [(made.result["epochs"], made.result["ended"]) for made in group.runs] == [(2, "stop_after_epoch")] * 2


def test_what_the_clock_ended_is_said_beside_the_spread(cli: Cli) -> None:
    said = cli("train", *TINY, "--seeds", 2, "--workers", 1, "--max-epochs", 3, "--max-time", "0.001s")
    assert said.code in (0, 1), said.err
    assert said.err.count("1 epoch, best 1, then time was up") == 2
    assert "--max-time ended 2 of 2 trainings, after 1, 1 epochs" in said.out
