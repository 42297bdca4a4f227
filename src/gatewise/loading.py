"""Packages below us load late, and what they set for the whole process while they load is put back.

scikit-learn says two settings of OpenMP's in the environment, polars one of its memory's; NumPy, SciPy, torch, plotly
and requests add warning filters; rich draws a random number; joblib settles how multiprocessing starts processes. A
program that imports gatewise has asked for none of it.

Another thread of the program may set something of its own meanwhile, and nothing tells who has set what. So only that
is put back which a package that was loaded in the block must have set: a variable under its name, a filter that speaks
of it. A random number is drawn within milliseconds, as rich is loaded alone.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib import import_module
from typing import Any

# How variables begin that do not name their package: OpenMP of LLVM and Intel, polars' memory.
_NAMELESS_VARIABLES = {"KMP", "RJEM"}
# A filter of SciPy's that does not name it.
_NAMELESS_FILTERS = {"the matrix subclass is not the recommended way"}

_Look = Callable[[], Callable[[], None]]


def _overlapping(look: _Look) -> Callable[[], AbstractContextManager[None]]:
    """Blocks that may be nested and overlap in threads: what the first one found is put back when the last one ends.

    No lock is held meanwhile, since Python holds one for each module that it loads, and two threads could wait for each
    other.

    Args:
        look: notes what is there and returns what puts it back.
    """
    lock = threading.Lock()
    running = 0
    put_back: Callable[[], None]

    @contextmanager
    def block() -> Iterator[None]:
        nonlocal running, put_back
        with lock:
            if not running:
                put_back = look()
            running += 1
        try:
            yield
        finally:
            with lock:
                running -= 1
                if not running:
                    put_back()

    return block


def _look_at_start_method() -> Callable[[], None]:
    import multiprocessing

    before = multiprocessing.get_start_method(allow_none=True)

    def put_back() -> None:
        default = multiprocessing.get_all_start_methods()[0]
        if before is None and multiprocessing.get_start_method(allow_none=True) == default:
            multiprocessing.set_start_method(None, force=True)

    return put_back


def _look_at_settings() -> Callable[[], None]:
    modules, variables, filters = set(sys.modules), dict(os.environ), list(warnings.filters)

    def put_back() -> None:
        if loaded := _packages_of(set(sys.modules) - modules):
            _put_back_variables(variables, {name.upper() for name in loaded} | _NAMELESS_VARIABLES)
            _put_back_filters(filters, loaded)

    return put_back


start_method_left_open = _overlapping(_look_at_start_method)
start_method_left_open.__doc__ = """A block that leaves a program the choice of how multiprocessing starts processes.

The first in a process that asks for "the" way settles it: joblib does, each time that something is to run in parallel.
"""
_settings_left = _overlapping(_look_at_settings)


@contextmanager
def traceless() -> Iterator[None]:
    """A block that leaves no trace of the packages that are loaded in it; may be nested and overlap in threads."""
    with start_method_left_open(), _settings_left():
        yield


def _packages_of(modules: set[str]) -> set[str]:
    """Names of the packages that modules are of, without Python's own: some load a part at a time, as SciPy does."""
    return {name.partition(".")[0] for name in modules} - sys.stdlib_module_names


def _put_back_variables(before: dict[str, str], owners: set[str]) -> None:
    for name in {*os.environ, *before}:
        if name.lstrip("_").partition("_")[0] not in owners:
            continue
        if name in before:
            os.environ[name] = before[name]
        else:
            os.environ.pop(name, None)


def _put_back_filters(before: list[Any], loaded: set[str]) -> None:
    # One that is added again moves to the front, and the order counts.
    now = list(warnings.filters)
    added = [entry for entry in now if entry not in before and not _speaks_of(entry, loaded)]
    wanted = added + [entry for entry in before if entry in now]
    if now != wanted:
        warnings.filters[:] = wanted  # type: ignore[index]  # typed as read-only


def _speaks_of(entry: tuple[Any, ...], packages: set[str]) -> bool:
    _, message, category, module, _ = entry
    given = [getattr(pattern, "pattern", pattern) for pattern in (message, module) if pattern]
    named = {first[0] for text in given if (first := re.search(r"\w+", text))} | {category.__module__.partition(".")[0]}
    return not named.isdisjoint(packages) or not _NAMELESS_FILTERS.isdisjoint(given)


@cache
def load_scipy() -> None:
    """SciPy's larger parts without a trace; whoever imports them afterwards finds them loaded."""
    with traceless():
        import scipy.fft
        import scipy.optimize
        import scipy.stats  # noqa: F401  # loaded for whoever imports it afterwards


@cache
def load_sklearn() -> None:
    """scikit-learn without a trace; whoever imports it afterwards finds it loaded."""
    import random

    state = random.getstate()
    import rich.default_styles  # noqa: F401  # loaded, and alone: what others draw meanwhile is drawn again

    random.setstate(state)
    with traceless():
        import sklearn.ensemble
        import sklearn.preprocessing  # noqa: F401  # loaded for whoever imports it afterwards
        from threadpoolctl import threadpool_info

        threadpool_info()  # each OpenMP, when asked, has read scikit-learn's settings, which are gone afterwards


@cache
def load_xgboost() -> None:
    """XGBoost without a trace; it brings scikit-learn where that is installed, so that goes first."""
    load_sklearn()
    with traceless():
        import xgboost  # noqa: F401  # loaded for whoever imports it afterwards


def lazily(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package whose names are looked up on first use, without a trace.

    Args:
        modules: the module of each name.
    """
    names = sorted(modules)

    def look_up(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}; it has {', '.join(names)}")
        with traceless():
            return getattr(import_module(modules[name]), name)

    return look_up, lambda: names
