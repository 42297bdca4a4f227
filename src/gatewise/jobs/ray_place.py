"""Jobs as Ray tasks: on a Ray of this machine, or on a cluster by its address.

The data goes to the object store once, and every task of a machine reads it there without a copy. A task whose worker
process or machine is lost is run again elsewhere.
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import secrets
import shutil
import signal
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gatewise import host
from gatewise.errors import ConfigError, LostWorkerError, MissingExtraError
from gatewise.foreign import unraised
from gatewise.jobs.answers import answer_from_bytes, run_to_bytes
from gatewise.jobs.jobs import Job, JobFailure, JobListener, JobResult
from gatewise.jobs.places import TRIES, Answers, lost_worker
from gatewise.jobs.shared import SharedData
from gatewise.jobs.store import JobStore
from gatewise.training.listeners import Callbacks

_log = logging.getLogger("gatewise.cv")

LOCAL = "local"
_LEAST_STORE_BYTES = 100 << 20
_LONGEST_FOLDER = 30
# Ray asks people in the terminal whether it may count them, and sets GPUs' variables with a warning; neither is ours.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}
_AUTH = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")


class RayCompute:
    """Ray, started here with `workers` CPUs, or a cluster's.

    Args:
        address: `local` or one that `ray.init` takes, like `ray://head:10001`.
        workers: CPUs of a Ray started here; a cluster has its own.

    Raises:
        MissingExtraError: Ray is absent.
    """

    def __init__(self, address: str, workers: int) -> None:
        _set_environment(address)
        try:
            import ray
        except ImportError as error:
            raise MissingExtraError("Ray", "ray") from error
        self.address = address
        self.workers = workers
        self._ray: Any = ray
        self._scratch: Path | None = None
        # Ray says on stdout that a worker died; ours is for data.
        self._stdout = redirect_stdout(_RayOutput())

    @property
    def description(self) -> str:
        return f"Ray on this machine, {self.workers} CPUs" if self.address == LOCAL else f"Ray at {self.address}"

    def start(self, jobs: int) -> None:
        """Nothing: how large the object store must be is only known with the data."""

    def map(self, jobs: Sequence[Job], shared: SharedData, store: JobStore, listener: JobListener) -> Answers:
        """See `Compute`. Checkpoints are kept by a local Ray alone: a cluster's machines need not share our disk.

        Raises:
            ConfigError: no Ray answers at the address.
        """
        if not jobs:
            return
        arrays, meta = shared.to_arrays()
        self._connect(sum(array.nbytes for array in arrays.values()))
        ray = self._ray
        data = ray.put(arrays)
        run = ray.remote(run_remote)
        waiting = {}
        for job in jobs:
            checkpoint = str(store.checkpoint(job.key)) if self.address == LOCAL else None
            gpus = 1 if job.config.training.device.startswith("cuda") else 0
            task = run.options(num_cpus=1, num_gpus=gpus, max_retries=TRIES - 1, name=job.label)
            waiting[task.remote(data, json.dumps(meta), json.dumps(job.to_dict()), checkpoint)] = job
        while waiting:
            ready, _ = ray.wait(list(waiting), num_returns=1)
            for reference in ready:
                yield self._answer(waiting.pop(reference), reference)

    def __enter__(self) -> Self:
        self._stdout.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._stdout.__exit__(None, None, None)
        if self._ray.is_initialized():
            self._ray.shutdown()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _connect(self, num_bytes: int) -> None:
        options: dict[str, Any] = {"address": self.address, "log_to_driver": False, "logging_level": "error"}
        if self.address == LOCAL:
            self._scratch = Path(tempfile.mkdtemp(prefix="gw-", dir=_short_folder()))
            options |= {
                "num_cpus": self.workers,
                "include_dashboard": False,
                "_node_ip_address": "127.0.0.1",
                "object_store_memory": max(_LEAST_STORE_BYTES, 2 * num_bytes),
                "_temp_dir": str(self._scratch),
            }
        with _own_signals(), unraised():
            try:
                self._ray.init(**options)
            except Exception as error:  # the bare class is what Ray raises where it can't start
                first = (str(error).strip() or type(error).__name__).splitlines()[0]
                raise ConfigError(
                    f"Ray must start or answer ({self.address}); it does not: {first}", "see docs/cluster.md"
                ) from error

    def _answer(self, job: Job, reference: Any) -> JobResult | JobFailure:
        try:
            data: bytes = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            cause = str(error.cause).strip() or type(error.cause).__name__
            return JobFailure(job, LostWorkerError(f"the task that trained it broke off: {cause.splitlines()[0]}"))
        except self._ray.exceptions.RayError as error:
            return JobFailure(job, lost_worker(str(error).strip().splitlines()[0]))
        return answer_from_bytes(job, data)


def _short_folder() -> str:
    """Where Ray's sockets go: their paths may have 107 characters, of which Ray itself takes more than sixty."""
    usual = tempfile.gettempdir()
    return usual if len(usual) <= _LONGEST_FOLDER or os.name == "nt" else "/tmp"  # Windows has no such sockets


def _set_environment(address: str) -> None:
    """What Ray reads when it is imported. A user's own settings win.

    A Ray that is started here gets a token of its own, for as long as it lives: else Ray would leave one in the user's
    home, and without any, whoever shares the machine could run code through it.
    """
    settings = dict(_QUIET)
    if address == LOCAL and not any(name in os.environ for name in _AUTH):
        settings |= zip(_AUTH, ("token", secrets.token_hex(32)), strict=True)
    os.environ.update({name: value for name, value in settings.items() if name not in os.environ})


def run_remote(arrays: Mapping[str, Any], meta: str, job: str, checkpoint: str | None) -> bytes:
    """A job in a Ray worker: its result as bytes, or the error that it came to."""
    host.prepare()  # Ray's workers are ours
    # Ray lends its memory for reading alone; nothing here writes to it.
    warnings.filterwarnings("ignore", "The given NumPy array is not writable")
    if meta not in _opened:
        _opened.clear()
        _opened[meta] = SharedData.from_arrays(arrays, json.loads(meta))
    path = Path(checkpoint) if checkpoint else None
    return run_to_bytes(Job.from_dict(json.loads(job)), _opened[meta], Callbacks(), path)


# Ray gives a worker process task after task: what one has opened serves the next of the same cross-validation.
_opened: dict[str, SharedData] = {}


class _RayOutput(io.TextIOBase):
    """Takes what Ray prints, and logs the first two sentences of each line."""

    def write(self, text: str) -> int:
        for line in text.splitlines():
            plain = re.sub(r"\x1b\[\d*m|\(raylet\)", "", line).strip()
            if plain:
                _log.warning("Ray: %s", ". ".join(plain.split(". ")[:2]).rstrip("."))
        return len(text)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keeps the signal handlers that are set: Ray's would end the process before work is put away."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)
