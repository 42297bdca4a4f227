"""A program around gatewise keeps its own state, and its state changes none of gatewise's numbers.

Both would be silent: a program's random numbers that repeat, a thread count that stays at one, weights that differ from
those of the same seed because another thread trained beside them.
"""

from __future__ import annotations

import locale
import os
import random
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import plotly.io
import polars as pl
import pytest
import torch
from torch import Tensor, nn

from cv_worlds import run_cv
from gatewise import Bundle, ModelRegistry, SequenceModel, Table, load_config, train
from gatewise import isolation as isolating
from gatewise.config.schema import MODEL_CONFIGS
from gatewise.experiment import prepare, run_experiment
from gatewise.isolation import one_core, plain_numbers
from gatewise.models.registry import build_model
from gatewise.nn.initial import seeded
from gatewise.selection.cv.plan import Plan
from gatewise.selection.tuning.folder import StudyRequest
from gatewise.selection.tuning.space_file import parse_space
from gatewise.selection.tuning.tune import tune
from gatewise.training.crew import crew
from process_state import state_of_python

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(240, 6, 3)), RNG.integers(0, 3, 240)
LAYERS = {"lstm": nn.LSTM, "gru": nn.GRU}


def fitted(seed: int = 42, **fields: Any) -> SequenceModel:
    said = {"hidden_size": 8, "num_layers": 2, "max_epochs": 2, "batch_size": 64, "device": "cpu"}
    model = ModelRegistry.create("lstm", seed=seed, **{**said, **fields})
    return model.fit(X[:200], Y[:200], X[200:], Y[200:])


TINY_CONFIG = {
    "data.source": "sp500", "target.horizon": 3, "windows.sequence_length": 8, "model.hidden_size": 4,
    "model.num_layers": 1, "training.batch_size": 256, "training.max_epochs": 1, "features.sets": ["ohlcv"],
    "training.windows_per_epoch": 512, "training.device": "cpu", "evaluation.bootstrap_samples": 50, "cv.n_splits": 2,
}  # fmt: skip


def tiny_config(**changes: Any) -> Any:
    return load_config(overrides=TINY_CONFIG | changes)


# --- initial weights ---


@pytest.mark.parametrize("cell", LAYERS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("embedding", [0, 3])
def test_initial_weights_are_the_numbers_that_torch_s_own_layers_draw(cell, bidirectional, embedding) -> None:
    config = MODEL_CONFIGS[cell](
        name=cell, hidden_size=7, num_layers=2, bidirectional=bidirectional, symbol_embedding=embedding
    )
    model = build_model(config, 5, 4, num_symbols=6, generator=seeded(11))
    before = torch.get_rng_state()
    torch.manual_seed(11)
    layers = LAYERS[cell](5 + embedding, 7, 2, bidirectional=bidirectional), nn.Linear(14 if bidirectional else 7, 4)
    expected = [*layers[0].parameters(), *layers[1].parameters()]
    vectors = [nn.Embedding(6, embedding).weight] if embedding else []
    torch.set_rng_state(before)
    drawn = list(model.parameters())
    drawn = [*drawn[len(vectors) :], *drawn[: len(vectors)]]  # torch draws the vectors last, we list them first
    assert all(torch.equal(a, b) for a, b in zip(drawn, [*expected, *vectors], strict=True))


def test_weights_to_be_loaded_are_not_drawn() -> None:
    model = build_model(MODEL_CONFIGS["lstm"](name="lstm", hidden_size=4), 3, 2)
    assert not any(parameter.any() for parameter in model.parameters())


def test_the_same_seed_gives_the_same_weights_in_threads_that_train_beside_each_other() -> None:
    def predicted(seed: int) -> bytes:
        return fitted(seed, max_epochs=1, hidden_size=32).predict_proba(X).tobytes()

    alone = [predicted(seed) for seed in range(4)]
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(predicted, [*range(4), *range(4)]))
    finally:
        sys.setswitchinterval(switch)
    assert together == alone * 2


# --- the program's settings change no number ---


@contextmanager
def restored(set_value: Callable[[Any], Any], value: Any, before: Any) -> Iterator[None]:
    set_value(value)
    try:
        yield
    finally:
        set_value(before)


def german() -> Any:
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
    except locale.Error:
        pytest.skip("this machine has no de_DE.UTF-8")
    return restored(lambda name: locale.setlocale(locale.LC_ALL, name), "de_DE.UTF-8", before)


@contextmanager
def drawn_from() -> Iterator[None]:
    """Other generators than at the start, which are put back."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # the program's, not ours
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])


@contextmanager
def erring_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


SETTINGS: dict[str, Callable[[], Any]] = {
    "generators": drawn_from,
    "float64 by default": lambda: restored(torch.set_default_dtype, torch.float64, torch.float32),
    "another device by default": lambda: restored(torch.set_default_device, "meta", None),
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "deterministic algorithms": lambda: restored(torch.use_deterministic_algorithms, True, False),
    "one thread": lambda: restored(torch.set_num_threads, 1, torch.get_num_threads()),
    "three threads": lambda: restored(torch.set_num_threads, 3, torch.get_num_threads()),
    "small numbers flushed": lambda: restored(torch.set_flush_denormal, True, False),
    "NumPy raises": lambda: np.errstate(all="raise"),
    "warnings are errors": erring_warnings,
    "German numbers": german,
}
by_setting = pytest.mark.parametrize("setting", SETTINGS)


@pytest.fixture(scope="module")
def model_alone() -> SequenceModel:
    return fitted(dropout=0.3)


@by_setting
def test_a_model_on_arrays_is_the_same_to_the_bit_whatever_its_program_has_set(setting, model_alone, tmp_path) -> None:
    with SETTINGS[setting]():
        model = fitted(dropout=0.3)
        predicted = model.predict_proba(X)
        states = model.get_hidden_states(X[:5])
        loaded = ModelRegistry.load(model.save(tmp_path / "model")).predict_proba(X)
    assert predicted.tobytes() == model_alone.predict_proba(X).tobytes() == loaded.tobytes()
    assert states.tobytes() == model_alone.get_hidden_states(X[:5]).tobytes()


@pytest.fixture(scope="module")
def run_alone(tmp_path_factory) -> tuple[Path, Any, Table]:
    prepared = prepare(tiny_config())
    folder = tmp_path_factory.mktemp("run")
    return run_experiment(prepared, folder).bundle, prepared, prepared.samples.table


@by_setting
def test_an_experiment_is_the_same_to_the_bit_whatever_its_program_has_set(setting, run_alone, tmp_path) -> None:
    alone, _, table = run_alone
    rows = np.arange(2000, 2100)
    with SETTINGS[setting]():
        outcome = run_experiment(prepare(tiny_config()), tmp_path)
        predicted = Bundle.load(outcome.bundle).predict(table, rows)
    assert (outcome.bundle / "model.safetensors").read_bytes() == (alone / "model.safetensors").read_bytes()
    assert predicted.equals(Bundle.load(alone).predict(table, rows))


def test_a_folder_named_before_the_program_moved_is_found_after_it(tmp_path, monkeypatch, model_alone) -> None:
    monkeypatch.chdir(tmp_path)
    assert model_alone.save("model") == Path("model")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert ModelRegistry.load("../model").predict(X[:3]).tolist() == model_alone.predict(X[:3]).tolist()


# --- gatewise changes nothing of its program's ---


def state_of_the_process() -> dict[str, Any]:
    found: list[int] = []
    asking = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    asking.start()
    asking.join()
    return state_of_python() | {
        "torch's generator": torch.get_rng_state().tolist(),
        "NumPy's generator": np.random.get_state()[1].tolist(),  # type: ignore[index]
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "deterministic": (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark),
        "matmul": torch.get_float32_matmul_precision(),
        "printed tensors": dict(vars(torch._tensor_str.PRINT_OPTS)),
        "threads of a new thread": found[0],
        "threads between operations": torch.get_num_interop_threads(),
        "printed arrays": np.get_printoptions(),
        "pandas": {name: pd.get_option(name) for name in ("display.width", "display.max_rows")},
        "polars": pl.Config.state(),
        "Plotly": (plotly.io.renderers.default, plotly.io.templates.default),
        "Optuna's words": optuna.logging.get_verbosity(),
    }


def state_of_the_thread() -> dict[str, Any]:
    return {
        "threads": torch.get_num_threads(),
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "NumPy": np.geterr(),
        "flushed": isolating._flushes_denormals(),
    }


SEARCH = tiny_config(), parse_space({"hidden_size": [2, 3]}, tiny_config())
CALLS: dict[str, Callable[[Any], Any]] = {
    "fit": lambda run: fitted(),
    "predict": lambda run: run["model"].predict(X),
    "save and load": lambda run: ModelRegistry.load(run["model"].save(run["folder"] / "model")),
    "measured batch size": lambda run: fitted(auto_batch_size=True, max_epochs=1),
    "train": lambda run: train(tiny_config()),
    "cv": lambda run: run_cv(Plan({"lstm": tiny_config()}, (3,), 1, False), run["table"]),
    "tune": lambda run: tune(*SEARCH, StudyRequest(n_trials=2, workers=0), table=run["table"]),
    "bundle": lambda run: Bundle.load(run["bundle"]).predict(run["table"], [2000, 2001]),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_program_s_state_is_the_same_before_during_and_after_a_call(
    call, model_alone, run_alone, tmp_path, gatewise_home, monkeypatch
) -> None:
    monkeypatch.setattr(warnings, "filters", [entry for entry in warnings.filters if entry[0] != "error"])
    bundle, _, table = run_alone
    run = {"model": model_alone, "folder": tmp_path, "bundle": bundle, "table": table}
    CALLS[call](run)  # packages that are imported for the first time set what they set
    before, own, during, over = state_of_the_process(), state_of_the_thread(), [], threading.Event()

    def watch() -> None:
        while not over.is_set():
            during.append(state_of_the_process())
            over.wait(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        CALLS[call](run)
    finally:
        over.set()
        watcher.join()
    for state in during:
        del state["signals"]  # Ctrl-C is held back for a moment while an epoch's record is written
        del state["filters"]  # libraries set them for moments of their own; afterwards they must be back
    for state in [*during, state_of_the_process()]:
        assert {name: value for name, value in state.items() if value != before[name]} == {}
    assert state_of_the_thread() == own


def test_first_calls_in_a_fresh_process_which_load_everything_leave_it_as_it_was(tmp_path: Path) -> None:
    """What a package sets while it is loaded is set once in a process: no later call shows it."""
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from process_state import state_of_python
import multiprocessing, random, warnings
random.seed(5)
warnings.filterwarnings("ignore", message="of the program's own")
before = state_of_python()
import gatewise
config = gatewise.load_config(overrides={TINY_CONFIG!r})
run_id, outcome = gatewise.train(config)
gatewise.Bundle.load(outcome.bundle).predict(gatewise.load_table(config.data), [2000, 2001])
from cv_worlds import run_cv
from gatewise.selection.cv.plan import Plan
run_cv(Plan({{"lstm": config}}, (3,), 1, False), None)
from gatewise.selection.tuning.space_file import parse_space
from gatewise.selection.tuning.folder import StudyRequest
from gatewise.selection.tuning.tune import tune
tune(config, parse_space({{"hidden_size": [2, 3]}}, config), StudyRequest(n_trials=2, workers=0))
after = state_of_python()
for name, value in before.items():
    assert after[name] == value, (name, value, after[name])
multiprocessing.set_start_method("spawn")
"""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KMP_", "_RJEM", "MLFLOW"))}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=clean | {"GATEWISE_HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr


# --- one core, in this thread alone ---


def processor_share(work: Callable[[], Any]) -> float:
    """Processor seconds of the process for each of this thread."""
    import time

    work()
    process, thread = time.process_time(), time.thread_time()
    for _ in range(10):
        work()
    return (time.process_time() - process) / (time.thread_time() - thread)


def test_one_core_is_one_core_for_openmp_and_for_mkl_and_other_threads_keep_theirs() -> None:
    # In a process of its own: a number of threads that is told stays in OpenMP.
    code = f"""
import sys, threading, torch
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_isolation import processor_share
from gatewise.isolation import one_core
seen = []
def new():
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads())); thread.start(); thread.join()
x, z = torch.randn(600, 600), torch.randn(2_000_000)
for told in (None, 2):
    if told: torch.set_num_threads(told)
    before = torch.get_num_threads()
    seen.clear()
    with one_core():
        new()
        assert torch.get_num_threads() == 1
        for work in (lambda: x @ x, lambda: z * 2):
            assert processor_share(work) < 1.3
    new()
    assert seen == [before, before], (seen, before)
    assert torch.get_num_threads() == before
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "2"}
    )
    assert done.returncode == 0, done.stderr


def test_where_openmp_can_t_be_asked_torch_is_and_later_threads_see_what_they_saw(monkeypatch) -> None:
    monkeypatch.setattr(isolating, "_runtime", lambda: None)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with one_core():
            assert torch.get_num_threads() == 1
            assert state_of_the_process()["threads of a new thread"] == 3
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_crews_that_overlap_leave_each_thread_its_own_number() -> None:
    before, first, second, seen = torch.get_num_threads(), threading.Event(), threading.Event(), []

    def one() -> None:
        with crew(2):
            first.set()
            second.wait()
        seen.append(torch.get_num_threads())

    torch.set_num_threads(3)
    try:
        beside = threading.Thread(target=one)
        beside.start()
        first.wait()
        with crew(2):
            second.set()
            beside.join()
        assert [*seen, torch.get_num_threads(), state_of_the_process()["threads of a new thread"]] == [3, 3, 3]
    finally:
        torch.set_num_threads(before)


def test_plain_numbers_are_those_of_a_fresh_thread() -> None:
    def product() -> Tensor:
        return torch.ones(2, 2, requires_grad=True) @ torch.full((2, 2), 1 / 3)

    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16), np.errstate(all="raise"):
        with plain_numbers():
            assert product().dtype == torch.float32
            assert product().requires_grad
            assert np.exp(np.float64(-1e4)) == 0
        assert product().dtype == torch.bfloat16
        assert not product().requires_grad
