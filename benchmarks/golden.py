"""Numbers that a change of structure must not move: `python benchmarks/golden.py record FILE`, `… compare FILE`.

Small configs are trained by the commands and calls that users have, and what comes out is kept as hashes: of weights,
losses, predictions, metrics, baselines. Record at one commit, compare at another, both on one machine with as many
threads: other processors round otherwise. `--src PATH` runs another checkout's source. What a commit changes on purpose
is named in MEANT, with the reason, and told apart from what moved by accident; the exit code is 1 for the latter.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

Hashes = dict[str, str]

# {(case, value): why it is another number than before}; "*" stands for every case.
_BASELINES = "XGBoost in place of scikit-learn's trees; linear ones scale by our scaler and multiply rows in one shape"
_FLEET = "members of a fleet are moved by the kernels that move a model alone, to its bits"
_CONFORMAL = "quantiles are moved by what validation rows say; the weights are those of before"
_SPREAD = "what knows how much a series moved of late is a baseline"
_MONITOR = "huber is trained on, and squared error is what epochs are compared by: another epoch is kept"
_BROKER = "strategy, the part by returns, is of the broker's account: the next open, the horizon, net orders"
_CLASSES = "probabilities are calibrated where validation rows show that to be better; the weights are those of before"
MEANT: dict[tuple[str, str], str] = (
    {
        ("*", f"{name} {part}"): _BASELINES
        for name in ("boosting", "xgboost", "logistic", "ridge")
        for part in ("val", "test")
    }
    | {
        ("symbol embedding, a scale each", f"prior {part}"): "baselines learn in the target scaler's units in float64"
        for part in ("val", "test")
    }
    | {
        (case, f"{symbol} {name} {part}"): _BASELINES
        for case in ("per symbol, in turn", "per symbol, a fleet")
        for symbol in "ABC"
        for name in ("boosting", "xgboost", "logistic")
        for part in ("val", "test")
    }
    | {("cv, combinatorial, a fleet", f"folds of {name}"): _FLEET for name in ("gru", "lstm")}
    | {
        ("per symbol, a fleet", f"{symbol} {name}"): _FLEET
        for symbol in "ABC"
        for name in ("weights", "losses", "predictions", "metrics")
    }
    | {("cv, tuned in each fold", "snooping"): "its sentence says distinguished, where it said told; no number moved"}
    | {("audit", "checks"): "two checks more: declared causality, the levels of ensembles"}
    | {("quantiles", value): _CONFORMAL for value in ("metrics", "predictions")}
    | {("quantiles", f"trailing_volatility {part}"): _SPREAD for part in ("val", "test")}
    | {(case, "pbo"): _BROKER for case in ("cv", "cv, processes", "cv, combinatorial, a fleet")}
    | {
        (case, value): _CLASSES
        for case in (
            *("lstm, barriers", "broken off and gone on with", "other scaler, clipped", "sgd, plateau"),
            *("stride, sampled epochs", "symbol one-hot"),
        )
        for value in ("metrics", "predictions")
    }
    | {("per symbol, in turn", f"B {value}"): _CLASSES for value in ("metrics", "predictions")}
    | {("cv", value): _CLASSES for value in ("folds of gru", "folds of lstm", "snooping")}
    | {("cv, processes", value): _CLASSES for value in ("folds of lstm",)}
    | {("tune", value): _CLASSES for value in ("best", "trials")}
    | {("adam, steps, huber", value): _MONITOR for value in ("epochs", "metrics", "predictions", "weights")}
)

# Metrics that were added: without them, what was there before compares with files that were recorded before them.
_LATER_METRICS = ("ece_width", "ece_classwise", "brier_skill")

_SMALL = (
    *("--horizon", "3", "--seq-len", "8", "--hidden-size", "6", "--num-layers", "2", "--dropout", "0.1"),
    *("--batch-size", "128", "--max-epochs", "4", "--set", "features.sets=[ohlcv]", "--set", "training.device=cpu"),
    *("--set", "evaluation.bootstrap_samples=50", "--stamp", "close"),
)
_WARM = ("--set", "training.warmup_epochs=1")
_ROWS = ("--data", "one.parquet", *_SMALL)
_ONE = (*_ROWS, *_WARM)
_SEVERAL = ("--data", "several.parquet", *_SMALL, *_WARM)


def _set(*settings: str) -> tuple[str, ...]:
    return tuple(word for setting in settings for word in ("--set", setting))


TRAIN: dict[str, tuple[str, ...]] = {
    "lstm, barriers": _ONE,
    "gru, direction": (*_ONE, "--model", "gru", "--target", "direction"),
    "bidirectional, returns": (*_ONE, "--target", "forward_return", *_set("model.bidirectional=true")),
    "two columns": (*_ONE, "--model", "gru", "--target", "next_row", *_set("target.columns=[close,volume]")),
    "every step": (*_ONE, "--target", "direction", *_set("windows.supervise=every", "windows.burn_in=3")),
    "class weights": (*_ONE, *_set("training.class_weights=balanced")),
    "stride, sampled epochs": (*_ONE, *_set("windows.stride=2", "training.windows_per_epoch=512")),
    "sgd, plateau": (*_ROWS, *_set("training.optimizer=sgd", "training.scheduler=plateau")),
    "adam, steps, huber": (
        *_ROWS,
        *("--target", "forward_return"),
        *_set("training.optimizer=adam", "training.scheduler=step", "training.step_size=2", "training.loss=huber"),
    ),
    "exponential, mae, no clipping": (
        *_ROWS,
        *("--target", "forward_return", "--model", "gru"),
        *_set("training.scheduler=exponential", "training.loss=mae", "training.gradient_clip=null"),
    ),
    "quantiles": (*_ONE, "--target", "forward_return", *_set("target.quantiles=[0.1,0.5,0.9]")),
    "other scaler, clipped": (*_ONE, *_set("features.scaler=robust", "features.clip=3")),
    "several symbols": (*_SEVERAL, "--target", "direction"),
    "symbol one-hot": (*_SEVERAL, "--target", "direction", *_set("features.symbol_onehot=true")),
    "symbol embedding, a scale each": (
        *_SEVERAL,
        *("--target", "forward_return"),
        *_set("model.symbol_embedding=2", "features.scale_by=symbol"),
    ),
}
_CV = ("--data", "one.parquet", *_SMALL[2:], *_WARM, "--horizons", "2,3", "--models", "lstm,gru", "--n-splits", "3")
CV: dict[str, tuple[str, ...]] = {
    "cv": (*_CV, "--seeds", "2", "--workers", "1"),
    "cv, processes": (*_CV, "--workers", "2"),
    "cv, combinatorial, a fleet": (*_CV, "--set", "cv.splitter=combinatorial", "--fleet", "on"),
    "cv, tuned in each fold": (
        *_CV[:-4],
        *("--models", "gru", "--n-splits", "2", "--tune", "--space", "space.yaml", "--n-trials", "2"),
    ),
}
PER_SYMBOL: dict[str, tuple[str, ...]] = {
    "per symbol, in turn": (*_SEVERAL, "--per-symbol", "--workers", "1"),
    "per symbol, a fleet": (*_SEVERAL, "--per-symbol", "--fleet", "on"),
}
TUNE: dict[str, tuple[str, ...]] = {
    "tune": (*_ONE, "--space", "space.yaml", "--n-trials", "4", "--n-splits", "2"),
}


def cases() -> dict[str, Callable[[], Hashes]]:
    """Every case by its name; each runs in the current folder, with GATEWISE_HOME of its own."""
    made: dict[str, Callable[[], Hashes]] = {}
    for name, words in TRAIN.items():
        made[name] = lambda words=words: of_run(command("train", *words))  # type: ignore[misc]
    for name, words in CV.items():
        made[name] = lambda words=words: of_cv(command("cv", *words))  # type: ignore[misc]
    for name, words in PER_SYMBOL.items():
        made[name] = lambda words=words: of_symbols(command("train", *words))  # type: ignore[misc]
    for name, words in TUNE.items():
        made[name] = lambda words=words: of_study(command("tune", *words))  # type: ignore[misc]
    made["broken off and gone on with"] = broken_off
    made["arrays, classes"] = lambda: of_arrays("classes")
    made["arrays, values"] = lambda: of_arrays("values")
    made["audit"] = lambda: {"checks": digest(without(command("audit", *_ONE), "seconds"))}
    return made


def command(*words: str) -> Any:
    """Runs `gatewise WORDS --json` in this process; its answer."""
    from gatewise.cli.main import run

    sys.argv = ["gatewise", *words, "--json", "--quiet"]
    out, err = io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            run()
    except SystemExit as ended:
        if ended.code not in (0, None, 1):
            raise RuntimeError(f"gatewise {' '.join(words)}: {out.getvalue()}{err.getvalue()}") from None
    return json.loads(out.getvalue())


def of_run(answer: dict[str, Any]) -> Hashes:
    """Of a training: its weights, losses, predictions and metrics, and each baseline's."""
    import polars as pl

    folder = Path(answer["report"]).parent
    history = pl.read_parquet(folder / "history.parquet")
    losses = history.select(name for name in sorted(history.columns) if "loss" in name)
    found = {
        "weights": weights_of(Path(answer["bundle"])),
        "losses": digest(losses.to_dict(as_series=False)),
        "epochs": str((answer["epochs"], answer["best_epoch"], answer["ended"])),
        "predictions": frame_digest(without_stamps(pl.read_parquet(folder / "predictions.parquet"))),
        "metrics": digest(without(answer["metrics"], *_LATER_METRICS)),
    }
    for part, baselines in answer["baselines"].items():
        found |= {f"{part} {name}": digest(without(value, *_LATER_METRICS)) for name, value in baselines.items()}
    return found


def weights_of(bundle: Path) -> str:
    """Over all tensors of a bundle, by their names."""
    from safetensors.numpy import load_file

    hashed = hashlib.sha256()
    for path in sorted(bundle.glob("*.safetensors")):
        for name, value in sorted(load_file(path).items()):
            hashed.update(name.encode())
            hashed.update(value.tobytes())
    return hashed.hexdigest()[:16]


def of_cv(answer: dict[str, Any]) -> Hashes:
    """Of a cross-validation: a line a model, and what is said of all."""
    models = sorted({fold["model"] for fold in answer["folds"]})
    found = {
        f"folds of {model}": digest(
            [
                without(fold, "seconds", "windows_per_second", *_LATER_METRICS)
                for fold in answer["folds"]
                if fold["model"] == model
            ]
        )
        for model in models
    }
    return found | {name: digest(answer[name]) for name in ("pbo", "snooping")}


def of_symbols(answer: dict[str, Any]) -> Hashes:
    """Of a run a symbol."""
    return {
        f"{symbol} {name}": value for symbol, run in answer["symbols"].items() for name, value in of_run(run).items()
    }


def of_study(answer: dict[str, Any]) -> Hashes:
    """Of a search: its trials."""
    return {
        "trials": digest(without(answer["trials"], "seconds", "folder", *_LATER_METRICS)),
        "best": digest(without(answer["best"], "config", *_LATER_METRICS)),
    }


def broken_off() -> Hashes:
    """Ctrl-C after two epochs, then `--resume`; must equal the undisturbed first case."""
    import gatewise
    from gatewise.errors import Interrupted

    words = TRAIN["lstm, barriers"]
    whole = of_run(command("train", *words))

    class Impatient:
        def on_epoch(self, epoch: int, values: Any) -> None:
            if epoch == 2:
                raise KeyboardInterrupt

        def on_step(self, *_: Any) -> None: ...
        def on_message(self, *_: Any) -> None: ...

    runs = Path(os.environ["GATEWISE_HOME"]) / "runs"
    (before,) = runs.iterdir()
    with suppress(Interrupted):
        gatewise.train(gatewise.load_config(before / "config.yaml"), listeners=[Impatient()])
    (cut_off,) = set(runs.iterdir()) - {before}
    found = of_run(command("train", "--resume", cut_off.name))
    moved = [name for name in whole if whole[name] != found[name]]
    return found | {"as the undisturbed one but for": ", ".join(moved) or "nothing"}


def of_arrays(kind: str) -> Hashes:
    """Of a model on arrays."""
    import numpy as np

    import gatewise

    random = np.random.default_rng(3)
    x = random.standard_normal((600, 7, 3)).astype(np.float32)
    values = x[:, -1, 0] * 0.5 + 0.1 * random.standard_normal(600)
    y = np.where(values > 0, "up", "down") if kind == "classes" else values
    fields = {"hidden_size": 5, "num_layers": 1, "batch_size": 64, "max_epochs": 3, "device": "cpu"}
    model = gatewise.ModelRegistry.create("lstm", **fields)
    model.fit(x[:400], y[:400], x[400:500], y[400:500])
    predicted = model.predict(x[500:])
    folder = Path("arrays") / kind
    model.save(folder)
    return {
        "weights": weights_of(folder),
        "predictions": digest(predicted.tolist()),
        "hidden states": hashlib.sha256(np.ascontiguousarray(model.get_hidden_states(x[500:])).tobytes()).hexdigest()[
            :16
        ],
    }


def digest(value: Any) -> str:
    """Of plain values; floats to their last bit."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def without_stamps(predictions: Any) -> Any:
    """Predictions without the source's own stamps, which are joined to them and computed by nobody."""
    return predictions.drop("source_time", strict=False)


def frame_digest(frame: Any) -> str:
    return digest({name: frame[name].to_list() for name in sorted(frame.columns)})


def without(value: Any, *names: str) -> Any:
    """Plain values without such keys at any depth, nor paths and ids, which differ from run to run."""
    if isinstance(value, dict):
        left_out = {*names, "run_id", "bundle", "report", "folder", "id"}
        return {name: without(part, *names) for name, part in value.items() if name not in left_out}
    return [without(part, *names) for part in value] if isinstance(value, list) else value


def write_rows() -> None:
    """A walk with a trend that can be learned, and three symbols of one."""
    import numpy as np
    import polars as pl

    def bars(seed: int, rows: int) -> pl.DataFrame:
        random = np.random.default_rng(seed)
        step = random.standard_normal(rows) * 0.01
        for i in range(1, rows):
            step[i] += 0.4 * step[i - 1]
        close = 100 * np.exp(np.cumsum(step))
        opened = np.concatenate([[100.0], close[:-1]])
        spread = np.abs(random.standard_normal(rows)) * 0.002
        return pl.DataFrame(
            {
                "time": pl.datetime_range(
                    pl.datetime(2020, 1, 1), pl.datetime(2020, 1, 1) + pl.duration(hours=rows - 1), "1h", eager=True
                ),
                "open": opened,
                "high": np.maximum(opened, close) * (1 + spread),
                "low": np.minimum(opened, close) * (1 - spread),
                "close": close,
                "volume": np.exp(random.standard_normal(rows) + 5),
            }
        )

    bars(0, 1500).write_parquet("one.parquet")
    pl.concat([bars(i, 1000).with_columns(symbol=pl.lit(name)) for i, name in enumerate("ABC")]).write_parquet(
        "several.parquet"
    )
    Path("space.yaml").write_text("hidden_size: [3, 4]\nlearning_rate: {low: 1e-3, high: 1e-2, log: true}\n")


def run_all(only: Sequence[str]) -> dict[str, Hashes]:
    """Every case in a folder and a home of its own."""
    from gatewise import host

    host.prepare()
    found: dict[str, Hashes] = {}
    for name, case in cases().items():
        if only and name not in only:
            continue
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            os.environ["GATEWISE_HOME"] = str(Path(folder) / "home")
            os.chdir(folder)
            write_rows()
            found[name] = case()
            os.chdir("/")
        print(f"{name}: {len(found[name])} values, {time.perf_counter() - started:.1f} s", file=sys.stderr)
    return found


def compare(before: dict[str, Hashes], now: dict[str, Hashes]) -> int:
    """Prints what moved, by name; 1 where something did that was not meant to."""
    unmeant = 0
    for name in before:
        if name not in now:
            continue
        for value in sorted(before[name].keys() | now[name].keys()):
            if before[name].get(value) == now[name].get(value):
                continue
            why = MEANT.get((name, value)) or MEANT.get(("*", value))
            unmeant += why is None
            print(f"{name}: {value} {f'moved as meant: {why}' if why else 'MOVED'}")
    values = sum(len(now[name]) for name in before if name in now)
    print(f"{values} values of {len(now)} cases; {unmeant} moved that were not meant to")
    return int(unmeant > 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("record", "compare", "run"))
    parser.add_argument("file", type=Path, help="hashes, JSON")
    parser.add_argument("--src", type=Path, help="another checkout's src folder")
    parser.add_argument("--only", action="append", default=[], help="a case's name; may be repeated")
    said = parser.parse_args()
    if said.action == "run":
        said.file.write_text(json.dumps(run_all(said.only), indent=1))
        return 0
    src = (said.src or Path(__file__).parents[1] / "src").resolve()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "now.json"
        only = [word for name in said.only for word in ("--only", name)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWISE", "MLFLOW"))}
        environment |= {"PYTHONPATH": str(src), "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, __file__, "run", str(out), *only], check=True, env=environment)
        now = json.loads(out.read_text())
    if said.action == "record":
        said.file.write_text(json.dumps(now, indent=1, sort_keys=True))
        print(f"{sum(map(len, now.values()))} values of {len(now)} cases")
        return 0
    return compare(json.loads(said.file.read_text()), now)


if __name__ == "__main__":
    sys.exit(main())
