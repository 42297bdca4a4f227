"""The wheel as a stranger gets it: `python .ci/check_wheel.py dist/gatewise-0.1.0-py3-none-any.whl`.

It holds the package and nothing else; installed into an empty environment it trains and predicts from an empty folder,
where no extra is; with all extras the commands that need them work. Nothing is borrowed from the environment around.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# A module of each extra, by which it is told whether it is there.
EXTRAS = {
    "exchange": "ccxt",
    "postgres": "psycopg",
    "ray": "ray",
    "stocks": "yfinance",
    "tensorboard": "tensorboard",
    "tune": "optuna",
}
SMALL = (
    *("--source", "sp500", "--horizon", "3", "--seq-len", "8", "--hidden-size", "4", "--num-layers", "1"),
    *("--batch-size", "256", "--max-epochs", "1", "--set", "features.sets=[ohlcv]", "--json", "--quiet"),
    *("--set", "training.warmup_epochs=0", "--set", "evaluation.bootstrap_samples=50"),
)
NAMES = "import gatewise; [getattr(gatewise, name) for name in gatewise.__all__]; print(gatewise.__file__)"
THERE = f"from importlib.util import find_spec as f; print(*[e for e, m in {EXTRAS}.items() if f(m)])"


def main() -> None:
    wheel = Path(sys.argv[1]).resolve()
    check_content(wheel)
    with tempfile.TemporaryDirectory() as folder:
        home, empty = Path(folder) / "venv", Path(folder) / "empty"
        empty.mkdir()
        run(empty, sys.executable, "-m", "venv", str(home))
        tools = home / ("Scripts" if os.name == "nt" else "bin")

        install(tools, empty, str(wheel))
        assert run(empty, tools / "python", "-c", THERE).strip() == "", "an extra came along"
        assert run(empty, tools / "python", "-c", NAMES).strip().startswith(str(home)), "another gatewise was imported"
        assert run(empty, tools / "gatewise", "--version").startswith("gatewise ")
        trained = json.loads(run(empty, tools / "gatewise", "train", *SMALL))
        run(empty, tools / "gatewise", "predict", "--model", trained["run_id"][:8], "--source", "sp500", "-o", "p.csv")
        assert (empty / "p.csv").stat().st_size > 100_000
        refused = json.loads(run(empty, tools / "gatewise", "tune", *SMALL, fails=True))["error"]
        assert refused["hint"] == "pip install 'gatewise[tune]'", refused

        install(tools, empty, f"{wheel}[all]")
        assert run(empty, tools / "python", "-c", THERE).split() == [*EXTRAS]
        search = ("--n-trials", "1", "--n-splits", "2", "--workers", "1")
        assert json.loads(run(empty, tools / "gatewise", "tune", *SMALL, *search))["best"]
        said = run(empty, tools / "gatewise", "train", *SMALL, "--set", "training.tensorboard=true")
        assert list((empty / "gatewise-runs").rglob("events.out.*")), said
    print(f"{wheel.name} is whole, and works without extras and with all")


def check_content(wheel: Path) -> None:
    """Every file of the package that is kept under version control, and no other."""
    kept = run(ROOT, "git", "ls-files", "src/gatewise").split()
    wanted = {name.removeprefix("src/") for name in kept}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == wanted, f"missing: {sorted(wanted - held)}; too many: {sorted(held - wanted)}"


def install(tools: Path, folder: Path, what: str) -> None:
    """With pip, as configured, under the tested set."""
    started = time.perf_counter()
    run(
        folder, tools / "python", "-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt"), what
    )
    print(f"installed {Path(what).name} in {time.perf_counter() - started:.0f} s", flush=True)


def run(folder: Path, *words: object, fails: bool = False) -> str:
    """What a command prints, in a folder and without this project on any path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GATEWISE_"))}
    done = subprocess.run([*map(str, words)], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    assert bool(done.returncode) == fails, f"exit code {done.returncode}: {' '.join(map(str, words))}\n{done.stdout}"
    return done.stdout


if __name__ == "__main__":
    main()
