"""How much of a winner is luck. A measure that is off by a half or a block would call luck a skill in good faith."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.errors import DivergedError
from gatewise.evaluation.confidence_set import MOST_PERIODS
from gatewise.selection.luck.overfitting import OverfittingReport, overfitting_report

Floats = npt.NDArray[np.float64]


def report(losses: dict[str, Floats], benchmark: Floats, **given: Any) -> OverfittingReport:
    n = len(benchmark)
    setting = {"time_us": np.arange(n), "symbol": np.zeros(n, dtype=np.int64), "horizon": 1, "seed": 0, "samples": 200}
    return overfitting_report(losses, benchmark, **(setting | given))


def noise(seed: int, n: int = 300, trials: int = 5) -> tuple[dict[str, Floats], Floats]:
    rng = np.random.default_rng(seed)
    return {f"m{number}": rng.normal(1, 1, n) for number in range(trials)}, rng.normal(1, 1, n)


def with_a_good_one(seed: int, n: int = 600, gain: float = 0.4) -> tuple[dict[str, Floats], Floats]:
    losses, benchmark = noise(seed, n)
    return losses | {"good": np.random.default_rng(seed + 1_000).normal(1 - gain, 1, n)}, benchmark


def test_among_trials_of_noise_the_choice_is_a_coin_and_the_benchmark_stands() -> None:
    found = [report(*noise(seed)) for seed in range(40)]
    pbo = [of.pbo.value for of in found]
    p = np.array([of.snooping.value for of in found])
    assert np.mean(pbo) == pytest.approx(0.5, abs=0.12)  # 0.25 from seed to seed
    assert np.mean(p) == pytest.approx(0.5, abs=0.15)
    assert np.mean(p < 0.05) <= 0.15
    assert np.mean(p < 0.5) == pytest.approx(0.5, abs=0.2)
    assert np.mean([of.snooping.benchmark_included for of in found]) > 0.9


def test_one_truly_better_trial_is_found_by_every_measure() -> None:
    losses, benchmark = with_a_good_one(0)
    rng = np.random.default_rng(1)
    returns = {name: rng.normal(0.2 if name == "good" else 0, 1, 600) for name in losses}
    found = report(losses, benchmark, returns=returns)
    assert found.pbo.value is not None
    assert found.pbo.value < 0.01
    assert found.pbo.below_benchmark is not None
    assert found.pbo.below_benchmark < 0.01
    assert found.snooping.value is not None
    assert found.snooping.value < 0.01
    assert found.snooping.better == ("good",)
    assert found.snooping.included == ("good",)
    assert found.snooping.benchmark_included is False
    assert found.deflated_sharpe.trial == "good"
    assert found.deflated_sharpe.value is not None
    assert found.deflated_sharpe.value > 0.8
    assert found.strategy_pbo.value is not None
    assert found.strategy_pbo.value < 0.2


def test_the_headline_is_by_the_metric_that_chooses_and_that_by_skill_stands_beside_it() -> None:
    """Nobody knows anything; the timid trial loses least, always."""
    rng = np.random.default_rng(0)
    came = rng.normal(size=(600, 1))
    skill = {f"m{size}": (size * rng.normal(size=(600, 1)), came) for size in (1, 2, 3, 4)}
    losses = {name: np.square(said - came)[:, 0] for name, (said, _) in skill.items()}
    found = report(losses, np.square(came)[:, 0], skill=skill)
    assert (found.pbo.by, found.skill_pbo.by) == ("log loss", "skill")
    assert found.pbo.value == 0
    assert found.pbo.below_benchmark == 1
    assert found.skill_pbo.value is not None
    assert found.skill_pbo.value > 0.05
    assert found.to_dict()["pbo"]["skill"]["value"] == found.skill_pbo.value
    alone = report(losses, np.square(came)[:, 0])
    assert (alone.pbo.value, alone.skill_pbo.value, alone.skill_pbo.reason) == (0, None, "no skill was handed in")
    knows = {name: (said + (came if name == "m3" else 0), came) for name, (said, _) in skill.items()}
    assert report(losses, np.square(came)[:, 0], skill=knows).skill_pbo.value == 0
    with pytest.raises(DivergedError, match="a skill must be finite"):
        report(losses, np.square(came)[:, 0], skill=skill | {"m1": (came * np.nan, came)})


def test_trials_worse_than_the_benchmark_are_not_better_than_it() -> None:
    losses, benchmark = noise(3)
    found = report({name: loss + 1 for name, loss in losses.items()}, benchmark)
    assert found.snooping.value is not None
    assert found.snooping.value > 0.2
    assert found.snooping.better == ()
    assert found.snooping.benchmark_included
    assert found.pbo.below_benchmark == 1


@given(st.permutations(range(6)), st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_the_order_of_trials_and_of_rows_changes_nothing(order: list[int], seed: int) -> None:
    losses, benchmark = with_a_good_one(seed, n=120)
    losses["twin"] = losses["m0"].copy()
    names = [*np.array(list(losses))[order].tolist(), "twin"]
    rows = np.random.default_rng(seed).permutation(120)
    found = report(losses, benchmark, samples=50)
    shuffled = {name: losses[name][rows] for name in names}
    again = report(shuffled, benchmark[rows], time_us=rows.astype(np.int64), samples=50)
    assert again.pbo.value == found.pbo.value
    np.testing.assert_array_equal(again.pbo.logits, found.pbo.logits)
    assert again.snooping.value == pytest.approx(found.snooping.value)
    assert again.snooping.confidence_p == pytest.approx(found.snooping.confidence_p)


def test_a_symbol_that_repeats_another_adds_no_evidence() -> None:
    losses, benchmark = with_a_good_one(5, gain=0.1)
    both = {name: np.tile(loss, 2) for name, loss in losses.items()}
    time, symbol = np.tile(np.arange(600), 2), np.repeat([0, 1], 600)
    alone, doubled = report(losses, benchmark), report(both, np.tile(benchmark, 2), time_us=time, symbol=symbol)
    assert doubled.pbo.value == alone.pbo.value
    assert doubled.snooping.value == pytest.approx(alone.snooping.value)


def test_a_moment_weighs_as_many_rows_as_it_holds() -> None:
    # One is better at a third of the moments, at which four symbols trade; the other at the rest, at which one does.
    extra = np.arange(0, 240, 3)
    time = np.concatenate([np.arange(240), extra, extra, extra])
    crowded = time % 3 == 0
    symbol = np.repeat([0, 1, 2, 3], [240, 80, 80, 80])
    losses = {"often": np.where(crowded, 0.0, 1.0), "seldom": np.where(crowded, 1.0, 0.0)}
    found = report(losses, np.full(480, 0.5), time_us=time, symbol=symbol)
    assert found.snooping.better == found.snooping.included == ("often",)


def by_loop(
    metric: str, lost: dict[str, Floats], beside: dict[str, Floats], gap: int, cut: int
) -> tuple[float, float, str]:
    """Share overfit, share below the benchmark, and the trial chosen by all rows: every split by itself."""

    def lead(name: str, rows: Floats) -> float:
        root = np.sqrt if metric == "rmse" else float
        return float(root(np.mean(beside[name][rows])) - root(np.mean(lost[name][rows])))

    n, names = len(next(iter(lost.values()))), list(lost)
    blocks = [np.arange(n * k // cut, n * (k + 1) // cut - gap) for k in range(cut)]
    overfit, below = [], []
    for half in combinations(range(cut), cut // 2):
        past, future = (
            np.concatenate([blocks[k] for k in range(cut) if (k in half) is inside]) for inside in (True, False)
        )
        chosen = max(names, key=lambda name: lead(name, past))
        leads = [lead(name, future) for name in names]
        rank, own = sum(other < lead(chosen, future) for other in leads) + 1, lead(chosen, future)
        overfit.append(0.5 if 2 * rank == len(names) + 1 else float(2 * rank < len(names) + 1))
        below.append(own < 0)
    return float(np.mean(overfit)), float(np.mean(below)), max(names, key=lambda name: lead(name, np.arange(n)))


def test_over_several_horizons_the_headline_is_that_of_a_loop_over_every_split_in_the_metric_itself() -> None:
    """A lead in RMSE is no lead in squared errors where one horizon moves ten times as far as the other."""
    rng = np.random.default_rng(2)
    near, far = np.square(rng.normal(0, 0.02, 100)), np.square(rng.normal(0, 0.9, 100))
    lost = {
        "lstm@1": near * rng.uniform(0.2, 1.2, 100), "gru@1": near * rng.uniform(0.2, 1.25, 100),
        "lstm@9": far * rng.uniform(0.7, 1.28, 100), "gru@9": far * rng.uniform(0.7, 1.28, 100),
    }  # fmt: skip
    beside = {name: far if name.endswith("9") else near for name in lost}
    returns = {name: rng.normal(size=100) for name in lost}
    given = {"horizon": 3, "returns": returns}
    for metric in ("rmse", "log_loss"):
        found = overfitting_report(
            lost, beside, time_us=np.arange(100), symbol=np.zeros(100, np.int64), seed=0, samples=100, metric=metric,
            **given,
        )  # fmt: skip
        value, below, chosen = by_loop(metric, lost, beside, 3, 6)
        assert found.pbo.blocks == 6
        assert found.pbo.by == metric.replace("_", " ")
        assert found.pbo.value == pytest.approx(value, abs=1e-12)
        assert found.pbo.below_benchmark == pytest.approx(below, abs=1e-12)
        assert found.deflated_sharpe.trial == chosen


def test_horizons_are_compared_by_what_they_gain_over_their_own_benchmarks() -> None:
    rng = np.random.default_rng(6)
    prior = {1: rng.normal(0.7, 0.1, 500), 5: rng.normal(1.1, 0.1, 500)}
    gains = {"lstm@1": 0.0, "lstm@5": 0.1, "gru@1": 0.0, "gru@5": 0.0}
    losses = {name: -gain + rng.normal(0, 0.5, 500) for name, gain in gains.items()}
    beside = {name: prior[int(name[-1])] for name in losses}
    own = {name: loss + beside[name] for name, loss in losses.items()}
    setting = {"time_us": np.arange(500), "symbol": np.zeros(500, dtype=np.int64), "horizon": 5, "seed": 0}
    found = overfitting_report(own, beside, **setting, samples=200)
    same = {name: loss + prior[5] for name, loss in losses.items()}
    assert found.snooping.better == ("lstm@5",)
    assert report(same, prior[5], horizon=5).snooping.value == pytest.approx(found.snooping.value)


def test_a_long_series_is_put_together_into_periods_and_says_the_same() -> None:
    losses, benchmark = with_a_good_one(7, n=5_100, gain=0.12)
    found = report(losses, benchmark)
    assert found.snooping.periods == 850
    assert found.snooping.periods <= MOST_PERIODS
    assert found.snooping.better == ("good",)
    assert found.pbo.value is not None
    assert found.pbo.value < 0.05


def test_blocks_grow_with_the_horizon_and_the_tests_do_not_see_more_rows_than_there_are() -> None:
    horizon, hits = 10, 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        same = [np.convolve(rng.normal(size=400 + horizon - 1), np.ones(horizon), "valid") for _ in range(4)]
        found = report({str(number): loss for number, loss in enumerate(same[1:])}, same[0], horizon=horizon)
        assert found.snooping.block_periods >= 15
        hits += bool(found.snooping.better)
    assert hits <= 4


def test_what_cannot_be_said_is_none_with_its_reason() -> None:
    losses, benchmark = noise(8)
    one = report({"m0": losses["m0"]}, benchmark)
    assert (one.pbo.value, one.pbo.reason) == (None, "a choice needs at least two trials; got 1")
    assert one.snooping.value is not None
    short = report({name: loss[:59] for name, loss in losses.items()}, benchmark[:59])
    assert short.pbo.reason == "6 blocks of 11 moments or more need 66 moments; got 59"
    assert short.snooping.reason == "needs 20 horizons and 60 moments, here 60 moments; got 59"
    assert short.deflated_sharpe.reason is not None
    assert "no strategy" in short.deflated_sharpe.reason
    assert report(losses, benchmark, horizon=20).snooping.reason is not None
    nothing = report({}, benchmark)
    assert nothing.pbo.reason == nothing.snooping.reason == nothing.deflated_sharpe.reason
    echo = report({"prior": benchmark, "again": benchmark.copy()}, benchmark)
    assert echo.snooping.reason == "every trial's loss is the benchmark's, up to a constant"
    assert echo.pbo.value == 0.5


@pytest.mark.parametrize("measure", ["pbo", "deflated_sharpe", "snooping"])
def test_every_measure_comes_as_json_with_its_value_meaning_and_reason(measure: str) -> None:
    losses, benchmark = noise(9)
    whole = report(losses, benchmark, returns=losses).to_dict()
    assert set(whole) == {"pbo", "deflated_sharpe", "snooping"}
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole
    assert isinstance(whole[measure]["value"], float)
    assert whole[measure]["meaning"]
    assert whole[measure]["reason"] is None
    missing = report({}, benchmark).to_dict()[measure]
    assert (missing["value"], missing["meaning"]) == (None, None)
    assert missing["reason"]


def test_the_same_seed_draws_the_same_and_the_losses_are_left_alone() -> None:
    losses, benchmark = noise(10)
    before = {name: loss.copy() for name, loss in losses.items()}
    assert report(losses, benchmark).to_dict() == report(losses, benchmark).to_dict()
    assert report(losses, benchmark, seed=1).snooping.value != report(losses, benchmark).snooping.value
    assert all(np.array_equal(losses[name], loss) for name, loss in before.items())


def test_a_loss_or_return_that_is_no_number_is_refused_by_name() -> None:
    losses, benchmark = noise(11)
    losses["m3"][7] = np.inf
    with pytest.raises(DivergedError, match="a loss must be finite; 1 of 300 of m3 are not"):
        report(losses, benchmark)
    with pytest.raises(DivergedError, match="a return must be finite"):
        report(noise(11)[0], benchmark, returns={"m0": np.full(300, np.nan)})
