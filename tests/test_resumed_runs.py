"""A run that has ended is never trained again: it gives what it gave, or is refused and stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gatewise.bundle import Bundle
from gatewise.config.load import load_config
from gatewise.errors import BundleError, ConfigError
from gatewise.group.symbols import train_symbols
from gatewise.registry.listing import find_info
from gatewise.registry.train import train
from symbol_worlds import SMALL, far_levels, only
from test_symbol_runs import Ear

CODE = """
from gatewise.models.registry import network_spec
from gatewise.config.model_section import ModelConfig

Mine = network_spec(ModelConfig(name="lstm"))
"""
ROWS = """
from gatewise.models.registry import find_spec

Mine = find_spec("logistic")
"""
QUICK = {"features.sets": ["ohlcv"], "features.columns": [], "training.max_epochs": 2}
TABLE = far_levels(400, "AB")
A = only(TABLE, "A")


@pytest.fixture
def package(own_modules: Path) -> Path:
    for name, code in (("ownnets", CODE), ("ownrows", ROWS)):
        (own_modules / f"{name}.py").write_text(code, encoding="utf-8")
    return own_modules


def lone() -> str:
    return train(load_config(overrides=SMALL | QUICK | {"model.name": "ownnets:Mine"}), A)[0]


def fitted_once() -> str:
    config = load_config(
        overrides={name: value for name, value in (SMALL | QUICK).items() if name.split(".")[0] != "model"}
        | {"model.name": "ownrows:Mine"}
    )
    return train(config, A)[0]


def member() -> str:
    overrides = SMALL | QUICK | {"model.name": "ownnets:Mine", "training.per_symbol": True}
    return train_symbols(load_config(overrides=overrides), Ear(), TABLE, "on").runs[0].run_id


def state(run_id: str) -> tuple[object, ...]:
    """All that a command could change."""
    info = find_info(run_id)
    files = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in info.files}
    return info.status, info.started_utc, info.ended_utc, info.tags, files


ENDED = pytest.mark.parametrize("ended", [lone, member, fitted_once])


@ENDED
def test_a_run_that_has_ended_gives_what_it_gave(ended: Callable[[], str], package: Path, gatewise_home: Path) -> None:
    run_id = ended()
    folder = find_info(run_id).folder
    names = ("predictions.parquet", "history.parquet", "bundle/model.safetensors")
    before = [(folder / name).read_bytes() for name in names if (folder / name).exists()]
    told = json.loads((folder / "metrics.json").read_bytes())
    _, again = train(resume=run_id, table=A)
    assert [(folder / name).read_bytes() for name in names if (folder / name).exists()] == before
    assert {**again.to_dict(), "peak_memory_mb": told["peak_memory_mb"]} == {
        name: value for name, value in told.items() if name != "evaluation"
    }
    assert find_info(run_id).status == "FINISHED"


@ENDED
def test_other_code_is_refused_by_its_name_and_nothing_changes(
    ended: Callable[[], str], package: Path, gatewise_home: Path
) -> None:
    run_id = ended()
    before = state(run_id)
    for file in package.glob("own*.py"):
        file.write_text(f"{file.read_text(encoding='utf-8')}\n# another\n", encoding="utf-8")
    with pytest.raises(BundleError, match=r"own\w+:Mine is other code than trained the model") as caught:
        train(resume=run_id, table=A)
    assert "install the version of own" in (caught.value.hint or "")
    assert state(run_id) == before


@ENDED
def test_other_data_or_another_config_is_refused_and_nothing_changes(
    ended: Callable[[], str], package: Path, gatewise_home: Path
) -> None:
    run_id = ended()
    before = state(run_id)
    with pytest.raises(BundleError, match="other data"):
        train(resume=run_id, table=only(far_levels(400, "A", seed=1), "A"))
    assert state(run_id) == before
    config = find_info(run_id).folder / "config.yaml"
    config.write_text(re.sub(r"seed: \d+", "seed: 7", config.read_text(encoding="utf-8")), encoding="utf-8")
    before = state(run_id)
    with pytest.raises(BundleError, match="another config"):
        train(resume=run_id, table=A)
    assert state(run_id) == before


@pytest.mark.parametrize("ended", [member, fitted_once])
def test_without_a_checkpoint_no_lower_rate_is_gone_on_with(
    ended: Callable[[], str], package: Path, gatewise_home: Path
) -> None:
    run_id = ended()
    before = state(run_id)
    with pytest.raises(ConfigError, match="has a bundle and no checkpoint"):
        train(resume=run_id, table=A, learning_rate=1e-4)
    assert state(run_id) == before


def test_an_interrupted_member_goes_on_from_the_start_by_the_same_code_alone(
    package: Path, gatewise_home: Path
) -> None:
    run_id = member()
    folder = find_info(run_id).folder
    weights = (folder / "bundle" / "model.safetensors").read_bytes()
    (folder / "metrics.json").unlink()  # as Ctrl-C leaves a member: a bundle, no judgement
    code = (package / "ownnets.py").read_text(encoding="utf-8")
    (package / "ownnets.py").write_text(f"{code}\n# another\n", encoding="utf-8")
    with pytest.raises(BundleError, match="other code"):
        train(resume=run_id, table=A)
    assert (folder / "bundle" / "model.safetensors").read_bytes() == weights
    (package / "ownnets.py").write_text(code, encoding="utf-8")
    train(resume=run_id, table=A)
    assert (folder / "checkpoint.safetensors").exists()
    assert Bundle.load(folder / "bundle").record.metrics


def test_a_result_that_cant_be_read_again_leaves_the_run(package: Path, gatewise_home: Path) -> None:
    run_id = member()
    (find_info(run_id).folder / "metrics.json").write_text("{}", encoding="utf-8")
    before = state(run_id)
    with pytest.raises(BundleError, match="can't be read again") as caught:
        train(resume=run_id, table=A)
    assert f"gatewise predict --model {run_id}" in (caught.value.hint or "")
    assert state(run_id) == before
