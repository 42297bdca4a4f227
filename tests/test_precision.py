"""Which precision a run gets, with the reason it prints; that bf16 is asked of oneDNN and not of the processor's flags.

A flag that oneDNN does not heed ends a run in its first step, with words that are no user's.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from gatewise.errors import ConfigError
from gatewise.training import device as devices
from gatewise.training.device import choose_precision, cpu_trains_bf16

CPU = torch.device("cpu")


@pytest.fixture
def fresh_probe() -> Iterator[None]:
    """So that the process asks again, and no other test is answered by this one."""
    cpu_trains_bf16.cache_clear()
    yield
    cpu_trains_bf16.cache_clear()


@pytest.mark.parametrize("cell", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_bf16_is_said_to_work_only_where_torchs_own_layers_train_in_it(cell: type[nn.RNNBase], bidirectional) -> None:
    layer, x = cell(5, 8, 2, batch_first=True, bidirectional=bidirectional), torch.randn(3, 4, 5)

    def train() -> None:
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            out = layer(x)[0]
        out.float().sum().backward()

    if cpu_trains_bf16():
        train()
    elif cell is nn.LSTM:
        with pytest.raises(RuntimeError, match="primitive"):
            train()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the bound is one of x86")
def test_the_answer_is_onednns_and_not_that_of_the_processors_flags() -> None:
    code = "from gatewise.training.device import cpu_trains_bf16; print(cpu_trains_bf16())"
    bounded = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=bounded)
    assert answer.stdout.strip() == "False"


def test_onednn_is_asked_once_and_no_generator_is_moved(fresh_probe: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, recurrent = [], devices.recurrent
    monkeypatch.setattr(devices, "recurrent", lambda *args: asked.append(1) or recurrent(*args))
    before = torch.get_rng_state()
    with torch.inference_mode():  # as a host program may stand
        first = cpu_trains_bf16()
    count = len(asked)
    assert cpu_trains_bf16() == first
    assert len(asked) == count > 0
    assert torch.equal(torch.get_rng_state(), before)


def test_bf16_that_onednn_refuses_is_an_error_with_a_remedy(fresh_probe: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise RuntimeError("could not create a primitive descriptor for the LSTM forward propagation primitive")

    monkeypatch.setattr(devices, "recurrent", refuse)
    with pytest.raises(ConfigError, match="oneDNN") as caught:
        choose_precision("bf16", CPU)
    assert caught.value.hint == 'training.precision="fp32"'
    assert choose_precision("auto", CPU).name == "fp32"


@pytest.mark.parametrize("trains_bf16", [False, True])
def test_no_precision_is_advised_that_is_refused_next(trains_bf16: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cpu_trains_bf16", lambda: trains_bf16)
    with pytest.raises(ConfigError, match="fp16") as caught:
        choose_precision("fp16", CPU)
    advised = re.findall(r'training\.precision="(\w+)"', caught.value.hint or "")
    assert "fp32" in advised
    for name in advised:
        choose_precision(name, CPU)


def test_bf16_that_works_is_taken_with_a_word_on_its_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cpu_trains_bf16", lambda: True)
    precision = choose_precision("bf16", CPU)
    assert (precision.name, precision.scale_gradients) == ("bf16", False)
    assert "natively" in precision.reason


def test_what_computes_with_torch_is_run_on_other_instruction_sets_too(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("trains")


def test_fp16_is_refused_on_cpus() -> None:
    with pytest.raises(ConfigError, match="needs a GPU"):
        choose_precision("fp16", CPU)
