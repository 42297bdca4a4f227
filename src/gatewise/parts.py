"""One's own parts without a fork: models, targets, losses, … by import path (`mypkg.nets:Conv`) or by entry point.

A name that a table of gatewise's own holds means that. A name with a colon is an import path; the folder that one
stands in is looked in too, after all others. Any other name may be an entry point of its kind's group (`GROUPS`): how
a package that is installed brings parts.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from traceback import walk_tb
from types import FrameType
from typing import Any, TypeVar, cast

from gatewise.errors import BundleError, ConfigError, GatewiseError, UnknownNameError, one_line

Entry = TypeVar("Entry")

GROUPS = {
    "model": "gatewise.models",
    "feature set": "gatewise.features",
    "loss": "gatewise.losses",
    "target": "gatewise.targets",
    "splitter": "gatewise.splitters",
}
# What people write; the classes that parts are held against are partly bases of these, without torch.
_SPECS = {
    "model": "NeuralSpec, TabularSpec or EnsembleSpec",
    "loss": "LossSpec",
    "target": "TargetSpec",
    "splitter": "SplitterSpec",
}
_LOADED: dict[str, dict[str, object]] = {}
_PATH = "an import path reads package.module:Name"


def find_part(kind: str, name: str, table: Mapping[str, Entry], wanted: type | None = None) -> Entry:
    """What the table holds under a name, or one's own part of that name.

    Args:
        kind: of `GROUPS`, for the words too.
        wanted: the class that a part is of; `None`: anything that can be called.

    Raises:
        UnknownNameError: no entry, and no entry point, of that name.
        ConfigError: the part's module is not there or raises, has no such attribute, or one that is no such part; or
            its name is taken.
    """
    points = _points(GROUPS[kind])
    if taken := sorted(points.keys() & table.keys()):
        point = points[taken[0]][0]
        raise ConfigError(
            f"{kind} {taken[0]} is gatewise's own; the entry point {point.value} of {point.group} has its name too",
            "rename the entry point, or uninstall its package",
        )
    if name in table:
        return table[name]
    path = path_of(kind, name)
    if path is None:
        raise UnknownNameError(kind, name, [*table, *points])
    part = _load(kind, path)
    if not (callable(part) if wanted is None else isinstance(part, wanted)):
        needed = "be a function" if wanted is None else f"be a {_SPECS[kind]}"
        got = f"the class {part.__name__}" if isinstance(part, type) else type(part).__name__
        raise ConfigError(f"{kind} {path} must {needed}; got {got}", f"docs/architecture.md says how to add a {kind}")
    _LOADED.setdefault(kind, {})[name] = part
    return cast(Entry, part)


def path_of(kind: str, name: str) -> str | None:
    """The import path of one's own part; `None` where the name is none's."""
    if ":" in name:
        return name
    named = _points(GROUPS[kind]).get(name, [])
    if len({point.value for point in named}) > 1:
        raise ConfigError(
            f"{kind} {name} is an entry point of several: {', '.join(sorted(point.value for point in named))}",
            f"name it by its import path: {named[0].value}",
        )
    return named[0].value if named else None


def own_names(kind: str) -> tuple[str, ...]:
    """Names of the entry points of a kind."""
    return tuple(sorted(_points(GROUPS[kind])))


def sources(kind: str, names: Iterable[str]) -> dict[str, str]:
    """{import path: SHA-256 of its module's file} of those names that are one's own parts'.

    Raises:
        ConfigError: a module is not there.
    """
    return {path: source_of(path) for name in names if (path := path_of(kind, name)) is not None}


def source_of(path: str) -> str:
    """SHA-256 of the file of an import path's module.

    Raises:
        ConfigError: it is not there.
    """
    return hashlib.sha256(_file_of("part", path).read_bytes()).hexdigest()


def require_same_code(kept: Mapping[str, str]) -> None:
    """Parts that are not gatewise's must be there, and be the code that trained.

    Args:
        kept: SHA-256 by import path, as `sources` gave them then.

    Raises:
        BundleError: one is not there, or is other code; it is named.
    """
    for path, digest in kept.items():
        remedy = f"install the version of {path.partition(':')[0]} that trained the model, or train anew"
        try:
            digest_here = source_of(path)
        except ConfigError as error:
            raise BundleError(error.message, remedy) from error
        if digest_here != digest:
            raise BundleError(f"{path} is other code than trained the model: its file's SHA-256 differs", remedy)


@contextmanager
def whose_code(part: str, doing: str) -> Iterator[None]:
    """Tells in one line what a part of one's own raises.

    Args:
        part: `target mypkg.targets:Mine`.
        doing: what it was asked for: `label these rows`.

    Raises:
        ConfigError: it raised something that is none of gatewise's errors.
    """
    try:
        yield
    except GatewiseError:
        raise
    except Exception as error:  # it is its author's code
        raise ConfigError(f"{part} can't {doing}: {told(error)}", "mend its code") from error


@contextmanager
def own_code() -> Iterator[None]:
    """Tells in one line what parts of one's own raise anywhere within; what did not come through them is raised.

    Raises:
        ConfigError: one of them raised something that is none of gatewise's errors.
    """
    try:
        yield
    except GatewiseError:
        raise
    except Exception as error:  # its author's, if it came through their code
        if not _own_frames(error):
            raise
        raise ConfigError(f"code of one's own raised {told(error)}", "mend its code") from error


def model_code(name: str, doing: str) -> AbstractContextManager[None]:
    """`whose_code` of a model of one's own; of gatewise's own, what is raised is raised."""
    return nullcontext() if path_of("model", name) is None else whose_code(f"model {name}", doing)


def told(error: Exception) -> str:
    """An exception in one line, with the last place in parts of one's own that it came through."""
    words = f"{type(error).__name__}: {' '.join(one_line(str(error)).split())[:300]}"
    if not (frames := _own_frames(error)):
        return words
    frame, line = frames[-1]
    file = Path(frame.f_code.co_filename)
    here = Path.cwd()
    return f"{words} ({file.relative_to(here) if file.is_relative_to(here) else file}:{line})"


def _own_frames(error: Exception) -> list[tuple[FrameType, int]]:
    """Where an exception came through parts of one's own, with the lines, the last one last."""
    packages = {path.partition(":")[0].split(".")[0]
                for kind, found in _LOADED.items() for name in found if (path := path_of(kind, name))}  # fmt: skip
    return [(frame, line) for frame, line in walk_tb(error.__traceback__)
            if str(frame.f_globals.get("__name__")).split(".")[0] in packages]  # fmt: skip


class Configs(Mapping[str, Any]):
    """{name: class of its section} of a table's parts and of one's own; of these it lists those found so far.

    Args:
        kind, wanted: see `find_part`; a part of one's own has its class as `config`.
        ours: of gatewise's own.
        base: of the classes.
        derive_from: what one's own derives its class from, where that is not the base.
    """

    def __init__(
        self, kind: str, ours: Mapping[str, Any], wanted: type[Any], base: type[Any], derive_from: str = ""
    ) -> None:
        self._kind, self._ours, self._wanted = kind, ours, wanted
        self._base, self._derive_from = base, derive_from or base.__name__

    def __getitem__(self, name: str) -> Any:
        part = find_part(self._kind, name, self._ours, self._wanted)
        if not isinstance(part, self._wanted):
            return part
        if not (isinstance(part.config, type) and issubclass(part.config, self._base)):
            got = getattr(part.config, "__name__", type(part.config).__name__)
            raise ConfigError(
                f"the config of {self._kind} {name} must be a {self._base.__name__}; got {got}",
                f"derive it from {self._derive_from}",
            )
        with whose_code(f"{self._kind} {name}", "make its config"):
            cast(Any, part.config).model_rebuild()  # finds an annotation that names nothing
        return part.config

    def __contains__(self, name: object) -> bool:
        return name in self._ours or (isinstance(name, str) and path_of(self._kind, name) is not None)

    def __iter__(self) -> Iterator[str]:
        return iter((*self._ours, *_LOADED.get(self._kind, {})))

    def __len__(self) -> int:
        return len(list(iter(self)))


def _points(group: str) -> dict[str, list[EntryPoint]]:
    """By name."""
    return _every_point()[group]


@cache
def _every_point() -> dict[str, dict[str, list[EntryPoint]]]:
    """By group and name; asked once a process, as every installed package is."""
    every, points = entry_points(), dict[str, dict[str, list[EntryPoint]]]()
    for group in GROUPS.values():
        by_name = points.setdefault(group, {})
        for point in every.select(group=group):
            by_name.setdefault(point.name, []).append(point)
    return points


def _load(kind: str, path: str) -> object:
    module, _, attribute = path.partition(":")
    _file_of(kind, path)
    try:
        loaded = importlib.import_module(module)
    except Exception as error:  # it is its author's code; whatever it raises is told in one line
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ConfigError(
            f"{kind} {path} can't be imported: {text}", f"python -c 'import {module}' shows where"
        ) from error
    if not hasattr(loaded, attribute):
        raise UnknownNameError(f"name in {module}", attribute, [name for name in vars(loaded) if name[0] != "_"])
    return getattr(loaded, attribute)


def _file_of(kind: str, path: str) -> Path:
    """Of the module; the folder that one stands in is added to where Python looks, behind all others."""
    module, _, attribute = path.partition(":")
    if not all(word.isidentifier() for word in (*module.split("."), attribute)):
        raise ConfigError(f"{kind} {path!r} is no import path", _PATH)
    if (here := os.getcwd()) not in sys.path:
        sys.path.append(here)
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        spec = None
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise ConfigError(
            f"{kind} {path}: there is no module {module}",
            "install its package, or stand in the folder that holds it: python finds it then",
        )
    return Path(spec.origin)
