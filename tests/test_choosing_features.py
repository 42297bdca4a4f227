"""Features chosen by name, and left unread where they repeat others. A choice made on rows of judging flatters.

The reference for correlations is pandas on the training rows alone.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from audit_tables import case_of, random_walk, small_experiment
from conftest import Cli
from gatewise.bundle import Bundle
from gatewise.config.schema import FeatureConfig
from gatewise.errors import ConfigError, UnknownNameError
from gatewise.features.build import build_features
from gatewise.features.cache import cache_key
from gatewise.features.correlated import correlated_columns
from gatewise.features.scaling import Scaler, fit_scaler
from gatewise.fold import fit_fold
from gatewise.levels import unread_in_folds
from gatewise.proofs.base import Parts
from gatewise.proofs.fitting import check_scaler
from gatewise.rows import rows_in_windows
from gatewise.splits.base import Rows

TABLE = random_walk(400)
WHOLE = build_features(TABLE, FeatureConfig())


def test_features_are_chosen_by_name_and_like_it_and_keep_their_order_and_values() -> None:
    spec = FeatureConfig.model_validate({"only": "*rsi*,log_return_*", "drop": "log_return_1"})
    matrix = build_features(TABLE, spec)
    wanted = [n for n in WHOLE.names if ("rsi" in n or n.startswith("log_return_")) and n != "log_return_1"]
    assert list(matrix.names) == wanted
    assert 2 <= len(wanted) < 10
    both = matrix.valid & WHOLE.valid
    chosen = [WHOLE.names.index(name) for name in wanted]
    assert np.array_equal(matrix.values[both], WHOLE.values[both][:, chosen])
    assert matrix.lookback < WHOLE.lookback
    longer = FeatureConfig.model_validate({"timeframes": ["5m"], "only": ["*_5m"], "drop": ["macd*"]})
    names = build_features(random_walk(1500), longer).names
    assert names
    assert all(name.endswith("_5m") and "macd" not in name for name in names)
    others = (FeatureConfig(), spec, FeatureConfig(only=("rsi_14",)), FeatureConfig(drop=("rsi_14",)))
    keys = {cache_key(TABLE, other) for other in others}
    assert len(keys) == 4
    assert cache_key(TABLE, FeatureConfig(drop_correlated=0.9)) == cache_key(TABLE, FeatureConfig())


def test_a_name_that_is_none_is_refused_with_the_nearest_and_none_left_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown feature 'rsi_41'") as refused:
        build_features(TABLE, FeatureConfig(only=("rsi_41",)))
    assert "rsi_14" in str(refused.value.hint)
    with pytest.raises(ConfigError, match="leave none"):
        build_features(TABLE, FeatureConfig(drop=("*",)))


@pytest.mark.parametrize("bound", [0.3, 0.9, 0.98])
def test_correlated_features_are_those_of_pandas_on_the_training_rows_alone(bound: float) -> None:
    rng = np.random.default_rng(5)
    base = rng.normal(size=(40_000, 6))
    mixed = base @ rng.normal(size=(6, 5)) + 1e4
    values = np.column_stack([base, mixed, -3 * base[:, 2] + 7, np.full(len(base), 0.1), base[:, 0]])
    rows = np.sort(rng.choice(30_000, 25_000, replace=False))
    values[30_000:, 1] = values[30_000:, 0]  # after training they are one
    frame = pd.DataFrame(values[rows]).corr().abs().to_numpy()
    upper = np.triu(np.nan_to_num(frame), 1)
    wanted = [column for column in range(values.shape[1]) if (upper[:, column] > bound).any()]
    assert {11, 13} <= set(wanted)
    assert 1 not in wanted
    assert correlated_columns(values, rows, bound) == wanted


def test_the_choice_is_a_folds_and_what_is_unread_is_zero_to_all_models() -> None:
    config = small_experiment(features__sets=["market39"], features__drop_correlated=0.9)
    case = case_of(random_walk(3_000), config=config)
    seen = rows_in_windows(case.split.train, config.windows.sequence_length, case.table.num_rows)
    scaler = fit_fold(config, case.samples, case.split.train).scaler
    names = case.samples.matrix.names
    wanted = [names[n] for n in correlated_columns(case.samples.matrix.values, seen, 0.9)]
    assert list(scaler.unread) == wanted
    assert 1 < len(wanted) < len(names)
    scaled = scaler.transform(case.samples.matrix.values[seen])
    unread = [names.index(name) for name in wanted]
    assert not scaled[:, unread].any()
    assert scaled[:, [n for n in range(len(names)) if n not in unread]].any(axis=0).all()
    again = Scaler.from_dict(json.loads(json.dumps(scaler.to_dict(), allow_nan=False)))
    assert again.unread == scaler.unread
    assert np.array_equal(again.scale, scaler.scale)


def test_what_each_fold_leaves_unread_is_said_fold_by_fold() -> None:
    said = unread_in_folds({1: [1, 2], 2: [2], 3: [2, 1], 4: [2, 3]}, ("a", "b", "c", "d"), 0.9) or ""
    assert said.endswith(": in all 4 folds c; in folds 1 and 3 b; in fold 4 d")
    assert unread_in_folds({1: [], 2: []}, ("a", "b"), 0.9) is None


def test_a_search_says_what_its_best_trial_left_unread_and_which_of_its_sizes_are_far_off(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "space.yaml").write_text("learning_rate: [1e-3]\n")
    words = ("--source", "sp500", "--horizon", "3", "--seq-len", "4", "--hidden-size", "4", "--num-layers", "3")
    words = (*words, "--set", "data.start=2015-01-01T00:00:00Z", "--set", "features.sets=[ohlcv]", "--max-epochs", "1")
    space = ("--space", tmp_path / "space.yaml", "--n-trials", "1", "--workers", "0", "--n-splits", "2")
    said = cli("tune", *words, *space, "--drop-correlated", "0.9", "--batch-size", "16", "--json", "--quiet")
    assert said.code == 0, said.err + said.out
    assert any("features left unread" in remark and " in all 2 folds " in remark for remark in said.json["remarks"])
    assert sum("3 layers are many" in remark and "--num-layers 2" in remark for remark in said.json["remarks"]) == 1


def test_a_choice_that_looks_at_other_rows_than_training_ones_is_found() -> None:
    config = small_experiment(features__sets=["market39"], features__drop_correlated=0.9)

    def looks_ahead(config, samples, rows: Rows):  # type: ignore[no-untyped-def]
        fold = fit_fold(config, samples, rows)
        everywhere = correlated_columns(samples.matrix.values, samples.rows, 0.9)
        plain = fit_scaler("standard", samples.matrix.values, rows, samples.matrix.names)
        return replace(fold, scaler=replace(fold.scaler, scale=plain.scale).without(everywhere))

    check = check_scaler(case_of(random_walk(3_000), config=config))
    assert check.passed
    assert re.search(r"as are the \d+ features left unread \(\w+", check.detail)
    assert not check_scaler(case_of(random_walk(3_000), Parts(fit_fold=looks_ahead), config)).passed


@pytest.mark.parametrize("model", ["lstm", "xgboost"])
def test_they_are_chosen_by_flags_kept_in_the_bundle_and_predicted_with(model: str, cli: Cli, tmp_path: Path) -> None:
    words = ["--source", "sp500", "--horizon", "3", "--seq-len", "4", "--set", "evaluation.bootstrap_samples=50"]
    words += ["--hidden-size", "4", "--max-epochs", "1", "--batch-size", "512"] if model == "lstm" else []
    chosen = ("--features-only", "*", "--drop-features", "macd*", "--drop-correlated", "0.9")
    run = cli("train", "--model", model, *words, *chosen, "--json", "--quiet")
    assert run.code == 0, run.err + run.out
    record = Bundle.load(run.json["bundle"]).record
    assert not any(name.startswith("macd") for name in record.feature_names)
    assert record.scaler.unread
    assert any("features left unread" in remark and record.scaler.unread[0] in remark for remark in run.json["remarks"])
    out = tmp_path / "out.parquet"
    assert cli("predict", "--model", run.json["run_id"], "--source", "sp500", "-o", out, "--quiet").code == 0
    kept = pl.read_parquet(run.json["predictions"])
    both = kept.join(pl.read_parquet(out), on="time", suffix="_again")
    assert both.height == kept.height
    assert both["prob_up"].equals(both["prob_up_again"].alias("prob_up"))


def test_each_fold_of_a_cross_validation_and_each_member_of_a_fleet_has_its_own_choice(cli: Cli) -> None:
    words = ("--source", "sp500", "--horizons", "3", "--seq-len", "4", "--set", "evaluation.bootstrap_samples=50")
    words = (*words, "--hidden-size", "4", "--max-epochs", "1", "--batch-size", "64", "--n-splits", "2")
    words = (*words, "--num-layers", "3", "--set", "data.start=2015-01-01T00:00:00Z")
    answers = []
    for fleet in ("on", "off"):
        said = cli("cv", *words, "--models", "lstm", "--drop-correlated", "0.9", "--fleet", fleet, "--json", "--quiet")
        assert said.code == 0, said.err + said.out
        answers.append([fold["metrics"]["log_loss"] for fold in said.json["folds"]])
        (remark,) = (remark for remark in said.json["remarks"] if "features left unread" in remark)
        assert "each correlated by more than 0.9 on its fold's training rows" in remark
        assert "in all 2 folds " in remark
        assert sum("3 layers are many" in remark for remark in said.json["remarks"]) == 1
    assert answers[0] == pytest.approx(answers[1], rel=1e-4)


def test_what_a_cross_validation_advises_can_be_typed_as_it_stands(cli: Cli) -> None:
    words = ("--source", "sp500", "--horizons", "3", "--seq-len", "4", "--set", "data.start=2015-01-01T00:00:00Z")
    words = (*words, "--hidden-size", "4", "--num-layers", "3", "--max-epochs", "1", "--batch-size", "64")
    said = cli("cv", *words, "--n-splits", "2", "--workers", "1", "--quiet")
    assert re.search(r"--num-layers 2$", said.out, re.MULTILINE), said.out + said.err
