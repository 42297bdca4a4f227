"""What a run loads before its first optimizer step: seconds that everyone waits at every start.

An import at the head of the wrong file costs them without a word. What is loaded is counted, as a clock would tell of
the machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Of judging and pictures. (numba looks at SciPy's version, which loads nothing of it.)
LATER = {
    "arch",
    "matplotlib",
    "plotly",
    "scipy.fft",
    "scipy.special",
    "scipy.stats",
    "sklearn",
    "statsmodels",
    "xgboost",
}

CHILD = """
import json, os, sys, threading

class Loaders:
    mlflow = []

    def find_spec(self, name, path=None, target=None):
        if name == "mlflow":
            self.mlflow.append(threading.current_thread() is threading.main_thread())

sys.meta_path.insert(0, Loaders())
import gatewise.registry.train
imported = sorted(sys.modules)
from gatewise.cli.progress import EpochProgress

def first_step(self, epoch, step, num_steps):
    print(json.dumps({"imported": imported, "loaded": sorted(sys.modules), "mlflow": Loaders.mlflow}), flush=True)
    os._exit(0)

EpochProgress.on_step = first_step
from gatewise.cli.main import run
run()
"""


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Modules after the import and at the first step; of MLflow's imports, whether the main thread did it."""
    folder = tmp_path_factory.mktemp("start")
    words = "train --source sp500 --model lstm --hidden-size 4 --num-layers 1 --seq-len 5 --batch-size 64 --device cpu"
    environment = os.environ | {"GATEWISE_HOME": str(folder / "home")}
    command = [sys.executable, "-c", CHILD, *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(folder), env=environment)
    return json.loads(done.stdout)


def test_the_import_of_training_loads_nothing_of_judging_pictures_and_records(start: dict[str, list[str]]) -> None:
    assert "torch" in start["imported"]
    assert sorted({*LATER, "mlflow", "pandas"} & set(start["imported"])) == []


def test_the_way_to_the_first_step_loads_nothing_of_judging_and_pictures(start: dict[str, list[str]]) -> None:
    assert sorted(LATER & set(start["loaded"])) == []


def test_mlflow_is_loaded_beside_the_thread_that_prepares_rows(start: dict[str, list[str]]) -> None:
    assert start["mlflow"] == [False]


def test_who_plans_many_trainings_and_leaves_them_to_others_loads_no_torch() -> None:
    code = "import sys, gatewise.group.train, gatewise.registry.cv, gatewise.registry.tune; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "mlflow"} & set(done.stdout.split())
