"""What several test files share: real data where the machine has it, and a home of one's own."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from postgres_server import Postgres

# What the shell around has set for itself: settings of gatewise, MLflow and libpq, a proxy, colours, a narrow terminal.
_FOREIGN = ("GATEWISE_", "MLFLOW_", "PG", "COLUMNS", "LINES", "FORCE_COLOR", "CLICOLOR", "NO_COLOR", "TTY_")
for _name in tuple(os.environ):
    if (_name.startswith(_FOREIGN) and _name != "GATEWISE_DATA") or _name.lower().endswith("_proxy"):
        del os.environ[_name]

# Before torch loads: tests run beside each other, and OpenMP's threads would spin against them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test cuts the power, so its folder lies in memory where there is enough: waiting for disks is a quarter of a run.
_MEMORY, _ENOUGH_BYTES = Path("/dev/shm"), 4 << 30
if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ENOUGH_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))

# A shell in the background hands SIGINT on as ignored, and the commands that tests interrupt would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Neither a slow machine nor chance may decide; `pytest --hypothesis-profile=search` looks for what no run found yet.
_UNTIMED: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("gate", derandomize=True, **_UNTIMED)
settings.register_profile("search", **_UNTIMED)
settings.load_profile("gate")

SHARED = Path(os.environ.get("GATEWISE_DATA", Path(__file__).parents[2] / "shared" / "data"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what computes with torch, so that no file can be left out of `make test-variants` by oversight."""
    for item in items:
        if hasattr(getattr(item, "module", None), "torch"):
            item.add_marker(pytest.mark.trains)


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data files; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs real data: {SHARED} is absent (set GATEWISE_DATA)")
    return SHARED


@pytest.fixture(scope="session")
def _empty_tracking_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from gatewise.registry.tracking import connect

    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWISE_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        connect()
    return home / "mlflow.db"


@pytest.fixture
def gatewise_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _empty_tracking_database: Path) -> Path:
    """A fresh GATEWISE_HOME whose tracking database is there already; making one takes MLflow most of a second."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(_empty_tracking_database, home / "mlflow.db")
    monkeypatch.setenv("GATEWISE_HOME", str(home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return home


@pytest.fixture
def own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that one stands in: parts of one's own are found there, and forgotten after the test."""
    from gatewise import parts

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(parts, "_LOADED", {})
    importlib.invalidate_caches()
    yield tmp_path
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", None)).startswith(f"{tmp_path}{os.sep}"):
            del sys.modules[name]


@pytest.fixture
def mypkg(own_modules: Path) -> Path:
    """An empty package of one's own."""
    folder = own_modules / "mypkg"
    folder.mkdir()
    (folder / "__init__.py").touch()
    return folder


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout; anything else there fails the test."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


Cli = Callable[..., Said]


@pytest.fixture
def cli(gatewise_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs `gatewise ARGS` in this process, in a home of its own."""

    def run_command(*words: object) -> Said:
        from gatewise.cli.main import run

        monkeypatch.setattr(sys, "argv", ["gatewise", *map(str, words)])
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as ended:
                run()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        captured = capsys.readouterr()
        return Said(int(ended.value.code or 0), captured.out, captured.err)

    return run_command


# A whole experiment that takes about a second: daily bars that come along, a model of a few hundred weights.
TINY = (
    *("--source", "sp500", "--horizon", "3", "--seq-len", "8", "--hidden-size", "4", "--num-layers", "1"),
    *("--batch-size", "256", "--max-epochs", "3", "--set", "features.sets=[ohlcv]"),
    *("--set", "training.windows_per_epoch=512", "--set", "evaluation.bootstrap_samples=50"),
)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL with passwords; each test makes a database of its own in it."""
    from postgres_server import running_postgres

    with running_postgres() as server:
        yield server
