"""A model beside its baselines by tests of their losses: what is planted is found, and what is alike stays together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gatewise.evaluation.diebold_mariano import diebold_mariano
from gatewise.evaluation.loss_tests import LossTests, loss_tests
from gatewise.evaluation.value_metrics import value_scores

HOW: Any = {"horizon": 2, "confidence": 0.95, "samples": 300, "seed": 0}


def compared(count: int) -> LossTests:
    """A model that knows as much as `alike`, and more than `worse`; `constant` knows nothing."""
    draw = np.random.default_rng(1)
    y, noise = draw.standard_normal((count, 1)), draw.standard_normal((3, count, 1))
    said = {
        "model": y + 0.5 * noise[0],
        "alike": y + 0.5 * noise[1],
        "worse": y + 0.8 * noise[2],
        "constant": np.zeros_like(y),
    }
    scores = {
        name: value_scores(y, values, ("y",), np.zeros_like(y), np.ones(1), None) for name, values in said.items()
    }
    where = {"time_us": np.arange(count), "symbol": np.zeros(count, np.int64)}
    return loss_tests(scores.pop("model"), scores, **where, **HOW)


def test_each_pair_is_tested_by_the_loss_that_decides() -> None:
    found = compared(600).diebold_mariano
    draw = np.random.default_rng(1)
    _, noise = draw.standard_normal((600, 1)), draw.standard_normal((3, 600, 1))
    wanted = diebold_mariano(np.square(0.5 * noise[0])[:, 0], np.square(0.8 * noise[2])[:, 0], 2)
    assert found["worse"].p == pytest.approx(wanted.p, rel=1e-9)
    assert found["worse"].difference < 0
    assert found["worse"].p < 0.01
    assert found["alike"].p > 0.05


def test_the_set_keeps_what_is_alike_and_leaves_out_what_is_worse() -> None:
    kept = compared(600).confidence_set
    assert set(kept.included) == {"model", "alike"}
    assert max(kept.p.values()) == 1
    assert kept.reason is None


def test_too_few_rows_give_no_set_and_no_p_and_say_why() -> None:
    found = compared(25)
    assert found.confidence_set.included == ()
    assert found.confidence_set.reason == "needs 20 horizons and 60 moments, here 60 moments; got 25"
    assert found.diebold_mariano["worse"].p is None
    assert "here 30; got 25" in found.diebold_mariano["worse"].reason
    plain = found.to_dict()
    assert plain["confidence_set"]["p"] == {}
    assert plain["diebold_mariano"].keys() == {"alike", "worse", "constant"}
