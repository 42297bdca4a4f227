"""A fleet against its members alone: weights, histories, stops, resumption; and that members reach each other nowhere.

A fleet that mixes two members' batches, masks or rates still trains every member to something plausible.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from fleet_members import (
    FP32,
    Recorder,
    alone,
    largest_difference,
    recorders,
    require_bf16,
    settings,
    small_model,
    spec_of,
    various,
)
from gatewise.config.model_section import MODEL_CONFIGS
from gatewise.errors import BundleError, ConfigError, DivergedError, MemoryExhaustedError
from gatewise.training.checkpoint import load_checkpoint, save_checkpoint
from gatewise.training.device import Precision
from gatewise.training.fleet import step as fleet_step
from gatewise.training.fleet.fit import Member, choose_fleet, fit_fleet
from gatewise.training.fleet.step import FleetStep
from gatewise.training.progress import FitResult
from zoo import NETWORKS

TOLERANCE = 1e-5
tasks = pytest.mark.parametrize(
    ("num_classes", "steps_scored"), [(2, 1), (3, 1), (0, 1), (2, 3)], ids=["binary", "classes", "values", "every"]
)


@tasks
@pytest.mark.parametrize("name", NETWORKS)
def test_each_member_ends_with_the_weights_and_the_history_that_it_has_alone(name, num_classes, steps_scored) -> None:
    if steps_scored > 1 and not MODEL_CONFIGS[name](name=name).is_causal:
        pytest.skip("every step is refused for what is not causal")
    apart, together = (various(name, num_classes, steps_scored) for _ in range(2))
    fresh = various(name, num_classes, steps_scored)
    expected = [alone(member, num_classes) for member in apart]
    found = fit_fleet(together, FP32, spec_of(num_classes), recorders(len(together)))
    for one, other, start, result, lone in zip(together, apart, fresh, found, expected, strict=True):
        assert isinstance(result, FitResult)
        assert largest_difference(one.model, other.model) < TOLERANCE
        assert largest_difference(one.model, start.model) > 100 * TOLERANCE, "training must have moved it"
        assert (result.epochs, result.best_epoch) == (lone.epochs, lone.best_epoch)
        for own, reference in zip(result.history, lone.history, strict=True):
            timed = {"seconds", "windows_per_second"}
            assert {k: v for k, v in own.items() if k not in timed} == pytest.approx(
                {k: v for k, v in reference.items() if k not in timed}, rel=1e-4, abs=1e-6
            )


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_optimizer_and_both_directions_give_the_weights_of_members_alone(optimizer, bidirectional) -> None:
    def members() -> list[Member]:
        return [
            replace(member, model=small_model("lstm", k, 0.3, 2, bidirectional=bidirectional))
            for k, member in enumerate(various(optimizer=optimizer))
        ]

    apart, together = members(), members()
    for member in apart:
        alone(member)
    fit_fleet(together, FP32, spec_of(), recorders(len(together)))
    assert max(largest_difference(a.model, b.model) for a, b in zip(apart, together, strict=True)) < TOLERANCE


def test_bf16_members_end_near_what_they_are_alone() -> None:
    require_bf16()
    bf16 = Precision(torch.bfloat16, False, "a test's")
    member, twin = various()[0], various()[0]
    lone = alone(member, precision=bf16)
    (result,) = fit_fleet([twin], bf16, spec_of(), recorders(1))
    assert isinstance(result, FitResult)
    assert result.best_loss == pytest.approx(lone.best_loss, rel=1e-2)
    assert largest_difference(member.model, twin.model) < 0.02


def test_listeners_hear_what_they_hear_of_a_run_alone() -> None:
    heard, together, apart = recorders(5), various(), various()
    fit_fleet(together, FP32, spec_of(), heard)
    for member, recorder in zip(apart, heard, strict=True):
        reference = Recorder()
        alone(member, listener=reference)
        assert recorder.steps == reference.steps
        assert len(recorder.epochs) == len(reference.epochs)
        assert recorder.messages == [text for text in reference.messages if not text.startswith("Threads")]
    assert "Early stopping triggered (patience=2)" in heard[4].messages


def test_members_that_are_done_or_have_fewer_batches_are_left_out_of_the_stack(monkeypatch) -> None:
    sizes: list[int] = []
    whole = FleetStep.gradients

    def counted(self, weights_AD, *rest):
        sizes.append(len(weights_AD))
        return whole(self, weights_AD, *rest)

    monkeypatch.setattr(FleetStep, "gradients", counted)
    heard, members = recorders(5), various()
    fit_fleet(members, FP32, spec_of(), heard)
    assert sum(sizes) == sum(len(recorder.steps) for recorder in heard), "a member's step is computed once, no other is"
    assert len(set(sizes)) > 2


def test_a_member_that_diverges_is_named_keeps_its_first_weights_and_does_not_touch_the_others() -> None:
    apart, together, fresh, heard = various(), various(), various(), recorders(5)
    wild = together[1].settings.model_copy(update={"learning_rate": 1e30, "gradient_clip": None})
    together[1] = replace(together[1], settings=wild)
    found = fit_fleet(together, FP32, spec_of(), heard)
    assert isinstance(found[1], DivergedError)
    assert "finite" in heard[1].messages[-1]
    assert largest_difference(together[1].model, fresh[1].model) == 0
    for k in (0, 2, 3, 4):
        alone(apart[k])
        assert largest_difference(together[k].model, apart[k].model) < TOLERANCE


def test_a_member_that_diverges_late_keeps_its_best_weights_and_its_checkpoint_remembers(tmp_path) -> None:
    file, members, heard = tmp_path / "fleet.safetensors", various()[:2], recorders(2)
    matrix = members[0].windows.matrix

    class Poison(Recorder):
        def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
            super().on_epoch(epoch, values)
            if epoch == 2:
                matrix[:] = float("nan")

    heard[1] = Poison()
    found = fit_fleet(members, FP32, spec_of(), heard, save=lambda state: save_checkpoint(file, state, "key"))
    again = fit_fleet(various()[:2], FP32, spec_of(), recorders(2), saved=load_checkpoint(file, "key"))
    for result in (*found, *again):
        assert isinstance(result, FitResult)
        assert (result.ended, result.epochs) == ("diverged", 2)
    assert all("diverged" in one.messages[-1] for one in heard)
    assert all(torch.isfinite(parameter).all() for member in members for parameter in member.model.parameters())


def same(a: list[Member], b: list[Member]) -> bool:
    return all(largest_difference(one.model, other.model) == 0 for one, other in zip(a, b, strict=True))


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_a_fleet_cut_off_between_epochs_resumes_from_its_file_to_the_same_weights_bit_for_bit(
    stop_after, tmp_path
) -> None:
    def save(state) -> None:
        epoch = max(own.epoch for own in state.progress)
        save_checkpoint(tmp_path / f"{epoch}.safetensors", state, "key")

    whole, resumed = various(), various()
    undisturbed = fit_fleet(whole, FP32, spec_of(), recorders(5), save=save)
    for member in resumed:
        nn.init.zeros_(member.model.head.weight)  # whatever the fresh models hold, the checkpoint wins
    saved = load_checkpoint(tmp_path / f"{stop_after}.safetensors", "key")
    results = fit_fleet(resumed, FP32, spec_of(), recorders(5), saved=saved)
    assert same(whole, resumed)
    for one, other in zip(undisturbed, results, strict=True):
        assert isinstance(one, FitResult)
        assert isinstance(other, FitResult)
        assert [epoch["val_loss"] for epoch in one.history] == [epoch["val_loss"] for epoch in other.history]


def test_a_fleet_killed_within_an_epoch_resumes_to_the_same_weights_bit_for_bit(tmp_path) -> None:
    class Killed(BaseException):
        pass

    class Killer(Recorder):
        def on_step(self, epoch: int, step: int, num_steps: int) -> None:
            if (epoch, step) == (3, 3):
                raise Killed

    file = tmp_path / "fleet.safetensors"
    heard = [*recorders(4), Killer()]
    members = various(min_delta=0.0, early_stopping_patience=5)
    with pytest.raises(Killed):
        fit_fleet(
            [*members[:4], members[0]], FP32, spec_of(), heard, save=lambda state: save_checkpoint(file, state, "key")
        )
    whole, resumed = (various(min_delta=0.0, early_stopping_patience=5) for _ in range(2))
    fit_fleet([*whole[:4], replace(whole[0], model=whole[4].model)], FP32, spec_of(), recorders(5))
    again = [*resumed[:4], replace(resumed[0], model=resumed[4].model)]
    fit_fleet(again, FP32, spec_of(), recorders(5), saved=load_checkpoint(file, "key"))
    assert same(whole[:4], resumed[:4])


def test_a_divergence_is_remembered_by_the_checkpoint(tmp_path) -> None:
    file = tmp_path / "fleet.safetensors"

    def members() -> list[Member]:
        tame = various()[:2]
        wild = tame[1].settings.model_copy(update={"learning_rate": 1e30, "gradient_clip": None})
        return [tame[0], replace(tame[1], settings=wild)]

    fit_fleet(members(), FP32, spec_of(), recorders(2), save=lambda state: save_checkpoint(file, state, "key"))
    found = fit_fleet(members(), FP32, spec_of(), recorders(2), saved=load_checkpoint(file, "key"))
    assert isinstance(found[0], FitResult)
    assert isinstance(found[1], DivergedError)
    with pytest.raises(BundleError, match="another"):
        load_checkpoint(file, "another key")


def test_ctrl_c_keeps_the_best_weights_so_far_and_before_the_first_epoch_is_passed_on() -> None:
    class Impatient(Recorder):
        def __init__(self, epoch: int) -> None:
            super().__init__()
            self.at = epoch

        def on_step(self, epoch: int, step: int, num_steps: int) -> None:
            if epoch == self.at:
                raise KeyboardInterrupt

    members, best = various(), []
    heard = [Impatient(3), *recorders(4)]
    results = fit_fleet(members, FP32, spec_of(), heard, save=lambda state: best.append(state.best.clone()))
    assert [isinstance(result, FitResult) and result.ended == "interrupted" for result in results] == [
        True,
        True,
        True,
        False,
        True,
    ]
    for member, row in zip(members, best[-1], strict=True):
        flat = torch.cat([parameter.detach().flatten() for parameter in member.model.parameters()])
        assert torch.equal(flat, row)
    with pytest.raises(KeyboardInterrupt):
        fit_fleet(various(), FP32, spec_of(), [Impatient(1), *recorders(4)])


def test_a_step_asks_the_device_for_nothing() -> None:
    class Watch(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.asked: list[str] = []

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if func.name() in ("aten::_local_scalar_dense", "aten::nonzero", "aten::is_nonzero", "aten::equal"):
                self.asked.append(func.name())
            return func(*args, **(kwargs or {}))

    asked: list[str] = []

    class Watched(Recorder):
        """From the first step's end to the last step's everything is a training step."""

        def on_step(self, epoch: int, step: int, num_steps: int) -> None:
            if step == 1:
                self.watch = Watch()
                self.watch.__enter__()
            if step == num_steps:
                self.watch.__exit__(None, None, None)
                asked.extend(self.watch.asked)

    member = various()[0]
    fit_fleet([member], FP32, spec_of(), [Watched()])
    assert asked == []


def test_a_fleet_too_large_for_memory_runs_fewer_members_at_once_says_so_and_ends_the_same(monkeypatch) -> None:
    def cramped(function, chunk_size=None):
        def mapped(*inputs):
            if chunk_size is None or chunk_size > 2:
                raise MemoryError
            return torch.func.vmap(function, chunk_size=chunk_size)(*inputs)

        return mapped

    roomy, tight, heard = various(), various(), recorders(5)
    fit_fleet(roomy, FP32, spec_of(), recorders(5))
    monkeypatch.setattr(fleet_step, "vmap", cramped)
    fit_fleet(tight, FP32, spec_of(), heard)
    assert heard[0].messages[0] == "out of memory: members now run 2 at a time"
    assert max(largest_difference(a.model, b.model) for a, b in zip(roomy, tight, strict=True)) < TOLERANCE


def test_no_room_for_a_single_member_is_an_error_with_remedies(monkeypatch) -> None:
    def full(function, chunk_size=None):
        def mapped(*inputs):
            raise MemoryError

        return mapped

    monkeypatch.setattr(fleet_step, "vmap", full)
    with pytest.raises(MemoryExhaustedError) as caught:
        fit_fleet(various(), FP32, spec_of(), recorders(5))
    assert "training.batch_size" in (caught.value.hint or "")


Change = Callable[[Member], Member]


def other_model(name: str, **fields: object) -> Change:
    return lambda member: replace(member, model=small_model(name, 1, 0.1, 2, **fields))


def other_settings(**fields: object) -> Change:
    return lambda member: replace(member, settings=settings(**fields))


def other_windows(**fields: object) -> Change:
    return lambda member: replace(member, windows=replace(member.windows, **fields))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_model("lstm", hidden_size=6), r"rnn\.weight_ih_l0 is \[32, 3\] in member 0 and \[24, 3\] in member 1"),
        (other_model("lstm", num_layers=1), r"rnn\.weight_ih_l1 .* absent in member 1"),
        (other_model("gru"), "one shape"),
        (other_settings(batch_size=32), r"training\.batch_size; got 64 and 32"),
        (other_settings(optimizer="adam"), r"training\.optimizer\.name; got adamw and adam"),
        (other_settings(loss="mse"), r"training\.loss\.name; got auto and mse"),
        (other_windows(sequence_length=4), "sequence_length; got 5 and 4"),
        (other_windows(clip=None), r"clip; got 4\.0 and None"),
        (other_windows(steps_scored=2), "steps_scored; got 1 and 2"),
        (other_windows(matrix=torch.zeros(9, 3)), "one feature matrix"),
        (lambda member: replace(member, train_rows=member.train_rows[:20]), "batch_size must not exceed the 20"),
    ],
)
def test_members_that_differ_in_what_a_step_is_made_of_are_refused_by_the_fields_name(change, message) -> None:
    first, second = various()[:2]
    with pytest.raises(ConfigError, match=message):
        fit_fleet([first, change(second)], FP32, spec_of(), recorders(2))


def test_fp16_which_scales_gradients_by_run_and_graphs_without_a_gpu_are_refused() -> None:
    with pytest.raises(ConfigError, match="fp16"):
        fit_fleet(various(), Precision(torch.float16, True, "a test's"), spec_of(), recorders(5))
    with pytest.raises(ConfigError, match="needs a GPU"):
        fit_fleet(various(), FP32, spec_of(), recorders(5), graph=True)


def test_the_choice_is_off_on_cpus_on_on_gpus_and_as_said_where_something_is_said() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda", 0)
    assert choose_fleet(cpu, 15)[0] is False
    assert "processes" in choose_fleet(cpu, 15)[1]
    assert choose_fleet(gpu, 15) == (True, "15 members share cuda:0")
    assert choose_fleet(gpu, 1)[0] is False
    assert choose_fleet(cpu, 15, "on") == (True, "asked for")
    assert choose_fleet(gpu, 15, "off") == (False, "asked for")


def test_the_pages_python_runs() -> None:
    page = (Path(__file__).parents[1] / "docs" / "fleet.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    first = various()[0]
    names = {
        "models": [small_model("lstm", seed, 0.1, 2) for seed in range(3)],
        "windows": first.windows,
        "train_rows": first.train_rows,
        "val_rows": first.val_rows,
        "settings": settings(max_epochs=1),
        "precision": FP32,
        "spec": spec_of(),
        "listeners": recorders(3),
    }
    exec(compile(code, "fleet.md", "exec"), names)
    assert len(names["results"]) == 3
