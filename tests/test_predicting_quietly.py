"""A prediction touches nothing but its rows: no file, no setting of the process, and a matrix goes to a device once.

A program that scores live rows beside other work would see the rest: threads of its own that become slow, a read of
/proc that stalls, a matrix of a million rows that is carried to the GPU for each bar.
"""

from __future__ import annotations

import builtins
import gc
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gatewise import host
from gatewise.bundle import Bundle
from gatewise.config.load import load_config
from gatewise.features.base import Values
from gatewise.fold import fit_fold, make_windows, place_windows
from gatewise.isolation import _runtime
from gatewise.learners.table import learner_of
from gatewise.resident import MOST_KEPT, _kept, resident
from gatewise.samples import make_samples
from gatewise.windows import Windows
from test_bundle import KINDS, TABLE, bars, make

SMALL = {"model.hidden_size": 4, "windows.sequence_length": 6, "target.horizon": 3, "features.sets": ["ohlcv"]}
CPU, META = torch.device("cpu"), torch.device("meta")
# What would be seen outside of the call: of the process, its files, its threads.
FORBIDDEN: list[tuple[Any, str]] = [
    *((torch, name) for name in ("set_num_threads", "set_num_interop_threads", "manual_seed", "set_default_dtype")),
    *((os, name) for name in ("open", "putenv", "unsetenv", "chdir", "nice", "sched_setaffinity") if hasattr(os, name)),
    (builtins, "open"),
    (io, "open"),
    (threading.Thread, "start"),
    (nn.Module, "train"),  # a module is shared by the threads that predict
]


openmp_answers = pytest.mark.skipif(_runtime() is None, reason="torch itself must be told of one core here")


@contextmanager
def nothing_outside() -> Iterator[None]:
    """A block, for what is loaded already, in which each of FORBIDDEN fails the test."""
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in FORBIDDEN:
            patch.setattr(owner, name, lambda *_, name=name, **__: pytest.fail(f"a prediction called {name}"))
        yield


@pytest.fixture(autouse=True)
def a_machine_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@openmp_answers
@pytest.mark.parametrize("kind", KINDS)
def test_a_prediction_touches_neither_files_nor_settings_of_the_process(kind: str) -> None:
    bundle, _ = make(TABLE, **KINDS[kind])
    live = TABLE.with_frame(TABLE.frame[-bundle.rows_needed :])
    before = bundle.predict(live)
    with nothing_outside():
        again = bundle.predict(live)
    assert again.equals(before)


def test_what_the_machine_has_is_asked_once_a_process() -> None:
    host.machine_threads.cache_clear()
    first = host.choose_threads()
    with nothing_outside():
        assert host.choose_threads() == first
        with pytest.raises(pytest.fail.Exception, match="called open"):  # so the ban above is known to bite
            host.machine_threads.__wrapped__()


# ---- matrices on a device


def matrix() -> Values:
    return np.zeros((10, 2), np.float32)


def test_an_array_is_carried_to_a_device_once_and_another_one_of_equal_numbers_for_itself() -> None:
    values, other = matrix(), matrix()
    first = resident(values, META)
    assert first.device == META
    assert resident(values, META) is first
    assert resident(other, META) is not first
    assert resident(values, META) is first


def test_on_a_cpu_nothing_is_carried_or_kept() -> None:
    values = matrix()
    values[3] = 7
    assert resident(values, CPU).data_ptr() == values.ctypes.data
    assert resident(values, CPU)[3].tolist() == [7, 7]


def test_no_more_matrices_are_kept_than_said_and_none_longer_than_its_array() -> None:
    arrays = [matrix() for _ in range(MOST_KEPT + 1)]
    tensors = [resident(values, META) for values in arrays]
    assert [resident(values, META) is tensor for values, tensor in zip(arrays[1:], tensors[1:], strict=True)] == [
        True
    ] * MOST_KEPT
    assert resident(arrays[0], META) is not tensors[0]
    del arrays[:]
    gc.collect()
    assert not _kept


@pytest.fixture
def placed(monkeypatch: pytest.MonkeyPatch) -> list[Windows]:
    """The windows of every prediction, as they come, on a device that holds no numbers too."""
    windows: list[Windows] = []

    def place(*arguments: Any) -> Windows:
        windows.append(place_windows(*arguments))
        windows.append(place_windows(*arguments[:-1], META))
        return windows[-2]

    monkeypatch.setattr("gatewise.learners.neural.place_windows", place)
    return windows


@pytest.mark.parametrize(
    "changes", [{}, {"features__symbol_onehot": True}, {"features__scale_by": "symbol"}, {"features__clip": 0.5}]
)
def test_training_and_each_prediction_read_the_same_windows_of_one_matrix(
    changes: dict[str, Any], placed: list[Windows]
) -> None:
    table = bars(300, symbols=("A", "B"))
    config = load_config(overrides=SMALL | {name.replace("__", "."): value for name, value in changes.items()})
    samples = make_samples(config, table)
    fold = fit_fold(config, samples, samples.rows)
    trained, trained_on_meta = (make_windows(config, samples, fold, device) for device in (CPU, META))
    bundle = Bundle.of(config, samples, fold, learner_of(config.model).sketch(config, samples, fold, samples.rows))
    rows = samples.rows[::7]
    for _ in range(2):
        bundle.predict_rows(table, samples.matrix, rows)
    assert len(placed) == 4
    for windows in placed[::2]:
        for one, other in zip(
            trained.inputs(torch.from_numpy(rows)), windows.inputs(torch.from_numpy(rows)), strict=True
        ):
            assert torch.equal(one, other)
    assert all(windows.matrix is trained_on_meta.matrix for windows in placed[1::2])
