"""Fleets where a GPU is: against members alone on the same GPU, and a captured step against an eager one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from fleet_members import FP32, alone, largest_difference, recorders, spec_of, various
from gatewise.training.fleet.fit import Member, fit_fleet

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
TOLERANCE = 1e-4


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def on_gpu(members: list[Member]) -> list[Member]:
    matrix, moved = members[0].windows.matrix.cuda(), []
    for member in members:
        own = {name: getattr(member.windows, name).cuda() for name in ("center", "inverse_scale", "y", "row_weight")}
        windows = replace(member.windows, matrix=matrix, **own)
        moved.append(replace(member, model=member.model.cuda(), windows=windows))
    return moved


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_each_member_ends_with_the_weights_that_it_has_alone_on_the_same_gpu(name) -> None:
    apart, together = on_gpu(various(name)), on_gpu(various(name))
    for member in apart:
        alone(member)
    fit_fleet(together, FP32, spec_of(), recorders(5))
    assert max(largest_difference(a.model, b.model) for a, b in zip(apart, together, strict=True)) < TOLERANCE


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_a_captured_step_trains_to_the_weights_of_an_eager_one(name) -> None:
    eager, captured = on_gpu(various(name, batch_size=16)), on_gpu(various(name, batch_size=16))
    fit_fleet(eager, FP32, spec_of(), recorders(5))
    fit_fleet(captured, FP32, spec_of(), recorders(5), graph=True)
    assert max(largest_difference(a.model, b.model) for a, b in zip(eager, captured, strict=True)) < TOLERANCE
