"""The two sides of a benchmark as processes of their own: a plain PyTorch loop, and gatewise as its CLI runs it.

A side is started with its settings as JSON, says `{"ready": true}` when it is warm, and then answers each number of
seconds on its standard input with one JSON line: windows trained, seconds, processor seconds, peak memory. Only the
gatewise side touches gatewise; the plain one has the process to itself as torch leaves it.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Taken before gatewise is imported, which sets a default here: the plain side must not inherit it.
ENVIRONMENT = dict(os.environ)
ANSWER_SECONDS = 180.0
NUM_CLASSES = 3
DROPOUT = 0.3


@dataclass(frozen=True)
class Case:
    """A model, a window and a batch.

    Attributes:
        model: the section of a network of the zoo, in place of the LSTM that the first three fields describe.
    """

    hidden: int
    layers: int
    directions: int
    features: int
    steps: int
    batch: int
    rows: int = 60_000
    model: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.hidden} {self.layers} {self.directions} {self.features} {self.steps} {self.batch}"


class Side:
    """A running side, as its parent sees it. `kind` names an entry of SIDES; `environment` is added to ours."""

    def __init__(self, kind: str, case: Case, environment: dict[str, str] | None = None) -> None:
        self.kind = kind
        said = json.dumps({"kind": kind, "case": asdict(case)})
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), said],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=ENVIRONMENT | (environment or {}),
        )
        self._rest = b""
        self._read()

    def run(self, seconds: float) -> dict[str, float]:
        """Trains for about so long; windows_per_second, cpu_seconds_per_window, peak_mb, base_mb."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n".encode())
        return self._read(ANSWER_SECONDS + 20 * seconds)

    def close(self) -> None:
        """Ends the process and what it started, whether or not it answers."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self, seconds: float = ANSWER_SECONDS) -> dict[str, float]:
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            piece = self._process.stdout.read(65536) if ready else b""
            if not piece:
                self._process.kill()
                why = f"no answer in {seconds:.0f} s" if not ready else "ended early"
                raise RuntimeError(f"the {self.kind} side: {why}")
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        answer: dict[str, float] = json.loads(line)
        return answer


@contextmanager
def sides(*wanted: tuple[str, Case, dict[str, str]]) -> Iterator[list[Side]]:
    """Starts sides one after the other, and ends them all whatever happens."""
    running: list[Side] = []
    try:
        for kind, case, environment in wanted:
            running.append(Side(kind, case, environment))
        yield running
    finally:
        for side in running:
            side.close()


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """So many processes that do nothing but compute, pinned nowhere."""
    loop = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100000))"
    processes = [subprocess.Popen([sys.executable, "-c", loop]) for _ in range(count)]
    try:
        time.sleep(0.3 if count else 0.0)
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


Train = Callable[[float], tuple[int, float]]


def plain(case: Case, workers: int = 2) -> Train:
    """The loop that people write: windows sliced by a Dataset, a shuffling loader, nn.LSTM, `.item()` each step."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    values, y = _series(case)

    class Slices(Dataset[Any]):
        def __len__(self) -> int:
            return case.rows - case.steps + 1

        def __getitem__(self, index: int) -> Any:
            return values[index : index + case.steps], y[index + case.steps - 1]

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.LSTM(
                case.features,
                case.hidden,
                case.layers,
                batch_first=True,
                dropout=DROPOUT,
                bidirectional=case.directions == 2,
            )
            self.dropout = nn.Dropout(DROPOUT)
            self.head = nn.Linear(case.hidden * case.directions, NUM_CLASSES)

        def forward(self, x: Any) -> Any:
            out, _ = self.rnn(x)
            return self.head(self.dropout(out[:, -1]))

    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
    criterion = nn.CrossEntropyLoss()
    timeout = 60 if workers else 0
    loader = DataLoader(Slices(), case.batch, shuffle=True, num_workers=workers, drop_last=True, timeout=timeout)

    def batches() -> Iterator[Any]:
        while True:
            yield from loader

    stream = batches()

    def train(seconds: float) -> tuple[int, float]:
        started, count, total = time.perf_counter(), 0, 0.0
        while time.perf_counter() - started < seconds or not count:
            x, target = next(stream)
            optimizer.zero_grad()
            loss = criterion(model(x), target)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
            count += case.batch
        return count, time.perf_counter() - started

    return train


def plain_zoo(case: Case) -> Train:
    """The plainest torch module of a network's layers in a plain loop, batches by one indexing of all windows."""
    import torch
    from plain_zoo import plain_model
    from torch import nn

    assert case.model
    values, y = _series(case)
    windows = values.unfold(0, case.steps, 1).transpose(1, 2)
    torch.manual_seed(0)
    model = plain_model(case.model["name"], case.features, NUM_CLASSES, case.model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
    criterion = nn.CrossEntropyLoss()

    def train(seconds: float) -> tuple[int, float]:
        started, count, total = time.perf_counter(), 0, 0.0
        order = torch.randperm(len(windows))
        while time.perf_counter() - started < seconds or not count:
            rows = order[count % (len(order) - case.batch) :][: case.batch]
            optimizer.zero_grad()
            loss = criterion(model(windows[rows]), y[rows + case.steps - 1])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
            count += case.batch
        return count, time.perf_counter() - started

    return train


def gatewise(case: Case, precision: str = "fp32") -> Train:
    """gatewise's own fit, in a process prepared as its command line prepares it."""
    import gatewise.host

    gatewise.host.prepare()

    import numpy as np
    import torch

    from gatewise.config.model_section import RecurrentConfig, model_config
    from gatewise.config.schema import ModelConfig, TrainingConfig
    from gatewise.features.scaling import fit_scaler
    from gatewise.models.registry import build_model
    from gatewise.nn.initial import seeded
    from gatewise.targets.outputs.classes import Classes
    from gatewise.training.device import choose_precision
    from gatewise.training.fit import fit
    from gatewise.training.listeners import Listeners
    from gatewise.windows import Windows

    values, y = (tensor.numpy() for tensor in _series(case))
    rows = np.arange(case.steps - 1, case.rows)
    scaler = fit_scaler("standard", values, rows, tuple(f"f{i}" for i in range(case.features)))
    windows = Windows.over(values, scaler, case.steps, torch.device("cpu"))
    windows = windows.supervised(y, np.ones(len(y), np.float32))
    config: ModelConfig
    if case.model:
        config = model_config(case.model["name"]).model_validate(case.model)
    else:
        config = RecurrentConfig(
            name="lstm",
            hidden_size=case.hidden,
            num_layers=case.layers,
            dropout=DROPOUT,
            bidirectional=case.directions == 2,
        )
    model = build_model(config, case.features, NUM_CLASSES, generator=seeded(0))
    chosen = choose_precision(precision, torch.device("cpu"))
    spec = Classes(tuple(map(str, range(NUM_CLASSES))))
    speed = [case.batch * 2.0]

    def train(seconds: float) -> tuple[int, float]:
        wanted = max(1, min(round(speed[0] * seconds / case.batch), len(rows) // case.batch)) * case.batch
        fields = {"batch_size": case.batch, "max_epochs": 1, "windows_per_epoch": wanted}
        settings = TrainingConfig.model_validate({**fields, "schedule": {"name": "constant"}})
        done = fit(model, windows, rows, rows[:32], settings, chosen, spec, Listeners([]))
        speed[0] = done.windows_per_second
        return wanted, wanted / done.windows_per_second

    return train


SIDES: dict[str, Callable[[Case], Train]] = {
    "plain": plain,
    "plain without loader": lambda case: plain(case, workers=0),
    "plain zoo": plain_zoo,
    "gatewise": gatewise,
    "gatewise bf16": lambda case: gatewise(case, "bf16"),
}


def _series(case: Case) -> tuple[Any, Any]:
    import torch

    generator = torch.Generator().manual_seed(0)
    values = torch.randn(case.rows, case.features, generator=generator)
    return values, torch.randint(NUM_CLASSES, (case.rows,), generator=generator)


def _memory_mb(field: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(field))


def main() -> None:
    """A side's own process."""
    said = json.loads(sys.argv[1])
    train = SIDES[said["kind"]](Case(**said["case"]))
    base = _memory_mb("VmRSS")
    for _ in range(2):
        train(0.2)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        cpu = time.process_time()
        windows, seconds = train(float(line))
        answer = {
            "windows_per_second": windows / seconds,
            "cpu_seconds_per_window": (time.process_time() - cpu) / windows,
            "peak_mb": _memory_mb("VmHWM"),
            "base_mb": base,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
