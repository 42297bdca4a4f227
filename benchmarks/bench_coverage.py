"""How often nominal 95 % intervals hold the truth, for every metric that is printed.

    python benchmarks/bench_coverage.py                    # the whole table, some minutes
    python benchmarks/bench_coverage.py --rows 500 --memory 0.97 --trials 400

Worlds whose truth is known: a mood that fades geometrically (AR(1) of coefficient 0, 0.9 or 0.97) drives labels and
what a calibrated predictor says of them. The truth is measured on many millions of rows; each trial is judged as
`gatewise train` judges a test part. A metric without an interval is counted apart: it claims nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter
from scipy.stats import norm

from gatewise.evaluation.base import Scores, class_prediction
from gatewise.evaluation.class_metrics import class_scores
from gatewise.evaluation.judge import PartResult, judge_part
from gatewise.evaluation.value_metrics import value_scores

Floats = npt.NDArray[np.float64]
MEMORIES = (0.0, 0.9, 0.97)
ROWS = (500, 2_000, 8_000)
WANTED = 90.0  # percent
TRUTH_ROWS, TRUTHS = 400_000, 10
World = Callable[[float, int, np.random.Generator], tuple[Scores, Scores]]


def mood(memory: float, rows: int, rng: np.random.Generator) -> Floats:
    """A stationary AR(1) of unit variance."""
    noise = rng.normal(size=rows + 2_000)
    return np.asarray(lfilter([1.0], [1.0, -memory], noise)[2_000:] * np.sqrt(1 - memory**2))


def classes(memory: float, rows: int, rng: np.random.Generator) -> tuple[Scores, Scores]:
    """Two classes, probabilities that are right; beside what says one half always."""
    score = 0.4 * mood(memory, rows, rng)
    up = norm.cdf(score)
    prob = np.column_stack([1 - up, up])
    y = (score + rng.normal(size=rows) > 0).astype(np.int64)
    names = ("down", "up")
    return class_scores(y, class_prediction(prob), names), class_scores(y, class_prediction(prob * 0 + 0.5), names)


def rare(memory: float, rows: int, rng: np.random.Generator) -> tuple[Scores, Scores]:
    """Three classes of which one takes about one row in twenty; beside its share."""
    score = mood(memory, rows, rng)
    edges = np.array([-2.2, 0.3])
    below = norm.cdf(edges[:, None] - score)
    prob = np.column_stack([below[0], below[1] - below[0], 1 - below[1]])
    y = np.digitize(score + rng.normal(size=rows), edges).astype(np.int64)
    share = norm.cdf(edges / np.sqrt(2))
    prior = np.tile([share[0], share[1] - share[0], 1 - share[1]], (rows, 1))
    names = ("down", "flat", "up")
    return class_scores(y, class_prediction(prob), names), class_scores(y, class_prediction(prior), names)


def values(memory: float, rows: int, rng: np.random.Generator) -> tuple[Scores, Scores]:
    """Moves around the mood, of a size that has a mood of its own; beside what says no move."""
    mean, size = 0.4 * mood(memory, rows, rng), np.exp(0.3 * mood(memory, rows, rng))
    y = (mean + size * rng.normal(size=rows))[:, None]
    start = np.zeros_like(y)
    scores = [value_scores(y, said, ("move",), start) for said in (mean[:, None], start)]
    return scores[0], scores[1]


WORLDS: dict[str, World] = {"classes": classes, "rare": rare, "values": values}


def judged(model: Scores, baseline: Scores, seed: int = 0) -> PartResult:
    """As `gatewise train` judges a test part of one symbol, every row a minute, horizon 1."""
    rows = np.arange(len(model.contributions))
    deciding = "log_loss" if "log_loss" in model.metrics(model.contributions.sum(axis=0)) else "rmse"
    return judge_part(
        "test", model, {"prior": baseline}, deciding_metric=deciding, chance=("prior",), time_us=rows * 60_000_000,
        symbol=np.zeros_like(rows), horizon=1, confidence=0.95,
    )  # fmt: skip


def truth_of(world: World, memory: float, seed: int = 90) -> dict[str, float]:
    """The metrics on all rows that there could be, as near as some millions of them come."""
    sums: list[Floats] = []
    for number in range(TRUTHS):
        pair = world(memory, TRUTH_ROWS, np.random.default_rng([seed, number]))
        sums.append(np.stack([scores.contributions.sum(axis=0) for scores in pair]))
    model, baseline = (scores.metrics(total) for scores, total in zip(pair, np.sum(sums, axis=0), strict=True))
    deciding = "log_loss" if "log_loss" in model else "rmse"
    found = {name: float(value) for name, value in model.items()}
    return found | {"difference": found[deciding] - float(baseline[deciding])}


def coverage(
    world: World, memory: float, rows: int, trials: int, truth: dict[str, float], seed: int = 7
) -> dict[str, tuple[int, int]]:
    """{metric: (trials that gave an interval, those whose interval held the truth)}."""
    counts = dict.fromkeys(truth, (0, 0))
    for trial in range(trials):
        result = judged(*world(memory, rows, np.random.default_rng([seed, trial])))
        for name, interval in {**result.metrics, "difference": result.differences["prior"]}.items():
            if interval.low is not None and interval.high is not None:
                given, held = counts[name]
                counts[name] = (given + 1, held + (interval.low <= truth[name] <= interval.high))
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--rows", type=int, nargs="*", default=ROWS)
    parser.add_argument("--memory", type=float, nargs="*", default=MEMORIES)
    parser.add_argument("--world", nargs="*", choices=list(WORLDS), default=list(WORLDS))
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    low: list[str] = []
    for name in args.world:
        for memory in args.memory:
            truth = truth_of(WORLDS[name], memory)
            for rows in args.rows:
                started = time.perf_counter()
                counts = coverage(WORLDS[name], memory, rows, args.trials, truth, args.seed)
                shares = {m: 100 * held / given for m, (given, held) in counts.items() if given}
                without = [m for m, (given, _) in counts.items() if not given]
                seldom = {m: f"{given}/{args.trials}" for m, (given, _) in counts.items() if 0 < given < args.trials}
                low += [
                    f"{name} AR({memory:g}) {rows} {m}: {share:.0f} %" for m, share in shares.items() if share < WANTED
                ]
                cells = "  ".join(f"{m} {share:.0f}" for m, share in shares.items())
                print(f"{name:8} AR({memory:g}) {rows:5,} rows, {time.perf_counter() - started:4.0f} s: {cells}")
                if without or seldom:
                    print(f"{'':8} without an interval: {', '.join(without)} {seldom or ''}")
    print("below 90 %:", "; ".join(low) or "none")


if __name__ == "__main__":
    main()
