"""What numbers depend on in the thread that calls us, as gatewise needs it, and put back afterwards.

A program around gatewise may have switched gradients off, opened an autocast region, let small numbers be flushed to
zero, told NumPy to raise, or given torch a number of threads. None of it may change what gatewise computes, and what
gatewise needs may change none of it. All of this belongs to the thread, so it is set for the thread alone:

- `plain_numbers` for every public call; nested ones cost some microseconds.
- `one_core` where torch's operations must not split. torch.set_num_threads would also change what threads that start
  later see, so OpenMP and MKL are asked for this thread, through the libraries that torch itself has loaded.

What belongs to the process is left alone: dtypes and devices are said at every tensor, numbers drawn from generators of
our own.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np

# By device type, as torch names them; each has an autocast region of its own.
_AUTOCAST = ("cpu", "cuda")


@contextmanager
def plain_numbers() -> Iterator[None]:
    """A block, or as a decorator a call, in which NumPy and torch compute on this thread as they do unless told.

    Gradients can be asked for, nothing is cast or flushed to zero, NumPy warns and does not raise. Torch is not
    imported for it: where nobody has, nobody can have told it anything.
    """
    with ExitStack() as stack:
        stack.enter_context(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))
        if "torch" in sys.modules:
            stack.enter_context(_plain_torch())
        yield


@contextmanager
def _plain_torch() -> Iterator[None]:
    import torch

    cast = [kind for kind in _AUTOCAST if torch.is_autocast_enabled(kind)]
    flushed = _flushes_denormals()
    with torch.inference_mode(False), torch.enable_grad():
        for kind in cast:
            torch.set_autocast_enabled(kind, False)
        if flushed:
            torch.set_flush_denormal(False)
        try:
            yield
        finally:
            for kind in cast:
                torch.set_autocast_enabled(kind, True)
            if flushed:
                torch.set_flush_denormal(True)


def _flushes_denormals() -> bool:
    """Torch offers no way to ask."""
    return bool(np.float64(2.0**-1030) * np.float64(2.0) == 0.0)


@contextmanager
def one_core() -> Iterator[None]:
    """A block in which torch's operations on this thread take one core; other threads keep what they have."""
    restore = limit_to_one_core()
    try:
        yield
    finally:
        restore()


def limit_to_one_core() -> Callable[[], None]:
    """From here on torch's operations on this thread take one core; returns what puts it back, on this thread."""
    import torch

    before = torch.get_num_threads()  # also lets torch begin on this thread, where it would set the number itself
    runtime = _runtime()
    if runtime is not None:
        mkl_before = runtime.set_mkl(1)
        runtime.set_openmp(1)
        if torch.get_num_threads() == 1:

            def restore() -> None:
                runtime.set_openmp(before)
                runtime.set_mkl(mkl_before)

            return restore
    _set_here_alone(1, before)
    return lambda: torch.set_num_threads(before)


def _set_here_alone(count: int, others: int) -> None:
    """Torch's own setting, for an OpenMP that can't be asked: what later threads begin with is set back at once."""
    import torch

    torch.set_num_threads(count)
    helper = threading.Thread(target=torch.set_num_threads, args=(others,))
    helper.start()
    helper.join()


class _Runtime:
    """The calls of OpenMP, and of MKL where torch has it, that concern the calling thread."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.set_openmp: Callable[[int], object] = library.omp_set_num_threads
        # The capital letters are C's; all small ones are Fortran's, which take an address.
        set_mkl = getattr(library, "MKL_Set_Num_Threads_Local", None)
        self.set_mkl: Callable[[int], int] = set_mkl if set_mkl is not None else _without_mkl


def _without_mkl(count: int) -> int:
    return 0  # what MKL answers where a thread has no number of its own


@lru_cache(maxsize=1)
def _runtime() -> _Runtime | None:
    """A name is looked for in torch's library and in those it was linked with, so it is the OpenMP that torch uses."""
    import torch

    folder = Path(torch.__file__).parent / "lib"
    for name in ("libtorch_cpu.so", "libtorch_cpu.dylib", "libiomp5md.dll"):
        try:
            return _Runtime(ctypes.CDLL(str(folder / name)))
        except (OSError, AttributeError):
            continue
    return None
