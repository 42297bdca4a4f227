"""Scalers held against scikit-learn's; a scaler that saw one row too many leaks the future without a trace."""

from __future__ import annotations

import json
import logging
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from gatewise.errors import BundleError, NotEnoughRowsError, QualityError, SchemaError, UnknownNameError
from gatewise.features import scaling
from gatewise.features.far import far_inputs
from gatewise.features.scaling import Scaler, fit_scaler

RNG = np.random.default_rng(7)
VALUES = (RNG.normal(size=(500, 4)) * [1e-4, 1, 30, 1e6] + [0, 100, -7, 5e7]).astype(np.float32)
ROWS = np.sort(RNG.permutation(500)[:300]).astype(np.int64)
NAMES = ("a", "b", "c", "d")
PEERS: dict[str, Any] = {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}


@pytest.mark.parametrize("kind", list(PEERS))
def test_a_scaler_maps_as_scikit_learns_does(kind: str) -> None:
    exact = VALUES.astype(np.float64)
    peer = PEERS[kind]().fit(exact[ROWS])
    ours = fit_scaler(kind, VALUES, ROWS, NAMES)
    np.testing.assert_allclose(ours.transform(exact, dtype=np.float64), peer.transform(exact), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", scaling.KINDS)
@pytest.mark.parametrize("block_rows", [1, 7, 16, 33])
def test_fitting_in_blocks_changes_nothing_to_speak_of(
    kind: str, block_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit_scaler(kind, VALUES, ROWS, NAMES)
    monkeypatch.setattr(scaling, "_BLOCK_ROWS", block_rows)
    chunked = fit_scaler(kind, VALUES, ROWS, NAMES)
    np.testing.assert_allclose(chunked.center, whole.center, rtol=1e-14, atol=1e-18)
    np.testing.assert_allclose(chunked.scale, whole.scale, rtol=1e-13)


@pytest.mark.parametrize("kind", scaling.KINDS)
def test_rows_that_are_not_named_have_no_say(kind: str) -> None:
    other = VALUES.copy()
    other[np.setdiff1d(np.arange(500), ROWS)] = np.nan
    assert fit_scaler(kind, other, ROWS, NAMES).to_dict() == fit_scaler(kind, VALUES, ROWS, NAMES).to_dict()


@settings(max_examples=50, deadline=None)
@given(
    center=st.lists(st.floats(-1e300, 1e300), min_size=3, max_size=3),
    scale=st.lists(st.floats(5e-324, 1e300), min_size=3, max_size=3),
    kind=st.sampled_from(scaling.KINDS),
)
def test_the_state_survives_json_to_the_last_bit(center: list[float], scale: list[float], kind: scaling.Kind) -> None:
    scaler = Scaler(kind, NAMES[:3], np.array(center), np.array(scale))
    again = Scaler.from_dict(json.loads(json.dumps(scaler.to_dict(), allow_nan=False)))
    assert again.to_dict() == scaler.to_dict()
    assert again.center.tobytes() == scaler.center.tobytes()
    assert again.scale.tobytes() == scaler.scale.tobytes()


@pytest.mark.parametrize("kind", scaling.KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inverse_undoes_transform_and_is_rounded_to_what_is_asked_for(kind: str, dtype: type) -> None:
    scaler = fit_scaler(kind, VALUES, ROWS, NAMES)
    scaled = scaler.transform(VALUES.astype(dtype), dtype=dtype)
    assert scaled.dtype == dtype
    assert scaler.inverse(scaled).dtype == np.float64, "at a level float32 would lose what came out"
    lost = np.abs(scaler.inverse(scaled) - VALUES) / (np.abs(VALUES) + scaler.scale + np.abs(scaler.center))
    assert lost.max() < (1e-6 if dtype is np.float32 else 1e-14)


def test_windows_scale_along_their_last_axis() -> None:
    scaler = fit_scaler("standard", VALUES, ROWS, NAMES)
    np.testing.assert_array_equal(
        scaler.transform(VALUES.reshape(50, 10, 4)), scaler.transform(VALUES).reshape(50, 10, 4)
    )


@pytest.mark.parametrize("kind", scaling.KINDS)
def test_a_constant_column_becomes_exactly_zero_with_scale_1_and_the_log_says_so(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    values = np.stack([np.full(100, 0.1), np.arange(100)], axis=1).astype(np.float32)
    with caplog.at_level(logging.INFO, "gatewise.features"):
        scaler = fit_scaler(kind, values, np.arange(100), ("flat", "slope"))
    assert scaler.scale[0] == 1
    if kind != "none":
        assert not scaler.transform(values)[:, 0].any()
        assert caplog.messages == ["no spread on the 100 training rows, so scale 1: flat"]


def test_a_column_that_is_mostly_one_value_has_no_quartile_range_and_scale_1() -> None:
    values = np.zeros((100, 1), dtype=np.float32)
    values[:10] = 5
    assert fit_scaler("robust", values, np.arange(100), ("rare",)).scale[0] == 1


def test_a_small_spread_on_a_high_level_keeps_its_digits() -> None:
    values = (1e9 + np.tile([0.0, 1.0], 100_000))[:, None]
    scaler = fit_scaler("standard", values, np.arange(200_000), ("price",))
    assert scaler.center[0] == pytest.approx(1e9 + 0.5, rel=1e-15)
    assert scaler.scale[0] == pytest.approx(0.5, rel=1e-9)


def test_standard_is_the_population_standard_deviation() -> None:
    scaler = fit_scaler("standard", np.array([[1.0], [2.0], [3.0], [4.0]]), np.arange(4), ("x",))
    assert (scaler.center[0], scaler.scale[0]) == (2.5, math.sqrt(1.25))


@given(
    kind=st.sampled_from(["standard", "minmax", "robust"]),
    tail=st.floats(0.3, 3.0),
    level=st.sampled_from([0.0, 1e6]),
    seed=st.integers(0, 99),
)
def test_training_rows_are_never_far_from_themselves_and_those_of_another_level_are(
    kind: str, tail: float, level: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    values = level + np.sign(rng.normal(size=(200, 1))) * rng.pareto(tail, size=(200, 1))  # tails as heavy as they come
    rows = np.arange(200)
    scaler = scaling.fit_scaler(kind, values, rows, ["a"])
    assert far_inputs(scaler, values, rows) is None
    apart = values + 1e3 * (np.ptp(values) + 1)
    assert "a (100% of the rows)" in str(far_inputs(scaler, apart, rows))
    assert far_inputs(scaler, apart, rows[:0]) is None


def test_bad_calls_are_refused_by_type() -> None:
    rows = np.arange(500)
    with pytest.raises(UnknownNameError, match="unknown scaler 'standart'"):
        fit_scaler("standart", VALUES, rows, NAMES)
    with pytest.raises(NotEnoughRowsError, match="at least one training row"):
        fit_scaler("standard", VALUES, rows[:0], NAMES)
    with pytest.raises(SchemaError, match="one name a column"):
        fit_scaler("standard", VALUES, rows, NAMES[:2])
    broken = VALUES.copy()
    broken[3, 1] = np.nan
    with pytest.raises(QualityError, match="not so: b"):
        fit_scaler("standard", broken, rows, NAMES)
    with pytest.raises(SchemaError, match="for 4 columns; got 3"):
        fit_scaler("none", VALUES, rows, NAMES).transform(VALUES[:, :3])


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"kind": "standard", "names": ["a"], "center": [0.0], "scale": [0.0]},
        {"kind": "standard", "names": ["a"], "center": [0.0, 1.0], "scale": [1.0, 1.0]},
        {"kind": "standard", "names": ["a"], "center": [math.nan], "scale": [1.0]},
        {"kind": "pickle", "names": ["a"], "center": [0.0], "scale": [1.0]},
        {"kind": "standard", "names": ["a"], "center": ["x"], "scale": [1.0]},
    ],
)
def test_a_state_that_is_no_scalers_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match="scaler state must hold"):
        Scaler.from_dict(state)
