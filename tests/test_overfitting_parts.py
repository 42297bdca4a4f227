"""The three measures alone, against loops, published numbers and known distributions."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from arch.bootstrap import SPA
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gatewise.selection.luck.cscv import backtest_overfitting, overfitting_of_sums
from gatewise.selection.luck.deflated_sharpe import (
    best_sharpe_by_luck,
    deflated_sharpe,
    effective_trials,
    probabilistic_sharpe,
)
from gatewise.selection.luck.skill import class_skill, skill_of_sums, skill_parts, value_skill
from gatewise.selection.luck.snooping import Snooping, data_snooping

Floats = npt.NDArray[np.float64]


def brute_force(
    performance: Floats, benchmark: Floats, cut: int, gap: int, measure: str
) -> tuple[float, float, Floats]:
    """Every split, one at a time: overfit share, share below the benchmark, logits."""

    def score(values: Floats, blocks: set[int]) -> float:
        edges = [len(values) * number // cut for number in range(cut + 1)]
        kept = [value for b in sorted(blocks) for value in values[edges[b] : edges[b + 1] - gap]]
        return float(np.mean(kept) if measure == "mean" else np.mean(kept) / np.std(kept, ddof=1))

    overfit, below, logits = [], [], []
    trials = performance.shape[1]
    for half in combinations(range(cut), cut // 2):
        past, future = set(half), set(range(cut)) - set(half)
        inside = [score(performance[:, n], past) for n in range(trials)]
        outside = [score(performance[:, n], future) for n in range(trials)]
        chosen = outside[int(np.argmax(inside))]
        rank = 1 + sum(value < chosen for value in outside)
        overfit.append(1.0 if rank < (trials + 1) / 2 else 0.5 if rank == (trials + 1) / 2 else 0.0)
        below.append(chosen < score(benchmark, future))
        logits.append(np.log(rank / (trials + 1 - rank)))
    return float(np.mean(overfit)), float(np.mean(below)), np.array(logits)


@given(st.integers(0, 999), st.integers(2, 5), st.integers(0, 4), st.sampled_from(["mean", "sharpe"]))
@settings(max_examples=12, deadline=None)
def test_overfitting_is_that_of_a_loop_over_all_splits(seed: int, trials: int, gap: int, measure: Any) -> None:
    rng = np.random.default_rng(seed)
    performance, benchmark = rng.normal(size=(117, trials)), rng.normal(size=117)
    found = backtest_overfitting(performance, benchmark, measure=measure, gap=gap, blocks=6)
    value, below, logits = brute_force(performance, benchmark, 6, gap, measure)
    assert (found.blocks, found.splits, found.trials) == (6, 20, trials)
    assert found.value == pytest.approx(value)
    assert found.below_benchmark == pytest.approx(below)
    np.testing.assert_allclose(found.logits, logits)


def test_a_trial_that_lives_on_one_half_of_the_time_is_overfit_in_every_split() -> None:
    early = np.repeat([1.0, 0.0], 30)
    found = backtest_overfitting(np.column_stack([early, 1 - early]))
    assert found.value == 1
    np.testing.assert_allclose(found.logits, -np.log(2))


def test_a_trial_that_is_always_best_is_never_overfit() -> None:
    noise = np.random.default_rng(0).normal(size=(160, 9))
    noise[:, 4] += 100
    found = backtest_overfitting(noise)
    assert (found.value, found.splits) == (0, 12_870)
    np.testing.assert_allclose(found.logits, np.log(9))


def test_trials_that_are_alike_are_a_coin_whether_odd_or_even() -> None:
    column = np.random.default_rng(1).normal(size=(160, 1))
    for trials in (2, 3, 4, 7):
        found = backtest_overfitting(np.tile(column, (1, trials)))
        assert found.value == 0.5
        np.testing.assert_allclose(found.logits, 0, atol=1e-12)


@pytest.mark.parametrize("trials", [2, 3, 10])
def test_noise_is_a_coin_for_any_number_of_trials_even_where_labels_overlap(trials: int) -> None:
    horizon, found = 8, []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        steps = np.cumsum(rng.normal(size=(240 + horizon, trials)), axis=0)
        result = backtest_overfitting(steps[horizon:] - steps[:-horizon], gap=horizon, blocks=8)
        assert result.value is not None
        found.append(result.value)
    assert np.mean(found) == pytest.approx(0.5, abs=0.09)


@pytest.mark.parametrize(
    ("periods", "gap", "blocks"), [(60, 0, 6), (80, 0, 8), (159, 0, 14), (900, 40, 10), (59, 0, 0)]
)
def test_blocks_are_as_many_as_hold_ten_periods_and_two_gaps(periods: int, gap: int, blocks: int) -> None:
    found = backtest_overfitting(np.random.default_rng(2).normal(size=(periods, 3)), gap=gap)
    assert found.blocks == blocks
    assert (found.value is None) == (blocks == 0)


@given(st.integers(0, 999), st.integers(1, 3))
@settings(max_examples=10, deadline=None)
def test_skill_is_the_correlation_over_all_outputs_and_is_ranked_on_every_split(seed: int, outputs: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = [(rng.normal(size=(90, outputs)), rng.normal(size=(90, outputs))) for _ in range(4)]
    parts = np.stack([skill_parts(*pair) for pair in pairs], axis=-1)
    by_hand = [(a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()) for a, b in pairs]
    np.testing.assert_allclose(skill_of_sums(parts.sum(axis=0)[None]), [by_hand])
    found = overfitting_of_sums(parts, skill_of_sums, 4, gap=2, blocks=6)
    overfit = []
    for half in combinations(range(6), 3):
        halves = (set(half), set(range(6)) - set(half))
        past, future = (
            skill_of_sums(sum(parts[15 * b : 15 * b + 13].sum(axis=0) for b in blocks)[None])[0] for blocks in halves
        )
        rank = stats.rankdata(future)[np.argmax(past)]
        overfit.append(float(rank < 2.5))
    assert found.value == pytest.approx(np.mean(overfit))


def test_who_says_always_the_same_has_no_skill_and_neither_has_who_is_always_sure() -> None:
    y, one = np.tile([0, 1], 50), np.zeros(100, dtype=np.int64)
    lean, sure = np.tile([0.9, 0.1], (100, 1)), np.tile([1.0, 0.0], (100, 1))
    for said in (lean, sure):
        skill = skill_of_sums(
            skill_parts(*class_skill(said, np.full((100, 2), 0.5), y, one)).sum(axis=0)[None, :, None]
        )
        assert skill == 0
    right = np.eye(2)[y]
    for strength in (0.1, 0.9, 1.0):  # correlation does not ask how sure
        said = 0.5 + strength * (right - 0.5)
        skill = skill_of_sums(
            skill_parts(*class_skill(said, np.full((100, 2), 0.5), y, one)).sum(axis=0)[None, :, None]
        )
        assert skill == pytest.approx(1, abs=0.02)  # it finds out where the middle is


def test_what_is_said_is_counted_from_what_the_same_model_has_said_so_far() -> None:
    prob = np.array([0.5, 0.6, 0.9, 0.2, 0.7, 0.1])
    said_by = np.array([0, 0, 7, 0, 7, 7])
    both = np.column_stack([1 - prob, prob])
    said, _ = class_skill(both, np.full((6, 2), 0.5), np.zeros(6, dtype=np.int64), said_by)
    logs = np.log(2 * prob)
    before = [logs[0], logs[0], logs[2], logs[:2].mean(), logs[2], logs[[2, 4]].mean()]
    np.testing.assert_allclose(said[:, 1], logs - before)
    later = both.copy()
    later[4:] = 0.5
    np.testing.assert_array_equal(
        class_skill(later, np.full((6, 2), 0.5), np.zeros(6, dtype=np.int64), said_by)[0][:4], said[:4]
    )


def test_numbers_have_skill_by_what_they_say_beyond_the_benchmark() -> None:
    rng = np.random.default_rng(4)
    start = 100 + np.cumsum(rng.normal(size=(200, 2)), axis=0)
    moved = rng.normal(size=(200, 2)) * [1, 50]
    one = np.zeros(200, dtype=np.int64)
    said, came = value_skill(start + 0.1 * moved, start, start + moved, one)
    parts = skill_parts(said, came).sum(axis=0)[None, :, None]
    assert skill_of_sums(parts) == pytest.approx(1, abs=0.04)
    missing = np.where(rng.random((200, 2)) < 0.3, np.nan, start + moved)
    for of in value_skill(start, start, missing, one):
        assert np.isfinite(of).all()


def test_a_choice_by_skill_is_a_coin_on_random_walks_and_one_by_loss_is_not() -> None:
    """Ridge regressions on random features, in four walk-forward folds; they differ in how sure they are of themselves.

    By loss the timid ones win on every stretch of time, although none knows anything.
    """
    found = np.array([overfitting_on_a_walk(np.random.default_rng(seed)) for seed in range(80)])
    by_skill, by_loss = found.mean(axis=0)
    error = found[:, 0].std(ddof=1) / 80**0.5
    assert by_skill == pytest.approx(0.5, abs=3 * error)
    assert error < 0.035
    assert by_loss < 0.42


def overfitting_on_a_walk(rng: np.random.Generator, horizon: int = 2, trials: int = 6) -> tuple[float, float]:
    """(by skill, by loss) of trials on the direction of one walk of 1,500 steps."""
    path = np.cumsum(rng.normal(size=1_600))
    up = (path[100 + horizon :] > path[100:-horizon]).astype(np.int64)
    lags = (1, 2, 3, 5, 8, 13, 21, 34, 55, 100)
    x = np.column_stack([(path[100:] - path[100 - lag : -lag]) / np.sqrt(lag) for lag in lags])[: len(up)]
    size = len(up) // 5
    first = len(up) - 4 * size
    prob, prior = np.empty((len(up), trials)), np.empty(len(up))
    for fold in range(4):
        train, test = slice(0, first + fold * size - 20), slice(first + fold * size, first + (fold + 1) * size)
        prior[test] = up[train].mean()
        for trial in range(trials):
            mix = np.random.default_rng(trial).normal(size=(len(lags), 24))
            hidden = np.column_stack([np.tanh(x @ mix), np.ones(len(up))])
            ridge = 10.0 ** (trial / 2) * np.eye(25)
            weight = np.linalg.solve(hidden[train].T @ hidden[train] + ridge, hidden[train].T @ (2.0 * up[train] - 1))
            prob[test, trial] = 1 / (1 + np.exp(-2 * np.clip(hidden[test] @ weight, -3, 3)))
    prob, prior, up = prob[first:], prior[first:], up[first:]
    both = [np.column_stack([1 - of, of]) for of in (*prob.T, prior)]
    fold = np.arange(len(up)) // size
    parts = np.stack([skill_parts(*class_skill(said, both[-1], up, fold)) for said in both[:-1]], axis=-1)
    loss = np.column_stack([-np.log(said[np.arange(len(up)), up]) for said in both[:-1]])
    skill = overfitting_of_sums(parts, skill_of_sums, trials, gap=horizon, blocks=12).value
    value = backtest_overfitting(-loss, gap=horizon, blocks=12).value
    assert skill is not None
    assert value is not None
    return skill, value


def test_the_deflated_sharpe_ratio_is_that_of_the_paper_s_example() -> None:
    # Bailey and López de Prado 2014: an annual ratio of 2.5 over five years of 250 days, V = 1/2, skew -3, kurtosis 10.
    daily, variance = 2.5 / np.sqrt(250), 0.5 / 250
    luck = best_sharpe_by_luck(variance, 100)
    assert luck == pytest.approx(0.1132, abs=5e-5)
    assert probabilistic_sharpe(daily, luck, 1_250, -3, 10) == pytest.approx(0.9004, abs=5e-5)
    assert probabilistic_sharpe(daily, best_sharpe_by_luck(variance, 46), 1_250, -3, 10) == pytest.approx(
        0.9505, abs=5e-5
    )
    assert probabilistic_sharpe(daily, best_sharpe_by_luck(variance, 88), 1_250, 0, 3) == pytest.approx(
        0.9505, abs=5e-5
    )


def test_luck_s_best_is_the_mean_of_the_highest_of_so_many_normals() -> None:
    rng = np.random.default_rng(3)
    for trials in (5, 20, 100):
        drawn = rng.normal(0, 0.3, size=(4_000, trials)).max(axis=1).mean()
        assert best_sharpe_by_luck(0.09, trials) == pytest.approx(drawn, rel=0.03)


def test_the_moments_that_deflate_are_those_of_scipy() -> None:
    rng = np.random.default_rng(4)
    returns = {name: 0.05 + rng.gamma(2, 0.1, 300) * rng.choice([-1, 1.2], 300) for name in "abc"}
    found = deflated_sharpe(returns, "b")
    own = returns["b"]
    sharpes = [r.mean() / r.std(ddof=1) for r in returns.values()]
    assert found.sharpe == pytest.approx(sharpes[1])
    assert found.skew == pytest.approx(stats.skew(own))
    assert found.kurtosis == pytest.approx(stats.kurtosis(own, fisher=False))
    pairs = np.corrcoef(list(returns.values()))[np.triu_indices(3, 1)].mean()
    effective = 3 if pairs < 0 else pairs + (1 - pairs) * 3
    assert found.effective_trials == pytest.approx(effective)
    assert found.luck == pytest.approx(best_sharpe_by_luck(np.var(sharpes, ddof=1), effective))


def test_the_luckiest_of_many_strategies_passes_for_skill_undeflated_and_not_deflated() -> None:
    undeflated, deflated = [], []
    for seed in range(100):
        drawn = np.random.default_rng(seed).normal(size=(250, 20))
        best = int(np.argmax(drawn.mean(axis=0) / drawn.std(axis=0)))
        returns = {str(number): drawn[:, number] for number in range(20)}
        undeflated.append(deflated_sharpe({"0": drawn[:, best]}, "0").value)
        deflated.append(deflated_sharpe(returns, str(best)).value)
    assert np.mean(np.array(undeflated) > 0.95) > 0.5
    assert np.mean(np.array(deflated) > 0.95) < 0.05


def test_copies_are_worth_one_trial_and_strangers_as_many_as_they_are() -> None:
    rng = np.random.default_rng(5)
    strangers = rng.normal(size=(4_000, 8))
    assert effective_trials(np.tile(strangers[:, :1], (1, 8))) == pytest.approx(1)
    assert effective_trials(strangers) == pytest.approx(8, abs=0.3)
    half = strangers + rng.normal(size=(4_000, 1))
    assert effective_trials(half) == pytest.approx(0.5 + 0.5 * 8, abs=0.2)
    assert effective_trials(np.column_stack([strangers, np.zeros(4_000)])) == pytest.approx(9, abs=0.3)


def test_one_strategy_is_not_deflated_and_one_that_never_moves_has_no_ratio() -> None:
    rng = np.random.default_rng(6)
    own = rng.normal(0.1, 1, 200)
    found = deflated_sharpe({"only": own}, "only")
    assert (found.luck, found.effective_trials) == (0, 1)
    assert found.meaning is not None
    assert "nothing is deflated" in found.meaning
    still = deflated_sharpe({"still": np.zeros(200), "other": own}, "still")
    assert still.value is None
    assert still.reason is not None
    assert "never vary" in still.reason
    assert deflated_sharpe({"short": own[:29]}, "short").value is None


def snooping(losses: Floats, benchmark: Floats, block: int = 1, seed: int = 0, samples: int = 300) -> Snooping:
    names = [f"m{number}" for number in range(losses.shape[1])]
    return data_snooping(losses, benchmark, names, block=block, confidence=0.95, samples=samples, seed=seed)


def test_an_erratic_trial_does_not_drown_a_steady_one_that_is_better() -> None:
    rng = np.random.default_rng(7)
    benchmark = np.ones(400)
    erratic = rng.normal(0, 30, 400)
    losses = np.column_stack([1 - rng.normal(0.1, 0.3, 400), 1 + erratic - erratic.mean()])
    plain = SPA(benchmark, losses, block_size=1, reps=300, seed=0)
    plain.compute()
    assert plain.pvalues["consistent"] > 0.2
    found = snooping(losses, benchmark)
    assert found.value is not None
    assert found.value < 0.01
    assert found.better == ("m0",)


def test_one_trial_s_p_value_is_that_of_a_t_test() -> None:
    # Beside a benchmark of one trial nothing is snooped: independent periods, so Student's one-sided test.
    rng = np.random.default_rng(8)
    for shift in (0.0, 0.05, 0.1, 0.15):
        gain = rng.normal(shift, 1, 500)
        found = snooping(-gain[:, None], np.zeros(500), samples=2_000)
        assert found.value == pytest.approx(stats.ttest_1samp(gain, 0, alternative="greater").pvalue, abs=0.04)


def test_p_values_are_ordered_and_never_zero() -> None:
    rng = np.random.default_rng(9)
    losses = rng.normal(size=(300, 4)) + np.array([-0.1, 0, 0.2, 1])
    found = snooping(losses, rng.normal(size=300))
    assert found.lower is not None
    assert found.value is not None
    assert found.upper is not None
    assert 1 / 301 <= found.lower <= found.value <= found.upper <= 1
    assert snooping(losses - 50, np.zeros(300) + rng.normal(size=300)).value == pytest.approx(1 / 301)


def test_trials_that_say_the_same_stay_or_leave_the_set_together() -> None:
    rng = np.random.default_rng(10)
    losses = rng.normal(size=(300, 3)) + np.array([0, 0.1, 2])
    doubled = snooping(np.column_stack([losses, losses]), losses[:, 0] + rng.normal(0.1, 0.1, 300)).confidence_p
    assert doubled["m0"] == doubled["m3"] == 1
    assert doubled["m1"] == doubled["m4"]
    assert doubled["m2"] == doubled["m5"] < 0.05


def test_a_trial_worse_by_the_same_in_every_period_is_out() -> None:
    own = np.random.default_rng(11).normal(size=300)
    found = snooping(np.column_stack([own, own + 0.001]), np.random.default_rng(12).normal(size=300))
    assert found.confidence_p["m0"] > 0
    assert found.confidence_p["m1"] == 0


def test_of_very_many_trials_the_set_holds_the_best() -> None:
    losses = np.random.default_rng(13).normal(size=(200, 120))
    losses[:, 0] -= 1
    found = snooping(losses, np.zeros(200))
    assert found.included == ("m0",)


def test_where_the_benchmark_alone_is_left_its_words_say_that_every_trial_is_worse() -> None:
    benchmark = np.random.default_rng(14).normal(size=300)
    worse = benchmark[:, None] + np.random.default_rng(15).normal(1, 1, (300, 2))
    found = snooping(worse, benchmark)
    assert (found.included, found.benchmark_included) == ((), True)
    assert found.meaning is not None
    assert found.meaning.endswith("so none is shown to be better; the set of the best holds the benchmark alone")
    better = snooping(worse - 3, benchmark)
    assert better.meaning is not None
    assert better.meaning.endswith("so at least one is better; 2 of them can't be distinguished from the best")


def test_the_set_holds_the_equally_best_nineteen_times_in_twenty() -> None:
    held = []
    for seed in range(40):
        losses = np.random.default_rng(seed).normal(size=(200, 5)) + np.array([0, 0, 0, 0.8, 0.8])
        found = snooping(losses[:, 1:], losses[:, 0], seed=seed, samples=200)
        held.append({"m0", "m1"} <= set(found.included) and bool(found.benchmark_included))
        assert not {"m2", "m3"} & set(found.included)
    assert np.mean(held) >= 0.85
