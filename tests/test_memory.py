"""The memory account against what torch really keeps, and the batch size that follows from measuring.

The figures come from the libraries' layouts, so the libraries are asked: oneDNN for its workspace, autograd for the
tensors that it saves. Peaks of whole processes are in benchmarks/bench_account.py.
"""

from __future__ import annotations

from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from fleet_members import require_bf16
from gatewise.config.model_section import RecurrentConfig, RidgeConfig
from gatewise.errors import ConfigError, MemoryExhaustedError
from gatewise.models.base import Network, StepShape
from gatewise.models.recurrent import RecurrentNet
from gatewise.models.recurrent_memory import onednn_lstm_workspace, recurrent_step_bytes
from gatewise.nn.dropout import drawing
from gatewise.training.batch_size import measure_batch_size
from gatewise.training.live_bytes import live_bytes
from gatewise.training.memory import MemoryAccount, batch_that_fits, memory_of

HAS_ONEDNN = torch.backends.mkldnn.is_available()


def workspace_of_onednn(steps: int, windows: int, inputs: int, hidden: int, dtype: torch.dtype) -> int:
    x = torch.zeros(steps, windows, inputs, dtype=dtype, requires_grad=True)
    sizes = ((4 * hidden, inputs), (4 * hidden, hidden), (4 * hidden,), (4 * hidden,))
    weights = [torch.zeros(size, dtype=dtype) for size in sizes]
    state = [torch.zeros(windows, hidden, dtype=dtype) for _ in range(2)]
    layer = torch.mkldnn_rnn_layer
    kept: Tensor = layer(x, *weights, *state, False, [], 2, hidden, 1, True, False, False, True)[3]
    return kept.numel() * kept.element_size()


@pytest.mark.skipif(not HAS_ONEDNN, reason="this torch has no oneDNN")
@settings(max_examples=60, deadline=None)
@given(
    steps=st.integers(1, 40),
    windows=st.integers(1, 40),
    inputs=st.integers(1, 300),
    hidden=st.one_of(st.integers(1, 130), st.sampled_from([192, 256])),
)
def test_onednn_keeps_exactly_what_the_account_says_in_fp32(steps: int, windows: int, inputs: int, hidden: int) -> None:
    said = onednn_lstm_workspace(steps, windows, inputs, hidden)
    assert said == workspace_of_onednn(steps, windows, inputs, hidden, torch.float32)


@pytest.mark.skipif(not HAS_ONEDNN, reason="this torch has no oneDNN")
@pytest.mark.parametrize("hidden", [32, 64, 96, 128, 256])
def test_onednn_keeps_about_what_the_account_says_in_bf16(hidden: int) -> None:
    require_bf16()
    said = onednn_lstm_workspace(60, 32, min(31, hidden), hidden, element_bytes=2)
    assert said == pytest.approx(workspace_of_onednn(60, 32, min(31, hidden), hidden, torch.bfloat16), rel=0.1)


@pytest.mark.skipif(not HAS_ONEDNN, reason="this torch has no oneDNN")
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_activations_are_what_autograd_saves(cell: str, layers: int, bidirectional: bool, dropout: float) -> None:
    steps, windows, features, hidden = 60, 32, 31, 64
    saved: dict[int, int] = {}
    alive: list[Tensor] = []  # a storage that is freed could hand its address to the next

    def keep(tensor: Tensor) -> Tensor:
        alive.append(tensor)
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    name = "gru" if cell == "gru" else "lstm"
    model = RecurrentNet(name, features, 3, hidden, layers, dropout, bidirectional)
    x_TBF = torch.zeros(steps, windows, features)
    with drawing(1), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = model(x_TBF.transpose(0, 1))
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept = sum(size for pointer, size in saved.items() if pointer not in weights)
    config = RecurrentConfig(
        name=name, hidden_size=hidden, num_layers=layers, bidirectional=bidirectional, dropout=dropout
    )
    shape = StepShape(windows, steps, features)
    assert recurrent_step_bytes(name, config, shape)[0] == pytest.approx(kept, rel=0.08)
    # What nothing is declared of is asked of steps of few windows, and grows with them but for what all windows share.
    assert live_bytes(model, steps, features)(shape)[0] == pytest.approx(kept, rel=0.1)
    assert out.requires_grad
    assert len(alive) >= len(saved)


@settings(deadline=None)
@given(
    batch=st.integers(1, 2000),
    steps=st.integers(1, 200),
    hidden=st.integers(1, 600),
    device=st.sampled_from(["cpu", "cuda"]),
    precision=st.sampled_from(["fp32", "bf16"]),
)
def test_more_of_anything_never_takes_less(batch: int, steps: int, hidden: int, device: str, precision: str) -> None:
    def total(batch: int = batch, steps: int = steps, layers: int = 2, rows: int = 0) -> int:
        config = RecurrentConfig(name="lstm", hidden_size=hidden, num_layers=layers)
        account = memory_of(config, steps, 20, rows, device, precision, threads=1)(batch, batch)
        assert account.total == sum(account.items.values())
        return account.total

    assert total() <= min(total(batch=batch + 1), total(steps=steps + 1), total(layers=3), total(rows=1000))


def test_the_configured_model_is_accounted_as_its_fields_say() -> None:
    config = RecurrentConfig(name="lstm")
    whole = memory_of(config, 60, 25, threads=1)(512, 512)
    assert 1.2 < whole.total / 2**30 < 1.45  # 1.23 GiB measured; four gates a step alone would make it 0.15
    on_one, on_two = (memory_of(config, 60, 25, threads=threads)(512) for threads in (1, 2))
    weights = RecurrentNet("lstm", 25, 3)
    count = sum(parameter.numel() for parameter in weights.parameters())
    assert on_one.weights == on_one.gradients * 2 == on_one.optimizer_state == 8 * count
    assert on_two.gradients == 3 * on_one.gradients
    for account, windows in ((on_one, 64), (on_two, 128)):
        assert account.activations == recurrent_step_bytes("lstm", config, StepShape(windows, 60, 25))[0]
    account = memory_of(config, 60, 25, threads=100)(512)
    assert account.activations == whole.activations
    words = account.to_dict()
    assert words["megabytes"]["total"] == round(account.total / 2**20, 1)
    assert words["is_measured"] is True
    assert memory_of(config, 60, 25, device="cuda:0")(512).is_measured is False


def test_what_has_no_account_is_refused() -> None:
    config = RecurrentConfig(name="lstm")
    with pytest.raises(ConfigError, match="device"):
        memory_of(config, 1, 1, device="tpu")
    with pytest.raises(ConfigError, match="precision"):
        memory_of(config, 1, 1, precision="int8")
    with pytest.raises(ConfigError, match="no network"):
        memory_of(RidgeConfig(name="ridge"), 1, 1)


class Chain(Network):
    """Whose tensors are counted by hand: two hidden layers of 7 and 5 units, tanh between, on the last step alone."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(features, 7), nn.Tanh(), nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 3))

    @property
    def output_bias(self) -> Tensor:
        return cast(nn.Linear, self.layers[4]).bias

    def forward(self, x_BTF: Tensor) -> Tensor:
        out: Tensor = self.layers(x_BTF[:, -1])
        return out


@pytest.mark.parametrize("element_bytes", [2, 4])
def test_what_lives_in_a_step_is_what_is_counted_by_hand(element_bytes: int) -> None:
    windows, steps, features = 1000, 11, 4
    shape = StepShape(windows, steps, features, element_bytes, "cuda")  # on a CPU holes are added
    told = live_bytes(Chain(features), steps, features)(shape)
    batch, hidden, outputs = steps * features, 7 + 5, 3
    assert told[0] == windows * (batch + hidden + outputs) * element_bytes  # the products before tanh are gone
    # Backward's most: gradients of a layer's states and of what tanh made of them, all that is kept still there.
    assert windows * 7 * element_bytes <= told[1] <= windows * 3 * 7 * element_bytes


def test_the_batch_that_fits_is_the_largest_power_of_two_whose_account_is_no_more() -> None:
    def account(batch: int) -> MemoryAccount:
        return MemoryAccount(0, 0, 0, 10 * batch, 0, 0, 100, is_measured=True)

    assert [batch_that_fits(account, size) for size in (109, 110, 119, 120, 740, 10_340, 1 << 40)] == [
        *(0, 1, 1, 2, 64, 1024, None)
    ]
    on_gpu = memory_of(RecurrentConfig(name="lstm"), 60, 25, device="cuda")
    fitting = batch_that_fits(on_gpu, 11 * 10**9)
    assert fitting
    assert on_gpu(fitting).total <= 11 * 10**9 < on_gpu(2 * fitting).total
    # On a CPU pieces run that are as large for any batch.
    assert batch_that_fits(memory_of(RecurrentConfig(name="lstm"), 60, 25, threads=2), 11 * 10**9) is None


class Machine:
    """A pretended device: a step takes `overhead` + `each` · windows seconds, and `room` windows fit."""

    def __init__(self, overhead: float, each: float, room: int = 1 << 30) -> None:
        self.overhead, self.each, self.room = overhead, each, room
        self.now = 0.0
        self.tried: list[int] = []

    def step(self, windows: int) -> None:
        self.tried.append(windows)
        if windows > self.room:
            raise MemoryExhaustedError("full")
        self.now += self.overhead + self.each * windows

    def clock(self) -> float:
        return self.now


def test_the_smallest_batch_within_five_percent_of_the_best_speed_is_chosen() -> None:
    machine = Machine(overhead=0.001, each=0.0001)
    choice = measure_batch_size(machine.step, 1_000_000, clock=machine.clock)
    speeds = choice.windows_per_second
    assert list(speeds) == [32, 64, 128, 256]  # 256 is 3.8 % faster than 128
    assert choice.batch_size == 128
    assert speeds[128] == pytest.approx(128 / (0.001 + 0.0128))
    assert "5%" in choice.reason


@settings(deadline=None)
@given(
    overhead=st.floats(1e-6, 0.1), each=st.floats(1e-7, 1e-3), windows=st.integers(1, 5000), room=st.integers(32, 4096)
)
def test_a_choice_never_exceeds_the_training_part_the_memory_or_the_time(
    overhead: float, each: float, windows: int, room: int
) -> None:
    machine = Machine(overhead, each, room)
    choice = measure_batch_size(machine.step, windows, clock=machine.clock, budget_seconds=5)
    assert choice.batch_size <= min(windows, room)
    assert choice.windows_per_second[choice.batch_size] >= max(choice.windows_per_second.values()) / 1.05 * 0.999
    assert machine.now < 10 or len(choice.windows_per_second) == 1


def test_sizes_that_the_account_says_will_not_fit_are_not_tried() -> None:
    machine = Machine(overhead=1.0, each=0.0)
    choice = measure_batch_size(
        machine.step,
        10_000,
        memory_bytes=lambda size: size << 20,
        available_bytes=200 << 20,
        budget_seconds=1e9,
        clock=machine.clock,
    )
    assert max(machine.tried) == choice.batch_size == 128
    assert "200 MB" in choice.reason


def test_running_out_of_memory_ends_the_search_and_at_the_first_size_it_is_an_error() -> None:
    machine = Machine(overhead=1.0, each=0.0, room=100)
    choice = measure_batch_size(machine.step, 10_000, budget_seconds=1e9, clock=machine.clock)
    assert choice.batch_size == 64
    assert "fit" in choice.reason
    with pytest.raises(MemoryExhaustedError):
        measure_batch_size(Machine(1.0, 0.0, room=1).step, 10_000)


def test_an_account_lists_its_items_in_order() -> None:
    account = MemoryAccount(1, 2, 3, 4, 5, 6, 7, is_measured=True)
    assert list(account.items.values()) == [1, 2, 3, 4, 5, 6, 7]
    assert account.total == 28
