"""Calibration: ranks against hand arithmetic and simulation, and that only validation rows are read.

A quantile that is shifted the wrong way, by one rank too few, or by rows that share their bars, still looks calibrated.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.signal import lfilter

from audit_tables import random_walk
from gatewise.bundle import Bundle, calibrated
from gatewise.bundle.upgrades import upgraded
from gatewise.calibration.calibrator import Calibrator
from gatewise.calibration.conformal import conformal_shifts
from gatewise.calibration.fit import fit_calibrator, settled_apart
from gatewise.calibration.shifts import Shifts
from gatewise.config.load import load_config
from gatewise.errors import BundleError, ConfigError
from gatewise.experiment import Prepared, prepare
from gatewise.learners.table import learner_of
from gatewise.samples import Samples
from gatewise.sealed import read_sealed, write_sealed
from gatewise.targets.outputs.quantiles import Quantiles
from gatewise.targets.outputs.volatility import smearing

Floats = npt.NDArray[np.float64]
LEVELS = (0.05, 0.5, 0.95)
SPEC = Quantiles(("y",), LEVELS)
TRUE = stats.norm.ppf(LEVELS)
QUANTILES = {
    "target.kind": "forward_return", "target.horizon": 5, "target.quantiles": [0.05, 0.5, 0.95],
    "windows.sequence_length": 4, "features.sets": ["ohlcv"], "training.device": "cpu", "model.hidden_size": 4,
    "model.num_layers": 1, "model.dropout": 0, "training.batch_size": 64,
}  # fmt: skip


# ---- ranks


def test_of_19_rows_the_least_is_the_5_percent_quantile_and_of_18_there_is_none() -> None:
    """ceil(20 · 0.95) = 19 of 19; ceil(19 · 0.95) = 19 of 18."""
    y = np.random.default_rng(0).permutation(19.0 + np.arange(19))[:, None]
    low, middle, high = conformal_shifts(SPEC, np.zeros((19, 3)), y, 19)
    assert (low, middle, high) == (19.0, 28.0, 37.0)  # the median: ceil(20 · 0.5) = 10th of 19, 20, …
    low, middle, high = conformal_shifts(SPEC, np.zeros((18, 3)), y[:18], 18)
    assert (low, high) == (None, None)
    assert middle is not None


@pytest.mark.parametrize("count", [19, 50, 199])
def test_a_shifted_quantile_holds_on_average_what_its_rank_says(count: int) -> None:
    """The k-th smallest of n uniform numbers has the mean k / (n + 1): the level, and less than 1 / (n + 1) more."""
    rng = np.random.default_rng(count)
    rank = int(np.ceil((count + 1) * 0.95 - 1e-9))
    draws = 2_000
    above, below = np.empty(draws), np.empty(draws)
    for number in range(draws):
        said = np.tile(TRUE * 0.3 + 0.5, (count, 1))  # too narrow, and to one side
        low, _, high = conformal_shifts(SPEC, said, rng.normal(size=(count, 1)), count)
        assert low is not None
        assert high is not None
        below[number], above[number] = stats.norm.cdf(said[0, 0] + low), stats.norm.cdf(said[0, 2] + high)
    spread = np.sqrt(rank * (count + 1 - rank) / ((count + 1) ** 2 * (count + 2)) / draws)
    assert above.mean() == pytest.approx(rank / (count + 1), abs=4 * spread)
    assert below.mean() == pytest.approx(1 - rank / (count + 1), abs=4 * spread)
    assert (above - below).mean() >= 0.9 - 6 * spread


def overlapping(count: int, rng: np.random.Generator) -> Floats:
    """Labels of 20 rows each, summed from an AR(0.9), with a standard deviation of one; every row has one."""
    steps = lfilter([1.0], [1.0, -0.9], rng.normal(size=count + 320))[300:]
    sums = np.cumsum(steps)
    lags = np.arange(-19, 20)
    variance = ((20 - np.abs(lags)) * 0.9 ** np.abs(lags)).sum() / (1 - 0.81)
    return np.asarray((sums[20:] - sums[:-20])[:count] / np.sqrt(variance))


def test_labels_that_overlap_promise_nothing_by_their_number_and_hold_by_one_row_a_horizon() -> None:
    every, apart, none = [], [], 0
    for seed in range(200):
        y = overlapping(2_000, np.random.default_rng(seed))[:, None]
        said = np.tile(0.6 * TRUE, (len(y), 1))
        low, _, high = conformal_shifts(SPEC, said[:200], y[:200], 200)
        every.append(float(np.diff(stats.norm.cdf([said[0, 0] + low, said[0, 2] + high]))[0]))
        few = conformal_shifts(SPEC, said[:200:20], y[:200:20], 10)
        none += few[0] is None and few[2] is None
        low, _, high = conformal_shifts(SPEC, said[::20], y[::20], 100)
        apart.append(float(np.diff(stats.norm.cdf([said[0, 0] + low, said[0, 2] + high]))[0]))
    assert np.mean(every) < 0.87  # of 0.90: two hundred rows that overlap are ten
    assert none == 200
    assert 0.89 < np.mean(apart) < 0.94


def test_rows_that_move_together_are_ranked_as_so_many_as_are_independent() -> None:
    y = np.repeat(np.arange(19.0), 3)[:, None]
    assert conformal_shifts(SPEC, np.zeros((57, 3)), y, 19)[2] == 18.0
    assert conformal_shifts(SPEC, np.zeros((57, 3)), y, 18)[2] is None


# ---- order


@settings(max_examples=100, deadline=None)
@given(
    arrays(np.float64, (6, 5), elements=st.floats(-10, 10)),
    st.sampled_from([(0.05, 0.25, 0.5, 0.75, 0.95), (0.1, 0.2, 0.4, 0.6, 0.9), (0.01, 0.02, 0.03, 0.04, 0.05)]),
)
def test_shifted_quantiles_never_cross_and_none_holds_less_than_its_own_shift_gave(
    shifted: Floats, levels: tuple[float, ...]
) -> None:
    wide = Quantiles(("y",), levels).outwards(shifted)
    assert (np.diff(wide, axis=1) >= 0).all()
    for place, level in enumerate(levels):
        further = shifted[:, place] - wide[:, place] if level < 0.5 else wide[:, place] - shifted[:, place]
        assert (further >= 0).all()
        assert level != 0.5 or not further.any()
    ordered = np.sort(shifted, axis=1)
    assert (Quantiles(("y",), levels).outwards(ordered) == ordered).all()


# ---- which rows


def samples_of(symbols: str = "A", num_rows: int = 600, **settings_: Any) -> Prepared:
    return prepare(load_config(overrides=QUANTILES | settings_), random_walk(num_rows, symbols=symbols))


@pytest.fixture(scope="module")
def one() -> Prepared:
    return samples_of()


def test_rows_that_are_ranked_share_no_bar_and_begin_with_the_newest(one: Prepared) -> None:
    rows = one.split.val
    taken = rows[settled_apart(one.samples, rows)]
    known = one.samples.labels.known_at[taken]
    assert taken[-1] == rows[-1]
    assert (known[:-1] <= taken[1:]).all()
    assert len(taken) == -(-len(rows) // 5)


def test_of_several_symbols_moments_are_taken_whole() -> None:
    prepared = samples_of("AB")
    rows = prepared.split.val
    taken = rows[settled_apart(prepared.samples, rows)]
    times = prepared.samples.table.time_us[taken]
    assert (np.unique(times, return_counts=True)[1] == 2).all()


def predicted(samples: Samples, rows: npt.NDArray[np.int64]) -> Floats:
    return np.sort(np.random.default_rng(1).normal(size=(len(samples.labels.valid), 3)), axis=1)[rows]


def test_only_labels_of_validation_rows_count(one: Prepared) -> None:
    rows, split = one.split.val, one.split

    def fitted(spoiled: npt.NDArray[np.int64]) -> Calibrator | None:
        y = one.samples.labels.y.copy()
        y[spoiled] += 1e3
        samples = replace(one.samples, labels=replace(one.samples.labels, y=y))
        return fit_calibrator(one.config, samples, one.fold, rows, predicted(samples, rows))

    before = fitted(rows[:0])
    assert before is not None
    assert fitted(np.concatenate([split.train, split.test])) == before
    assert fitted(rows) != before


def with_labels(prepared: Prepared, y: Floats) -> Samples:
    """The same samples, but what comes is y [rows of the table, 1], in the unit that is learned."""
    scaler = prepared.fold.target_scaler
    assert scaler is not None
    return replace(prepared.samples, labels=replace(prepared.samples.labels, y=scaler.inverse(y)))


def test_a_planted_bias_and_spread_are_set_right_and_a_mood_is_not_promised() -> None:
    prepared = samples_of(num_rows=3_000)
    rng, rows = np.random.default_rng(2), prepared.split.val
    noise = rng.normal(size=(3_000, 1))
    said = np.tile(0.3 * TRUE - 1, (len(rows), 1))
    made = fit_calibrator(prepared.config, with_labels(prepared, noise), prepared.fold, rows, said)
    assert isinstance(made, Shifts)
    assert made.not_promised == ""
    assert made.remarks(SPEC) == ()
    assert (made.rows, made.independent_rows) == (len(rows), -(-len(rows) // 5))
    assert made(SPEC, said)[0] == pytest.approx(TRUE, abs=0.6)
    mood = noise + np.repeat([[2.0], [-2.0]] * 10, 150, axis=0)
    made = fit_calibrator(prepared.config, with_labels(prepared, mood), prepared.fold, rows, said)
    assert isinstance(made, Shifts)
    assert "remember each other" in made.not_promised
    assert made.independent_rows < len(rows) // 5
    assert any("not promised" in remark for remark in made.remarks(SPEC))


# ---- smearing


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (30, 1), elements=st.floats(-30, 30)), st.floats(-1, 1))
def test_smeared_predictions_are_right_on_average_and_no_other_constant_has_less_qlike(y: Floats, other: float) -> None:
    (shift,) = smearing(np.zeros((30, 1)), y)
    assert np.exp(y - shift).mean() == pytest.approx(1)

    def qlike(z: float) -> float:
        return float((np.exp(y - z) - (y - z) - 1).mean())

    assert qlike(shift) <= qlike(shift + other) * (1 + 1e-9) + 1e-9


# ---- the bundle


@pytest.fixture(scope="module")
def bundles(one: Prepared) -> tuple[Bundle, Bundle]:
    """One that is not calibrated, and the same one calibrated."""
    sketch = learner_of(one.config.model).sketch(one.config, one.samples, one.fold, one.split.train)
    plain = Bundle.of(one.config, one.samples, one.fold, sketch)
    return plain, calibrated(plain, one.samples, one.fold, one.split.val)


@pytest.mark.trains
def test_a_bundle_predicts_with_its_shifts_wherever_it_is_loaded_and_without_them_as_before(
    one: Prepared, bundles: tuple[Bundle, Bundle], tmp_path: Path
) -> None:
    plain, made = bundles
    table, matrix, rows = one.samples.table, one.samples.matrix, one.split.test
    assert plain.record.calibrator is None
    assert made.record.calibrator is not None
    learned = plain.learned_rows(table, matrix, rows)
    center, scale = (getattr(made.record.target_scaler, name) for name in ("center", "scale"))
    wanted = made.spec.outwards(learned + [shift or 0.0 for shift in made.record.calibrator.shifts])
    said = made.predict_rows(table, matrix, rows)
    np.testing.assert_allclose(said, wanted * scale + center, rtol=1e-12)
    assert np.array_equal(made.finished(table, rows, learned, calibrate=False), plain.predict_rows(table, matrix, rows))
    assert not np.array_equal(said, plain.predict_rows(table, matrix, rows))
    made.save(tmp_path / "bundle")
    kept = Bundle.load(tmp_path / "bundle")
    assert kept.record.calibrator == made.record.calibrator
    assert np.array_equal(kept.predict_rows(table, matrix, rows), said)


@pytest.mark.trains
def test_with_calibration_off_there_is_none(one: Prepared, bundles: tuple[Bundle, Bundle]) -> None:
    plain = bundles[0]
    off = load_config(overrides=QUANTILES | {"calibration.method": "none"})
    asked = Bundle(replace(plain.record, config=off))
    assert calibrated(asked, one.samples, one.fold, one.split.val) is asked


@pytest.mark.trains
@pytest.mark.parametrize(
    "broken",
    [
        {"shifts": [0.1]}, {"shifts": ["a", 0, 0]}, {"method": "isotonic"},
        {"method": "smearing"}, {"rows": None}, {"more": 1},
    ],
)  # fmt: skip
def test_a_calibrator_that_is_none_is_refused(
    broken: dict[str, Any], bundles: tuple[Bundle, Bundle], tmp_path: Path
) -> None:
    bundles[1].save(tmp_path / "bundle")
    documents, weights = read_sealed(tmp_path / "bundle")
    documents["bundle"]["calibrator"] |= broken
    write_sealed(tmp_path / "broken", documents, weights)
    with pytest.raises(BundleError, match=r"calibrator|shifts"):
        Bundle.load(tmp_path / "broken")


def test_bundles_of_before_are_read_as_not_calibrated() -> None:
    written = Path(__file__).parent / "assets" / "bundles_1" / "values" / "bundle.json"
    values = upgraded(json.loads(written.read_text(encoding="utf-8")))
    assert values["calibrator"] is None
    assert values["config"]["calibration"] == {"method": "none"}


# ---- what can't be


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"calibration.method": "conformal"}, "conformal is for quantiles; this target is of classes"),
        ({"calibration.method": "smearing", "target.kind": "forward_return"}, "smearing is for volatility"),
        (QUANTILES | {"calibration.method": "smearing"}, "this target is of quantiles"),
        ({"calibration.method": "isotonic", "target.kind": "forward_return"}, "isotonic is for classes"),
        ({"calibration.method": "beta"}, "calibration.method"),
    ],
)
def test_methods_of_other_kinds_are_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(overrides=said)


def test_a_config_that_leaves_it_alone_has_the_hash_of_before() -> None:
    assert "calibration" not in load_config().without_later()
    off = load_config(overrides={"calibration.method": "none"})
    assert off.digest != load_config().digest
