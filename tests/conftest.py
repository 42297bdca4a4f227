"""What several test files share: real data where the machine has it, and a home of one's own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("GATEWISE_DATA", Path(__file__).parents[2] / "shared" / "data"))


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
