"""How the assets beside this file were made, by gatewise 0.1 (commit 7ce78d9): `PYTHONPATH=src python make.py` there.

Writes home.zip (rows, and what 0.1 left in its home: runs, a cross-validation, a search, MLflow's database) and
expected.json (what 0.1 predicted, and what the half-done ones came to when 0.1 went on with them). It is kept as
documentation: today's code can't make them again.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import zipfile
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SMALL = (
    *("--data", "rows.csv", "--stamp", "close", "--seq-len", "5", "--hidden-size", "3", "--num-layers", "1"),
    *("--dropout", "0.1", "--batch-size", "32", "--max-epochs", "4", "--learning-rate", "0.01"),
    *("--set", "features.sets=[ohlcv]", "--set", "training.device=cpu", "--set", "evaluation.bootstrap_samples=50"),
)
SGD = ("training.optimizer=sgd", "training.momentum=0.8", "training.weight_decay=0.001", "training.scheduler=step",
       "training.step_size=2", "training.gamma=0.5")  # fmt: skip
# A setting of another schedule than the one chosen, which 0.1 took and kept.
PLATEAU = ("training.scheduler=plateau", "training.plateau_patience=0", "training.warmup_epochs=2")
RUNS = {
    "classes": ("--target", "direction", "--set", "training.warmup_epochs=1"),
    "values": ("--target", "forward_return", "--model", "gru", *(w for s in SGD for w in ("--set", s)),
               "--set", "training.loss=huber"),
    "plateau": ("--target", "forward_return", *(w for s in PLATEAU for w in ("--set", s))),
}  # fmt: skip
CV = (*SMALL, "--models", "lstm,gru", "--horizons", "2", "--n-splits", "2", "--target", "direction", "--workers", "1")
TUNE = (
    *(*SMALL, "--horizon", "2", "--target", "direction", "--space", "space.yaml"),
    *("--n-trials", "4", "--n-splits", "2", "--workers", "0"),
)


class Impatient:
    """Presses Ctrl-C after the second epoch."""

    def on_epoch(self, epoch: int, values: Any) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    def on_step(self, *_: Any) -> None: ...
    def on_message(self, *_: Any) -> None: ...


def command(*words: str) -> Any:
    """Runs `gatewise WORDS --json` in this process; its answer, `None` where it was interrupted."""
    from gatewise.cli.main import run

    sys.argv = ["gatewise", *words, "--json", "--quiet"]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), suppress(SystemExit, KeyboardInterrupt):
        run()
    answer = json.loads(out.getvalue()) if out.getvalue() else {"error": err.getvalue()}
    if "error" in answer and answer["error"].get("type") != "Interrupted":
        raise RuntimeError(str(answer))
    return answer


def write_rows() -> None:
    """Three symbols of 120 hours, with a trend that can be learned."""
    import numpy as np

    lines = ["time,symbol,open,high,low,close,volume"]
    for number, symbol in enumerate("ABC"):
        random = np.random.default_rng(number)
        step = random.standard_normal(120) * 0.01
        for i in range(1, 120):
            step[i] += 0.4 * step[i - 1]
        close = 100 * np.exp(np.cumsum(step))
        opened = np.concatenate([[100.0], close[:-1]])
        for i in range(120):
            high, low = max(opened[i], close[i]) * 1.001, min(opened[i], close[i]) * 0.999
            stamp = f"2020-01-{1 + i // 24:02}T{i % 24:02}:00:00Z"
            values = (opened[i], high, low, close[i], 100 + 10 * random.random())
            lines.append(",".join([stamp, symbol, *(f"{value:.4f}" for value in values)]))
    Path("rows.csv").write_text("\n".join(lines) + "\n")
    Path("space.yaml").write_text(
        "hidden_size: [2, 3]\nweight_decay: [0.0, 0.01]\nlearning_rate: {low: 1e-3, high: 1e-2}\n"
    )


def interrupt_after(calls: int, owner: Any, name: str) -> Any:
    """Ctrl-C in the place of a call of `owner.name` after so many; gives back what puts it right."""
    kept, count = getattr(owner, name), [0]

    def interrupting(*arguments: Any, **more: Any) -> Any:
        count[0] += 1
        if count[0] > calls:
            raise KeyboardInterrupt
        return kept(*arguments, **more)

    setattr(owner, name, interrupting)
    return lambda: setattr(owner, name, kept)


def results(folder: Path) -> dict[str, Any]:
    """Of a run: losses by epoch, and the predictions."""
    import polars as pl

    history, said = (pl.read_parquet(folder / f"{name}.parquet") for name in ("history", "predictions"))
    return {
        "val_loss": history.filter(pl.col("name") == "val_loss")["value"].to_list(),
        "predictions": {name: said[name].to_list() for name in said.columns if said[name].dtype.is_float()},
    }


def make(home: Path) -> dict[str, Any]:
    import gatewise
    from gatewise.errors import Interrupted
    from gatewise.selection import cv, trial_runner

    expected: dict[str, Any] = {"runs": {}, "half-done runs": {}}
    runs = home / "runs"
    for name, words in RUNS.items():
        before = set(runs.iterdir()) if runs.exists() else set()
        answer = command("train", *SMALL, "--horizon", "2", *words)
        folder = Path(answer["report"]).parent
        command("predict", "--model", str(folder), "--data", "rows.csv", "--stamp", "close", "-o", "out.parquet")
        import polars as pl

        out = pl.read_parquet("out.parquet")
        floats = {name: out[name].to_list() for name in out.columns if out[name].dtype.is_float()}
        expected["runs"][name] = {"id": folder.name, "predictions": floats}
        before = set(runs.iterdir())
        with suppress(Interrupted, KeyboardInterrupt):
            gatewise.train(gatewise.load_config(folder / "config.yaml"), listeners=[Impatient()])
        (cut_off,) = set(runs.iterdir()) - before
        for path in cut_off.iterdir():  # as a kill leaves it
            if path.name not in ("config.yaml", "checkpoint.safetensors", "history.parquet"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        expected["half-done runs"][name] = {"id": cut_off.name, **results(folder)}
    put_right = interrupt_after(2, cv.JobStore, "write")
    command("cv", *CV)
    put_right()
    put_right = interrupt_after(3, trial_runner, "run_job") if hasattr(trial_runner, "run_job") else None
    print("interrupting trials:", bool(put_right))
    command("tune", *TUNE)
    if put_right:
        put_right()
    return expected


def main() -> None:
    folder = Path(tempfile.gettempdir()) / "gatewise-0.1"  # the databases hold it
    shutil.rmtree(folder, ignore_errors=True)
    home = folder / "home"
    home.mkdir(parents=True)
    os.environ["GATEWISE_HOME"] = str(home)
    os.chdir(folder)
    write_rows()
    expected = {"home": str(home), **make(home)}
    (half_cv,), (half_study,) = ((home / name).iterdir() for name in ("cv", "tune"))
    expected |= {"cv": half_cv.name, "study": half_study.name}
    with sqlite3.connect(home / "mlflow.db") as database:
        database.execute("VACUUM")
    left_out = ("report.html", "metrics.json", "predictions.csv", "predictions.parquet", "lock")
    with zipfile.ZipFile(HERE / "home.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.write("rows.csv", "rows.csv")
        for path in sorted(home.rglob("*")):
            if path.is_file() and path.name not in left_out and path.relative_to(home).parts[0] != "artifacts":
                archive.write(path, f"home/{path.relative_to(home).as_posix()}")
    # What 0.1 itself makes of the half-done ones.
    expected["cv summary"] = command("cv", "--resume", half_cv.name)["summary"]
    expected["trials"] = [
        {name: trial[name] for name in ("number", "state", "value", "params")}
        for trial in command("tune", "--resume", half_study.name)["trials"]
    ]
    (HERE / "expected.json").write_text(json.dumps(rounded(expected), separators=(",", ":")) + "\n")


def rounded(value: Any) -> Any:
    """Floats with six digits: other processors round otherwise anyway."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()
