"""How often a certificate of precision is given, and how often it fails: `python benchmarks/certificates.py`.

Worlds in which the precision is known: rows that are independent, labels of 20 rows that overlap and are read off an
AR(0.9), rows whose edge grows with the number that thresholds are of, and none at all. What decides is what `gatewise
train` calls, `certified`, on one row a settled label; `every row` is what comes of counting overlapping rows instead.
0.55 is asked unless it says otherwise. A promise of 90 % may fail in one of ten worlds, and not more often.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter
from scipy.stats import norm

from gatewise.config.schema import DecisionConfig
from gatewise.decisions.certify import holm, p_values
from gatewise.decisions.fit import certified
from gatewise.decisions.rule import DecisionRule

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
HORIZON, THRESHOLDS = 20, 16


@dataclass(frozen=True)
class World:
    """Certifying rows, in order of time: the number of each (uniform in 0..1), whether it came out right.

    Attributes:
        precision: of all rows to come that a threshold acts on.
    """

    number: Floats
    right: Flags
    precision: Callable[[float], float]


def independent(rng: np.random.Generator, count: int, share: float, edge: float = 0.0) -> World:
    """Rows of their own; the chance to be right rises by `edge` from the lowest number to the highest."""
    number = rng.uniform(0, 1, count)
    right = rng.uniform(0, 1, count) < share + edge * (number - 0.5)
    return World(number, right, lambda threshold: share + edge * threshold / 2)


def overlapping(rng: np.random.Generator, count: int, share: float, apart: int, phi: float) -> World:
    """Rows whose labels are what the next 20 steps of an AR(phi) sum to, right with a probability of `share` over all
    worlds. Rows less than a horizon apart share steps, and with phi above 0 what comes is alike for longer than that.

    Args:
        apart: rows from one that is counted to the next.
    """
    steps = count * apart + HORIZON
    moves = lfilter([1.0], [1.0, -phi], rng.normal(size=steps + 200))[200:]
    ahead = np.convolve(moves, np.ones(HORIZON), "valid")[: count * apart : apart]
    sums = sum((HORIZON - abs(k)) * phi ** abs(k) for k in range(-HORIZON + 1, HORIZON))
    spread = np.sqrt(sums / (1 - phi**2))
    number = rng.uniform(0, 1, count)
    return World(number, ahead / spread < norm.ppf(share), lambda threshold: share)


def played(make: Callable[[np.random.Generator], World], precision: float, worlds: int) -> tuple[float, ...]:
    """(Share of worlds with a certificate, in which it fails, in which one would fail that asked nobody's memory; mean
    coverage where there is a certificate).
    """
    asked = DecisionConfig(rule="probability", precision=precision, confidence=0.9)
    thresholds = tuple(np.linspace(0, 0.98, THRESHOLDS).tolist())
    rng, given, failed, counted, coverage = np.random.default_rng(0), 0, 0, 0, []
    for _ in range(worlds):
        world = make(rng)
        acted = world.number >= np.array(thresholds)[:, None]
        rule = certified(DecisionRule("probability"), asked, thresholds, acted, world.right, len(world.right))
        num_acted, num_right = acted.sum(axis=1), (acted & world.right).sum(axis=1)
        held = np.flatnonzero(holm(p_values(num_acted, num_right, precision), 0.1))
        counted += len(held) > 0 and world.precision(thresholds[held[0]]) < precision
        if rule.certificate and rule.threshold is not None:
            given += 1
            failed += world.precision(rule.threshold) < precision
            coverage.append(1 - rule.threshold)
    return given / worlds, failed / worlds, counted / worlds, float(np.mean(coverage)) if coverage else 0.0


CASES: dict[str, tuple[Callable[[np.random.Generator], World], float]] = {
    "independent, right with 0.549": (lambda rng: independent(rng, 500, 0.549), 0.55),
    "independent, right with 0.50": (lambda rng: independent(rng, 500, 0.50), 0.55),
    "independent, right with 0.60": (lambda rng: independent(rng, 500, 0.60), 0.55),
    "edge of 0.2 around 0.52": (lambda rng: independent(rng, 2_000, 0.52, 0.2), 0.55),
    "edge of 0.4 around 0.55, asked 0.60": (lambda rng: independent(rng, 500, 0.55, 0.4), 0.60),
    "overlapping, every row, right with 0.549": (lambda rng: overlapping(rng, 500, 0.549, 1, 0.0), 0.55),
    "overlapping, a row a horizon, right with 0.549": (lambda rng: overlapping(rng, 500, 0.549, HORIZON, 0.0), 0.55),
    "overlapping, a row a horizon, right with 0.62": (lambda rng: overlapping(rng, 500, 0.62, HORIZON, 0.0), 0.55),
    "AR(0.9), every row, right with 0.549": (lambda rng: overlapping(rng, 500, 0.549, 1, 0.9), 0.55),
    "AR(0.9), a row a horizon, right with 0.549": (lambda rng: overlapping(rng, 500, 0.549, HORIZON, 0.9), 0.55),
    "AR(0.9), a row a horizon, right with 0.62": (lambda rng: overlapping(rng, 500, 0.62, HORIZON, 0.9), 0.55),
}


def main() -> None:
    """Prints the table of docs/decisions.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=2_000)
    worlds = parser.parse_args().worlds
    print("| world | given | fails | would fail by number alone | coverage where given |\n|---|---|---|---|---|")
    for name, (make, precision) in CASES.items():
        given, failed, counted, coverage = played(make, precision, worlds)
        print(f"| {name} | {given:.1%} | {failed:.1%} | {counted:.1%} | {f'{coverage:.0%}' if given else '–'} |")


if __name__ == "__main__":
    main()
