"""Parts that gatewise lacks, added by the page that says how, work with every command unasked.

The page's own examples are what is tried: written into a package beside, named by import paths, never registered.
"""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from conftest import Cli
from gatewise import ModelRegistry, parts
from gatewise.bundle import Bundle
from gatewise.config.load import load_config
from gatewise.data.load import load_table
from gatewise.errors import BundleError, ConfigError, UnknownNameError
from gatewise.features.build import resolve_features
from gatewise.feeds.table import FEEDS
from gatewise.proofs.laws.check import check_law, laws_of
from page_examples import example

CONV = "mypkg.nets:Conv"
EXAMPLES = {
    "nets": "model",
    "features": "feature",
    "nearest": "model of one row",
    "losses": "loss",
    "feeds": "feed",
}
SHORT = (
    *("--source", "sp500", "--seq-len", "8", "--batch-size", "256", "--quiet", "--json", "--max-epochs", "1"),
    *("--set", "features.sets=[ohlcv]", "--set", "evaluation.bootstrap_samples=50", "--set", "training.device=cpu"),
    *("--set", "training.schedule.warmup_epochs=0", "--set", "model.channels=4"),
)
FOLDS = ("--horizons", "3", "--n-splits", "2", "--models", CONV)


OF_ROWS = """from gatewise.config.model_section import RidgeConfig
from gatewise.models.base import NeuralSpec
Conv = NeuralSpec("", "", RidgeConfig, None)"""
BARE = """from gatewise.config.ensemble_section import EnsembleConfig
from gatewise.models.base import EnsembleSpec
Conv = EnsembleSpec("", "", EnsembleConfig)"""
PAIR = """from pydantic import Field
from gatewise.config.ensemble_section import VotingConfig
from gatewise.models.base import EnsembleSpec

class PairConfig(VotingConfig):
    base_models: tuple[str, ...] = ("gru", "tcn")

Pair = EnsembleSpec("Two networks' mean", "Hansen & Salamon 1990", PairConfig)"""


@pytest.fixture
def package(mypkg: Path) -> Path:
    """The page's examples as modules of `mypkg`."""
    for name, part in EXAMPLES.items():
        (mypkg / f"{name}.py").write_text(example(part), encoding="utf-8")
    return mypkg


def test_the_pages_model_holds_to_every_law(package: Path) -> None:
    broken = [check for law in laws_of(CONV) if not (check := check_law(CONV, law)).passed]
    assert not broken
    assert {"fleet", "resumes", "exports", "hidden states", "no later step"} <= set(laws_of(CONV))


def test_it_is_trained_gone_on_with_predicted_with_and_audited(package: Path, gatewise_home: Path, cli: Cli) -> None:
    run = cli("train", *SHORT, "--horizon", "3", "--model", CONV)
    assert run.code == 0, run.err
    assert "Causal convolution" in cli("models", "show", CONV).out
    assert CONV in Path(run.json["report"]).read_text(encoding="utf-8")
    again = cli("train", "--resume", run.json["run_id"], "--json", "--quiet").json
    assert again["metrics"] == run.json["metrics"]
    predicted = cli("predict", "--model", run.json["run_id"], "--source", "sp500", "-o", "p.csv", "--quiet")
    assert predicted.code == 0, predicted.err
    audited = cli("audit", *SHORT, "--horizon", "3", "--model", CONV)
    assert audited.code == 0, audited.out


def test_it_is_cross_validated_in_fresh_processes_and_in_fleets(package: Path, gatewise_home: Path, cli: Cli) -> None:
    losses = []
    for more in (("--workers", "2"), ("--fleet", "on")):
        answer = cli("cv", *SHORT, *FOLDS, *more)
        assert answer.code == 0, answer.err
        own = [fold["metrics"]["log_loss"] for fold in answer.json["folds"] if fold["model"] == CONV]
        assert len(own) == 2
        losses.append(own)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_it_is_tuned_over_a_space_of_its_own_fields(package: Path, gatewise_home: Path, cli: Cli) -> None:
    Path("space.yaml").write_text("model.kernel: [2, 3]\n", encoding="utf-8")
    words = ("--horizon", "3", "--model", CONV, "--space", "space.yaml", "--n-trials", "2", "--n-splits", "2")
    tuned = cli("tune", *SHORT, *words)
    assert tuned.code == 0, tuned.err
    assert set(tuned.json["best"]["params"]) == {"model.kernel"}


def test_its_fields_are_checked_and_arrays_take_it(package: Path) -> None:
    with pytest.raises(ConfigError, match="channels"):
        load_config(overrides={"model.name": CONV, "model.channels": 0})
    with pytest.raises(UnknownNameError, match="chanels") as caught:
        load_config(overrides={"model.name": CONV, "model.chanels": 3})
    assert "'channels'" in (caught.value.hint or "")
    assert ModelRegistry.create(CONV, channels=3).config.model.channels == 3  # type: ignore[attr-defined]


def test_a_bundle_is_refused_where_the_code_is_another_or_gone(package: Path, gatewise_home: Path, cli: Cli) -> None:
    run = cli("train", *SHORT, "--horizon", "3", "--model", CONV).json
    digest = load_config(overrides={"model.name": CONV}).digest
    code = (package / "nets.py").read_text(encoding="utf-8")
    (package / "nets.py").write_text(f"{code}\n# another\n", encoding="utf-8")
    assert load_config(overrides={"model.name": CONV}).digest != digest
    with pytest.raises(BundleError, match="is other code than trained the model") as caught:
        Bundle.load(Path(run["bundle"]))
    assert "train anew" in (caught.value.hint or "")
    (package / "nets.py").unlink()
    importlib.invalidate_caches()
    for name in ("mypkg.nets", "mypkg"):
        sys.modules.pop(name, None)
    with pytest.raises(BundleError, match=r"there is no module mypkg\.nets"):
        Bundle.load(Path(run["bundle"]))


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("mypkg.absent:Conv", "", "there is no module mypkg.absent"),
        ("nowhere.nets:Conv", "", "there is no module nowhere.nets"),
        ("mypkg.bad:Conv", "import absent_package", "can't be imported: ModuleNotFoundError: No module named"),
        ("mypkg.bad:Conv", "raise ValueError('no')", "can't be imported: ValueError: no"),
        ("mypkg.bad:Conv", "Cnov = 3", "unknown name in mypkg.bad 'Conv'"),
        ("mypkg.bad:Conv", "Conv = 3", "must be a NeuralSpec, TabularSpec or EnsembleSpec; got int"),
        ("mypkg.bad:Conv", OF_ROWS, "(NeuralSpec) must be a NetworkConfig; got RidgeConfig"),
        ("mypkg.bad:Conv", BARE, "must be a VotingConfig, BlendingConfig or StackingConfig; got EnsembleConfig"),
        ("mypkg.bad:", "", "is no import path"),
        (":Conv", "", "is no import path"),
        ("my pkg:Conv", "", "is no import path"),
        ("conv", "", "unknown model 'conv'"),
    ],
)
def test_what_is_no_model_is_said_in_one_line(package: Path, cli: Cli, name: str, code: str, message: str) -> None:
    (package / "bad.py").write_text(code, encoding="utf-8")
    importlib.invalidate_caches()
    answer = cli("models", "show", name)
    assert answer.code == 2
    assert message in answer.err
    assert len(answer.err.strip().splitlines()) == 2
    assert answer.err.splitlines()[1].startswith("hint: ")


def entry_points_of(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    found = {name: [EntryPoint(name, path, "gatewise.models") for path in paths.split()]
             for name, paths in points.items()}  # fmt: skip
    monkeypatch.setattr(parts, "_points", lambda group: found if group == "gatewise.models" else {})


def test_an_entry_point_is_a_name_like_others(package: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    entry_points_of(monkeypatch, conv=CONV)
    names = [row["name"] for row in cli("models", "list", "--json").json["models"]]
    assert names[-1] == "conv"
    assert load_config(overrides={"model.name": "conv"}).own_parts.keys() == {CONV}


def test_names_that_are_taken_are_refused(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry_points_of(monkeypatch, lstm=CONV)
    with pytest.raises(ConfigError, match="lstm is gatewise's own") as caught:
        load_config(overrides={"model.name": "lstm"})
    assert "rename the entry point" in (caught.value.hint or "")
    entry_points_of(monkeypatch, conv=f"{CONV} otherpkg.nets:Conv")
    with pytest.raises(ConfigError, match="an entry point of several"):
        load_config(overrides={"model.name": "conv"})


def test_the_pages_feature_loss_and_model_of_one_row_work(package: Path, gatewise_home: Path, cli: Cli) -> None:
    nearest = "mypkg.nearest:Nearest"
    assert not [law for law in laws_of(nearest) if not check_law(nearest, law).passed]
    parts_too = ("--horizon", "3", "--target", "forward_return", "--set", "features.sets=[mypkg.features:gap,ohlcv]")
    words = ("--source", "sp500", "--quiet", "--json", "--set", "evaluation.bootstrap_samples=50", *parts_too)
    for model in (("--model", nearest), ("--model", "ridge")):
        assert cli("train", *words, *model).code == 0
    audited = cli("audit", *words, "--model", "ridge")
    assert audited.code == 0, audited.out
    run = cli("train", *SHORT, *parts_too, "--model", CONV, "--set", "training.loss=mypkg.losses:Lopsided")
    assert run.code == 0, run.err


def test_the_pages_feed_fills_the_lake(
    package: Path, gatewise_home: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setitem(FEEDS, "tide", importlib.import_module("mypkg.feeds").Tide)
    words = ("data", "fetch", "tide", "dover", "--start", "2024-01-01", "--end", "2024-02-01", "--json", "--quiet")
    first = cli(*words)
    assert first.code == 0, first.err
    assert [row["added"] for row in first.json["series"]] == [31 * 24]
    assert [row["added"] for row in cli(*words).json["series"]] == [0]


def test_a_loss_of_ones_own_trains_as_the_same_loss_of_gatewises(package: Path, gatewise_home: Path, cli: Cli) -> None:
    (package / "losses.py").write_text(
        "from gatewise.config.loss_section import LossConfig\n"
        "from gatewise.training.losses import LossSpec\n"
        "class Power(LossConfig):\n"
        "    power: int = 2\n"
        "def build(power=2):\n"
        "    return lambda outputs_NK, y_NK: ((outputs_NK - y_NK) ** power).mean(dim=1)\n"
        "Mine = LossSpec('A power of the error', 'ours', build, config=Power)\n",
        encoding="utf-8",
    )
    importlib.invalidate_caches()
    words = (*SHORT, "--horizon", "3", "--model", CONV, "--target", "forward_return")
    losses = []
    for loss in ("mse", "mypkg.losses:Mine", "{name: 'mypkg.losses:Mine', power: 4}"):
        run = cli("train", *words, "--set", f"training.loss={loss}")
        assert run.code == 0, run.err
        losses.append(run.json["metrics"]["test"]["mae"]["value"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[2] != pytest.approx(losses[1], rel=1e-5)
    refused = cli("train", *words[:-2], "--target", "direction", "--set", "training.loss=mypkg.losses:Mine")
    assert refused.code == 2
    assert "training.loss mypkg.losses:Mine is for values" in refused.out


def test_a_feature_set_of_ones_own_is_built_and_audited_as_others(package: Path, cli: Cli) -> None:
    (package / "features.py").write_text(
        "import polars as pl\n"
        "from gatewise.features.base import Feature\n"
        "def gap(columns, timeframe):\n"
        "    step = pl.col('open') - pl.col('close').shift(1)\n"
        "    return [Feature('gap', 2, step, ('open', 'close'), 'O - C1', '', '')]\n"
        "def wrong(columns, timeframe):\n"
        "    return ['gap']\n"
        "def peeks(columns, timeframe):\n"
        "    return [Feature('next', 1, pl.col('close').shift(-1), ('close',), 'the future', '', '')]\n",
        encoding="utf-8",
    )
    importlib.invalidate_caches()
    config = load_config(overrides={"data.source": "sp500", "features.sets": ["mypkg.features:gap", "ohlcv"]})
    table = load_table(config.data)
    names = [feature.name for feature in resolve_features(config.features, table.columns, table.timeframe)]
    assert names == ["gap", "open", "high", "low", "close", "volume"]
    assert config.own_parts.keys() == {"mypkg.features:gap"}
    wrong = config.features.model_copy(update={"sets": ("mypkg.features:wrong",)})
    with pytest.raises(ConfigError, match="must give features; got str"):
        resolve_features(wrong, table.columns, table.timeframe)
    words: tuple[Any, ...] = ("--source", "sp500", "--model", "logistic", "--json", "--quiet")
    audited = cli("audit", *words, "--set", "features.sets=[mypkg.features:peeks]")
    assert audited.code == 1
    assert not next(check for check in audited.json["checks"] if check["name"] == "features")["passed"]


def test_laws_ask_for_no_field_that_a_model_lacks_and_leave_those_that_it_has(package: Path) -> None:
    """Not every network drops out, and an ensemble's small sizes are no other model's fields of the same names."""
    fields = "    holdout: float = Field(0.1, le=0.5)\n    n_splits: int = Field(5, ge=3)\n    channels: int"
    code = example("model").replace("    channels: int", fields)
    code = code.replace("    dropout: float = Field(0.1, ge=0, lt=1)\n", "").replace("config.dropout", "0.1")
    (package / "plain.py").write_text(code, encoding="utf-8")
    importlib.invalidate_caches()
    plain = "mypkg.plain:Conv"
    assert laws_of(plain) == laws_of(CONV)
    for law in ("evaluation", "resumes", "fleet", "kept"):
        check = check_law(plain, law)
        assert check.passed, check.detail


def test_an_ensemble_of_ones_own_is_trained_and_holds_to_the_laws(package: Path, gatewise_home: Path, cli: Cli) -> None:
    (package / "pair.py").write_text(PAIR, encoding="utf-8")
    importlib.invalidate_caches()
    pair = "mypkg.pair:Pair"
    assert not [law for law in ("kept", "alone") if not check_law(pair, law).passed]
    settings = ("--set", "features.sets=[ohlcv]", "--set", "model.sizes=tiny", "--set", "training.device=cpu")
    run = cli(
        *("train", "--source", "sp500", "--seq-len", "8", "--horizon", "3", "--model", pair, "--max-epochs", "1"),
        *(*settings, "--set", "evaluation.bootstrap_samples=50", "--json", "-q"),
    )
    assert run.code == 0, run.err
    assert [member["name"] for member in run.json["members"]] == ["gru", "tcn"]
