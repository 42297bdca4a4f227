"""The crew's laws: order, exactness, and nothing that depends on how many threads there are.

A race here would be silent: training would go on, with other weights on each run.
"""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gatewise.config.load import load_config
from gatewise.config.schema import TrainingConfig
from gatewise.features.scaling import fit_scaler
from gatewise.models.base import Forecast
from gatewise.models.recurrent import RecurrentNet
from gatewise.models.registry import build_model
from gatewise.nn.initial import seeded
from gatewise.targets.outputs.classes import Classes
from gatewise.training import fit as fitting
from gatewise.training.crew import Crew, crew
from gatewise.training.device import Precision
from gatewise.training.fit import fit
from gatewise.training.listeners import Listeners
from gatewise.training.step import piece_of, piece_rows
from gatewise.windows import Windows

CPU = torch.device("cpu")


@pytest.mark.parametrize("size", [1, 2, 5])
def test_results_are_collected_in_the_order_of_the_pieces_whoever_is_first(size: int) -> None:
    members, collected = Crew(size), []

    def work(index: int) -> int:
        time.sleep(0.003 * (index % 3 == 0))
        return index

    members.take(40, work, collected.append)
    members.close()
    assert collected == list(range(40))


def test_an_exception_of_any_member_reaches_the_caller_after_all_have_stopped() -> None:
    running = threading.Semaphore(0)
    begun = []

    def work(index: int) -> None:
        begun.append(index)
        running.release()
        time.sleep(0.01)
        running.acquire()
        if index == 3:
            raise MemoryError("no room")

    members = Crew(3)
    with pytest.raises(MemoryError, match="no room"):
        members.take(1000, work, lambda result: None)
    assert not running.acquire(blocking=False)
    assert len(begun) < 500, "the other members went on with a round that had failed"
    members.take(2, lambda index: None, lambda result: None)
    members.close()


@pytest.mark.parametrize("inference", [False, True])
def test_members_compute_on_one_core_in_the_caller_s_grad_mode(inference: bool) -> None:
    seen = []

    def work(index: int) -> tuple[int, bool, bool]:
        time.sleep(0.01)
        return torch.get_num_threads(), torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    before = torch.get_num_threads()
    with crew(3) as members, torch.inference_mode(inference), torch.set_grad_enabled(not inference):
        members.take(9, work, seen.append)
    assert set(seen) == {(1, not inference, inference)}
    assert torch.get_num_threads() == before


def test_weights_are_the_same_bits_on_one_thread_and_on_several(monkeypatch: pytest.MonkeyPatch) -> None:
    def train(threads: int) -> dict[str, torch.Tensor]:
        monkeypatch.setattr(fitting, "choose_threads", lambda: (threads, "said so"))
        values = np.random.default_rng(0).normal(size=(600, 5)).astype(np.float32)
        rows = np.arange(19, 600)
        windows = Windows.over(values, fit_scaler("standard", values, rows, tuple("abcde")), 20, CPU)
        y = (values[:, 0] > 0).astype(np.int64)
        windows = windows.supervised(y, np.ones(600, np.float32))
        model = RecurrentNet("lstm", 5, 2, hidden_size=32, dropout=0.4, bidirectional=True, generator=seeded(0))
        settings, spec = TrainingConfig(batch_size=128, max_epochs=2), Classes(("0", "1"))
        fit(model, windows, rows[:400], rows[450:], settings, Precision(torch.float32, False, ""), spec, Listeners([]))
        return model.state_dict()

    assert piece_rows(128, 20, 40_000, CPU) < 128
    one, three = train(1), train(3)
    assert all(torch.equal(one[name], three[name]) for name in one)


@pytest.mark.parametrize(
    ("batch", "steps", "weights", "piece"),
    [
        (32, 60, 60_000, 16),
        (64, 60, 60_000, 16),
        (48, 60, 60_000, 24),
        (512, 60, 60_000, 64),
        (8192, 60, 60_000, 64),
        (64, 10, 52_000, 64),
        (15, 60, 60_000, 15),
        (1, 1, 1, 1),
        (4096, 2, 500, 4096),
    ],
)
def test_pieces_are_large_enough_to_pay_and_no_larger(batch: int, steps: int, weights: int, piece: int) -> None:
    assert piece_rows(batch, steps, weights, CPU) == piece
    assert piece_rows(batch, steps, weights, torch.device("cuda")) == batch


@given(batch=st.integers(1, 5000), steps=st.integers(1, 500), weights=st.integers(1, 10**7))
def test_pieces_cover_any_batch_and_hold_16_windows_or_all(batch: int, steps: int, weights: int) -> None:
    piece = piece_rows(batch, steps, weights, CPU)
    assert min(batch, 16) <= piece <= batch
    pieces = -(-batch // piece)
    assert pieces >= 8 or pieces in (1, 2, 4)


def test_a_network_that_reads_its_weights_few_times_a_window_has_larger_pieces_framed_or_not() -> None:
    segments = load_config(None, (), {"model.name": "segrnn"}).model
    alone = build_model(segments, 4, 3)
    assert (piece_of(alone, 512, 96, CPU), piece_of(alone, 32, 96, CPU)) == (128, 32)
    columns = segments.model_copy(update={"channel_independent": True, "last_value": True})
    framed = build_model(columns, 4, 8, forecast=Forecast(2, (0, 1, 2, 3)))
    assert framed.least_piece == 32  # of windows, each of four series
    assert build_model(load_config(None, (), {"model.name": "lstm"}).model, 4, 3).least_piece == 16
