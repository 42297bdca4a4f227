"""Trainings on a real table's folds, as one fleet and one by one: the way that cross-validation goes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from audit_tables import random_walk, small_experiment
from fleet_members import Recorder, largest_difference, recorders
from gatewise.config.alike import SHARED, is_shared, require_alike, shared_settings
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import BundleError, ConfigError
from gatewise.fold import fit_fold
from gatewise.learners.base import Trained
from gatewise.learners.neural_fleet import MemberTask, train_fleet
from gatewise.learners.table import train_model
from gatewise.samples import make_samples
from gatewise.splits.folds import make_folds

SMALL = {
    "model__hidden_size": 6, "features__sets": ["ohlcv"], "training__batch_size": 32, "training__max_epochs": 3,
    "training__device": "cpu", "training__precision": "fp32", "windows__stride": 2, "cv__n_splits": 3,
}  # fmt: skip


def config_of(**changes: object) -> ExperimentConfig:
    return small_experiment(**(SMALL | changes))


def tasks(*configs: ExperimentConfig) -> list[MemberTask]:
    """Every config on every fold, as cross-validation makes them."""
    table, found = random_walk(1_000), []
    shared = None
    for config in configs:
        samples = make_samples(config, table)
        shared = shared or samples.matrix
        samples = replace(samples, matrix=shared)
        for fold in make_folds(samples.spans, config.cv, config.split, table.timeframe):
            fitted = fit_fold(config, samples, fold.train)
            found.append(MemberTask(config, samples, fitted, fold.train, fold.val))
    return found


def alone(task: MemberTask) -> Trained:
    return train_model(task.config, task.samples, task.fold, task.train_rows, task.val_rows, Recorder())


@pytest.mark.parametrize(
    "changes",
    [
        [{"training__seed": 1}, {"training__seed": 2, "model__dropout": 0.1, "training__learning_rate": 0.01}],
        [{"target__horizon": 3}, {"target__horizon": 9, "training__class_weights": "balanced"}],
        [{"target__kind": "forward_return", "windows__supervise": "every"}],
        [{"training__sample_weights": "uniqueness_decay"}, {"training__class_weights": "balanced"}],
    ],
    ids=["seeds and rates", "horizons", "values at every step", "weights"],
)
def test_every_fold_seed_rate_and_horizon_gets_the_model_that_it_gets_alone(changes) -> None:
    all_tasks = tasks(*(config_of(**own) for own in changes))
    found = train_fleet(all_tasks, recorders(len(all_tasks)))
    for task, trained in zip(all_tasks, found, strict=True):
        expected = alone(task)
        assert isinstance(trained, Trained)
        assert largest_difference(trained.predictor.module, expected.predictor.module) < 1e-5
        assert trained.fit.best_epoch == expected.fit.best_epoch
        assert (trained.device, trained.precision, trained.batch_size) == (
            expected.device, expected.precision, expected.batch_size,
        )  # fmt: skip


def test_a_fleet_goes_on_from_its_checkpoint_and_refuses_that_of_other_tasks(tmp_path) -> None:
    class Stop(Recorder):
        def on_step(self, epoch: int, step: int, num_steps: int) -> None:
            if epoch == 3:
                raise RuntimeError("the power goes out")

    file, all_tasks = tmp_path / "fleet.safetensors", tasks(config_of())
    with pytest.raises(RuntimeError, match="power"):
        train_fleet(all_tasks, [Stop() for _ in all_tasks], file)
    whole, resumed = train_fleet(all_tasks, recorders(3)), train_fleet(all_tasks, recorders(3), file)
    for one, other in zip(whole, resumed, strict=True):
        assert isinstance(one, Trained)
        assert isinstance(other, Trained)
        assert largest_difference(one.predictor.module, other.predictor.module) == 0
        assert other.fit.epochs == 3
    with pytest.raises(BundleError, match="another"):
        train_fleet(all_tasks[:2], recorders(2), file)


def test_a_fleet_of_other_code_is_told_by_the_part_that_changed(tmp_path: Path, own_modules: Path) -> None:
    code = own_modules / "ownnets.py"
    code.write_text("from gatewise.models.registry import MODELS\nMine = MODELS['lstm']\n", encoding="utf-8")
    file, members = tmp_path / "fleet.safetensors", tasks(config_of(model__name="ownnets:Mine"))
    train_fleet(members, recorders(3), file)
    code.write_text(f"{code.read_text(encoding='utf-8')}# another\n", encoding="utf-8")
    with pytest.raises(BundleError, match="ownnets:Mine is other code than trained the model"):
        train_fleet(members, recorders(3), file)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model__hidden_size": 7}, r"model\.hidden_size; got 6 and 7"),
        ({"model__num_layers": 1}, r"model\.num_layers; got 2 and 1"),
        ({"model__name": "gru"}, r"model\.name; got lstm and gru"),
        ({"model__bidirectional": True}, r"model\.bidirectional"),
        ({"training__precision": "bf16"}, r"training\.precision; got fp32 and bf16"),
        ({"windows__sequence_length": 9}, r"windows\.sequence_length; got 8 and 9"),
        ({"training__batch_size": 16}, r"training\.batch_size"),
        ({"target__kind": "forward_return"}, "predict alike"),
    ],
)
def test_tasks_of_different_shapes_are_refused_by_the_fields_name(changes, field) -> None:
    different = [tasks(config_of())[0], tasks(config_of(**changes))[0]]
    shared = different[0].samples.matrix
    different[1] = replace(different[1], samples=replace(different[1].samples, matrix=shared))
    with pytest.raises(ConfigError, match=field):
        train_fleet(different, recorders(2))


def test_a_fold_smaller_than_a_batch_fails_alone() -> None:
    first, second = tasks(config_of())[:2]
    small = replace(second, train_rows=second.train_rows[:40])
    found = train_fleet([first, small], recorders(2))
    assert isinstance(found[0], Trained)
    assert isinstance(found[1], ConfigError)
    assert "the 20 windows of an epoch" in str(found[1])
    assert isinstance(train_fleet([small], recorders(1))[0], ConfigError)


def test_tasks_over_other_features_are_refused() -> None:
    with pytest.raises(ConfigError, match="one feature matrix"):
        train_fleet([tasks(config_of())[0], tasks(config_of())[0]], recorders(2))


def test_configs_that_differ_in_dropout_seed_stride_or_rate_alone_can_be_members() -> None:
    require_alike(config_of(), config_of(model__dropout=0.4, training__seed=9, training__learning_rate=0.5))
    require_alike(config_of(), config_of(windows__stride=3))


@pytest.mark.parametrize("name", SHARED)
def test_what_members_share_is_a_setting_and_the_page_names_it(name) -> None:
    """A name that is no setting's would let members stand together that can't."""
    assert any(is_shared(path) for path in shared_settings(config_of()) if f"{path}.".startswith(f"{name}."))
    page = (Path(__file__).parents[1] / "docs" / "fleet.md").read_text(encoding="utf-8")
    assert f"`{name}`" in page.split("## What members share")[1].split("## From Python")[0]


def test_tasks_on_one_fold_hold_its_labels_once(monkeypatch) -> None:
    from gatewise.learners import neural_fleet

    seen = []

    def spy(members, *rest):
        seen.extend(members)
        raise RuntimeError("seen enough")

    monkeypatch.setattr(neural_fleet, "fit_fleet", spy)
    fold = tasks(config_of())[0]
    seeds = [replace(fold, config=config_of(training__seed=seed)) for seed in range(4)]
    with pytest.raises(RuntimeError, match="seen"):
        train_fleet(seeds, recorders(4))
    assert len({id(member.windows) for member in seen}) == 1
    assert np.shares_memory(seen[0].windows.matrix.numpy(), fold.samples.matrix.values)
    assert not torch.equal(*(next(member.model.parameters()) for member in seen[:2]))
