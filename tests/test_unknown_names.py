"""No name is another thing's in silence: what a config's types let through by oversight must train nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from audit_tables import random_walk
from gatewise.class_weights import class_weights
from gatewise.config.loss_section import LossConfig
from gatewise.config.schema import CvConfig, DataConfig, TargetConfig, model_config
from gatewise.data.market.sessions import find_calendar
from gatewise.data.sources import read_source
from gatewise.errors import ConfigError, UnknownNameError
from gatewise.features.scaling import fit_scaler
from gatewise.feeds.base import FeedOptions
from gatewise.feeds.table import open_feed
from gatewise.selection.tuning.sampling import make_pruner
from gatewise.splits.folds import fold_masks
from gatewise.targets.make import make_labels
from gatewise.training.device import choose_device, choose_precision
from gatewise.training.fleet.fit import choose_fleet
from gatewise.training.losses import make_loss
from gatewise.training.optimizers import make_optimizer
from gatewise.training.schedules import make_schedule
from span_tables import plain_spans

CPU, SPANS, TABLE = torch.device("cpu"), plain_spans(40, 2, 3), random_walk(50)


def folds(name: str) -> object:
    cv = CvConfig.model_construct(splitter=name, n_splits=3, test_groups=1, val=0.2)  # type: ignore[arg-type]
    return list(fold_masks(SPANS, cv))


def labels(**fields: object) -> object:
    return make_labels(TABLE, TargetConfig().model_copy(update={"horizon": 2, **fields}))


LOOKUPS: dict[str, Callable[[str], object]] = {
    "barrier": lambda name: labels(barrier=name),
    "calendar": find_calendar,
    "class weights": lambda name: class_weights(name, np.array([1, 2]), ("down", "up")),
    "device": choose_device,
    "feed": lambda name: open_feed(name, FeedOptions()),
    "fleet": lambda name: choose_fleet(CPU, 2, name),
    "loss": lambda name: make_loss(LossConfig(name=name), "values"),
    "model": model_config,
    "optimizer": lambda name: make_optimizer(name, [torch.zeros(1)], 0.1),
    "precision": lambda name: choose_precision(name, CPU),
    "pruner": lambda name: make_pruner(name, 3),
    "scaler": lambda name: fit_scaler(name, np.ones((3, 1)), np.arange(3), ("a",)),
    "schedule": lambda name: make_schedule(name, 10),
    "source": lambda name: read_source(DataConfig.model_construct(source=name)),  # type: ignore[arg-type]
    "splitter": folds,
    "target": lambda name: labels(kind=name),
}


@pytest.mark.parametrize("table", LOOKUPS)
@given(name=st.text("abcdefghij_", min_size=13, max_size=20))
def test_an_unknown_name_is_refused_in_a_line(table: str, name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        LOOKUPS[table](name)
    assert name in refused.value.message
    assert "\n" not in refused.value.message
    assert isinstance(refused.value, UnknownNameError) or table in ("device", "fleet", "target")
