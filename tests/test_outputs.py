"""Kinds of predictions: every table knows each of them, and what a kind says of itself agrees with itself.

A kind that one table lacks fails only once someone predicts it, and a loss told in NumPy that is not the one trained by
shows nowhere at all.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import gatewise
from gatewise.config.loss_section import AutoLoss
from gatewise.config.section import OUTPUT_KINDS
from gatewise.evaluation.kinds.table import JUDGES
from gatewise.explain.outputs import EXPLAINED
from gatewise.report.kinds.table import DRAWINGS
from gatewise.selection.luck.skill import SKILLS
from gatewise.targets.outputs.base import OutputSpec
from gatewise.targets.outputs.classes import Classes
from gatewise.targets.outputs.quantiles import Quantiles
from gatewise.targets.outputs.sequences import Sequences
from gatewise.targets.outputs.table import OUTPUTS, spec_from_dict, spec_to_dict
from gatewise.targets.outputs.values import Values
from gatewise.targets.outputs.volatility import Volatility
from gatewise.training.losses import make_loss

SOURCE = Path(gatewise.__file__).parent
SPECS: dict[str, OutputSpec] = {
    "classes": Classes(("down", "flat", "up")),
    "values": Values(("open", "close"), "the column's own", ("open", "close"), 1),
    "quantiles": Quantiles(("open", "close"), (0.1, 0.5, 0.9), "the column's own", ("open", "close"), 1),
    "volatility": Volatility(("log_volatility",), "log of volatility of the next 20 rows' returns"),
    "sequences": Sequences(3, ("open", "close"), "the column's own"),
}
every_kind = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


@pytest.mark.parametrize(
    "table", [SPECS, JUDGES, DRAWINGS, SKILLS, EXPLAINED], ids=["tests", "judges", "drawings", "skills", "explained"]
)
def test_every_table_knows_every_kind(table: dict[str, object]) -> None:
    assert table.keys() == OUTPUTS.keys() == set(OUTPUT_KINDS)


def test_no_module_but_those_that_choose_asks_for_a_kind() -> None:
    asks = re.compile(r"labels\.is_classes|\b(?:output_kind|target\.kind|spec\.kind) (?:[!=]=|in|not in) ")
    choosing = (SOURCE / "targets" / name for name in ("make.py", "spec.py"))
    others = {*SOURCE.rglob("*.py")} - {*(SOURCE / "config").rglob("*.py"), *choosing}
    assert not [path for path in others if asks.search(path.read_text("utf-8"))]


@every_kind
def test_a_spec_is_the_same_after_a_round_trip_through_json(spec: OutputSpec) -> None:
    assert spec_from_dict(json.loads(json.dumps(spec_to_dict(spec)))) == spec


@every_kind
def test_the_loss_that_is_told_is_the_one_that_is_trained_by(spec: OutputSpec) -> None:
    rng = np.random.default_rng(0)
    raw, y = rng.normal(size=(50, spec.num_outputs)), spec.random_labels(rng, 50) / (1 if spec.classes else 1e4)
    labels = y.astype(np.int64) if spec.classes else y
    raw = raw if spec.classes else spec.predictions(raw, np.empty(0))  # quantiles that do not cross
    loss = make_loss(AutoLoss(name="auto"), spec.kind, spec.loss_fields)
    trained = loss(torch.from_numpy(raw), torch.from_numpy(labels)).numpy()
    told = spec.losses(spec.predictions(raw, np.zeros(len(spec.classes))), labels)
    np.testing.assert_allclose(told, trained, rtol=1e-9)


@every_kind
def test_predictions_have_a_column_each_and_labels_one_for_each_output(spec: OutputSpec) -> None:
    rng = np.random.default_rng(0)
    y, known = spec.random_labels(rng, 5), np.array([True, True, False, True, False])
    predictions = spec.predictions(rng.normal(size=(5, spec.num_outputs)), np.zeros(len(spec.classes)))
    assert len(spec.prediction_columns(predictions)) == spec.num_outputs
    targets = spec.target_columns(y, known)
    assert len(targets) == max(1, len(spec.outputs))
    for column in targets:
        assert column.is_null().to_list() == [False, False, True, False, True]
