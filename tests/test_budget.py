"""What ends a training early changes no number: an epoch's weights are those of every run that is stopped there.

A stop that cut the schedule short, or lost what was done since the last checkpoint, would still look like a training.
"""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import pytest

from gatewise.bundle import Bundle
from gatewise.config.load import load_config
from gatewise.errors import ConfigError
from gatewise.group.symbols import train_symbols
from gatewise.registry.listing import list_runs
from gatewise.registry.train import train
from gatewise.training.budget import Budget
from symbol_worlds import SMALL, far_levels, only
from test_symbol_runs import WAYS, Ear
from test_training import keep_in, run, same, settings, small_model, weights

RUN = SMALL | {"features.sets": ["ohlcv"], "features.columns": [], "training.max_epochs": 4, "training.device": "cpu"}


def ticking(seconds: float) -> Budget:
    """A budget of 10 s on a clock by which each epoch takes so long."""
    clock = count(0.0, seconds)
    return Budget(max_seconds=10.0, clock=lambda: next(clock))


@pytest.mark.parametrize("budget", [Budget(stop_after_epoch=3), ticking(4.0)], ids=["epoch", "clock"])
@pytest.mark.parametrize("every", [1, 2, 5])
def test_a_stopped_run_keeps_the_best_so_far_and_goes_on_bit_for_bit(budget: Budget, every: int) -> None:
    config = settings(max_epochs=6, scheduler="cosine", optimizer="adam", checkpoint_every_epochs=every)
    whole, states = small_model(), []
    undisturbed = run(whole, settings(max_epochs=6, scheduler="cosine", optimizer="adam"), save=keep_in(states))
    if budget.max_seconds is not None:
        budget = ticking(4.0)
    stopped, kept = small_model(), []
    result = run(stopped, config, save=keep_in(kept), budget=budget)
    assert (result.epochs, result.ended) == (3, "max_time" if budget.max_seconds else "stop_after_epoch")
    assert kept[-1][1]["epoch"] == 3
    best = {name.removeprefix("best/"): value for name, value in states[2][0].items() if name.startswith("best/")}
    assert same(weights(stopped), [best[name] for name in stopped.state_dict()])
    resumed = small_model()
    rest = run(resumed, config, saved=kept[-1])
    assert same(weights(resumed), weights(whole))
    assert (rest.ended, rest.best_epoch, rest.remarks) == ("max_epochs", undisturbed.best_epoch, undisturbed.remarks)


def test_no_epoch_is_begun_that_would_pass_the_time_but_one_is_trained() -> None:
    budget = Budget(max_seconds=10.0)
    assert budget.stop(1, 5.0, 5.0) is None
    assert budget.stop(1, 5.0, 5.1) == "max_time"
    assert run(small_model(), settings(), budget=Budget(max_seconds=1e-9)).epochs == 1


def test_over_sittings_the_time_of_earlier_ones_counts_and_no_epoch_is_begun_beyond_it() -> None:
    kept: list[object] = []
    first = run(small_model(), settings(max_epochs=6), save=keep_in(kept), budget=Budget(stop_after_epoch=2))
    tensors, values = kept[-1]  # type: ignore[misc]
    for epoch in values["history"]:
        epoch["seconds"] = 4.0
    spent = Budget(10.0, over_sittings=True)
    assert spent.spent(values["history"]) == 8.0
    again = run(small_model(), settings(max_epochs=6), saved=(tensors, values), budget=spent)
    assert (again.ended, again.epochs, again.best_epoch) == ("max_time", 2, first.best_epoch)
    more = run(small_model(), settings(max_epochs=6), saved=(tensors, values), budget=Budget(10.0))
    assert (more.ended, more.epochs) == ("max_epochs", 6)


def test_a_run_that_ends_by_itself_there_says_so() -> None:
    assert run(small_model(), settings(max_epochs=2), budget=Budget(stop_after_epoch=2)).ended == "max_epochs"


def test_what_a_stopped_run_says_repeats_it() -> None:
    remark = run(small_model(), settings(max_epochs=4), budget=ticking(6.0)).remarks[-1]
    assert "after epoch 2 of at most 4" in remark
    assert "stop_after_epoch=2" in remark


@pytest.mark.parametrize("way", WAYS)
def test_each_symbols_run_is_stopped_and_goes_on(way: str, gatewise_home: Path) -> None:
    table = far_levels(400, "AB")
    config = load_config(overrides=RUN | {"training.per_symbol": True})
    fleet, workers = WAYS[way]
    runs = train_symbols(config, Ear(), table, fleet, workers, budget=Budget(stop_after_epoch=2)).runs
    assert [(one.result["ended"], one.result["epochs"]) for one in runs] == [("stop_after_epoch", 2)] * 2
    _, resumed = train(table=only(table, "A"), resume=runs[0].run_id)
    _, whole = train(load_config(overrides=RUN), only(table, "A"))
    assert (resumed.trained.fit.ended, resumed.trained.fit.epochs) == ("max_epochs", 4)
    one, other = (Bundle.load(outcome.bundle).predictor.tensors() for outcome in (resumed, whole))
    assert all(one[name].equal(other[name]) for name in one)


def test_the_command_stops_says_so_and_goes_on(cli, gatewise_home: Path) -> None:
    words = "train --source sp500 --hidden-size 4 --num-layers 1 --seq-len 5 --max-epochs 3 --device cpu --json -q"
    stopped = json.loads(cli(*words.split(), "--stop-after-epoch", "1").out)
    assert (stopped["ended"], stopped["epochs"]) == ("stop_after_epoch", 1)
    assert "--stop-after-epoch 1" in stopped["remarks"][-1]
    timed = json.loads(cli(*words.split(), "--max-time", "0.001s").out)
    assert (timed["ended"], timed["epochs"]) == ("max_time", 1)
    assert timed["metrics"] == stopped["metrics"]
    whole = json.loads(cli(*words.split()).out)
    for run_id in (stopped["run_id"], timed["run_id"]):
        resumed = json.loads(cli("train", "--resume", run_id, "--json", "-q").out)
        assert (resumed["ended"], resumed["metrics"]) == (whole["ended"], whole["metrics"])
        assert Path(resumed["predictions"]).read_bytes() == Path(whole["predictions"]).read_bytes()


@pytest.mark.parametrize("epoch", [0, 5, -1])
def test_an_epoch_that_never_comes_is_refused_and_leaves_no_run(epoch: int, gatewise_home: Path) -> None:
    with pytest.raises(ConfigError, match="stop_after_epoch"):
        train(load_config(overrides=RUN), far_levels(400, "A"), budget=Budget.of(stop_after_epoch=epoch))
    assert not list_runs()


@pytest.mark.parametrize("length", ["soon", "0s", "-5m", 10, ""])
def test_a_time_that_is_none_is_refused(length: object) -> None:
    with pytest.raises(ConfigError, match="max_time") as caught:
        Budget.of(max_time=length)
    assert caught.value.hint == 'max_time="30m"'
