"""Where the time went adds up to the time that passed, costs nothing when nobody asks, and changes no number."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from audit_tables import random_walk
from conftest import TINY
from gatewise.clocks import OPTIMIZER, PARTS, Clocks, counting, stage, trained_on
from gatewise.config.schema import FeatureConfig
from gatewise.config.target_section import TargetSection
from gatewise.data.table import Table
from gatewise.features.base import FeatureMatrix
from gatewise.features.build import build_features
from gatewise.samples import make_samples
from gatewise.targets.base import Labels
from gatewise.targets.make import make_labels
from gatewise.training import utilization
from gatewise.training.crew import Crew
from gatewise.training.utilization import training_operations
from symbol_worlds import config_of
from test_training import TRAIN, run, same, settings, small_model, weights


def test_counting_changes_no_weight_and_counts_every_window_and_part() -> None:
    plain, counted = small_model(), small_model()
    run(plain, settings(max_epochs=2))
    with counting() as clocks:
        run(counted, settings(max_epochs=2))
    assert same(weights(plain), weights(counted))
    assert clocks.windows == 2 * len(TRAIN)
    parts = clocks.parts()
    assert [*parts] == [*PARTS, OPTIMIZER]
    assert min(parts.values()) > 0
    assert sum(parts.values()) == pytest.approx(clocks.seconds["training"])


def test_nothing_is_counted_outside() -> None:
    with counting() as clocks:
        pass
    with stage("training"):
        trained_on(5)
    assert (clocks.seconds, clocks.windows) == ({}, 0)


def test_stages_and_what_is_left_add_up_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    with counting() as clocks:
        for name, seconds in (("loading", 3.0), ("training", 5.0), ("loading", 1.0)):
            with stage(name):
                now += seconds
            now += 0.5
    assert clocks.stages(now) == {"loading": 4.0, "training": 5.0, "other": 1.5}


def test_what_labels_take_longer_than_features_counts_as_features() -> None:
    begun = threading.Event()

    def features(table: Table, config: FeatureConfig) -> FeatureMatrix:
        begun.set()
        return build_features(table, config)

    def slowly(table: Table, target: TargetSection) -> Labels:
        begun.wait()  # on a busy machine labels may begin long before features
        time.sleep(0.2)
        return make_labels(table, target)

    with counting() as clocks:
        make_samples(config_of(features__columns=["close"]), random_walk(300), features, slowly)
    assert clocks.seconds["features"] >= 0.2


def test_a_stage_that_fails_is_counted_too() -> None:
    with counting() as clocks, pytest.raises(ZeroDivisionError), stage("loading"):
        1 / 0  # noqa: B018
    assert "loading" in clocks.seconds


def test_no_step_has_no_parts() -> None:
    assert Clocks().parts() == {}


def test_operations_are_those_that_torch_counts() -> None:
    """Of a product a step; of the first layer's input, too, which other layers have below them."""
    layer, windows, steps = nn.Linear(7, 5, bias=False), 11, 3
    x_BTF = torch.rand(windows, steps, 7, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        layer(x_BTF).sum().backward()
    assert training_operations(7 * 5, steps, windows) == counter.get_total_flops()


@contextmanager
def one_after_another(threads: int) -> Iterator[Crew]:
    yield Crew(1)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_peak_is_two_operations_a_product_of_numbers_on_every_thread(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = count()
    monkeypatch.setattr(utilization, "SIDE", 64)
    monkeypatch.setattr(time, "thread_time", lambda: float(next(ticks)))
    monkeypatch.setattr(utilization, "crew", one_after_another)  # so each product takes a second
    assert utilization.matrix_peak(torch.device("cpu"), torch.float32, threads) == 2 * 64**3 * threads


def test_the_command_says_it_and_keeps_it(cli, gatewise_home: Path) -> None:
    words = ("train", *TINY, "--device", "cpu")
    answer = json.loads(cli(*words, "--profile", "--json", "-q").out)
    profile = answer["profile"]
    assert json.loads((gatewise_home / "runs" / answer["run_id"] / "profile.json").read_text()) == profile
    assert sum(profile["stages"].values()) == pytest.approx(profile["total_seconds"])
    assert {
        "imports",
        "loading",
        "features",
        "opening the run",
        "training",
        "judging",
        "report",
        "recording",
    } <= profile["stages"].keys()
    assert profile["arithmetic"]["share"] > 0
    assert "profile" not in json.loads(cli(*words, "--json", "-q").out)
    text = cli(*words, "--profile", "-q").out
    assert "where the time went" in text
    assert "GFLOP/s" in text


def test_of_several_runs_it_is_refused(cli, gatewise_home: Path) -> None:
    refused = cli("train", "--source", "sp500", "--per-symbol", "--profile")
    assert (refused.code, "--profile" in refused.err) == (2, True)
