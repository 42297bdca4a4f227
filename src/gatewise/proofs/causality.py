"""Declared causality: a model that says that no step of a window sees later ones, and does, is trained on the answer.

With `windows.supervise` every each step's output is trained, so one that sees the steps after it has learned from them
by the time the last one, which has none, is asked. Seen is what moves an output when it is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from gatewise.config.ensemble_section import EnsembleConfig
from gatewise.config.model_base import NetworkConfig
from gatewise.fold import make_windows
from gatewise.learners.neural import build
from gatewise.nn.dropout import drawing
from gatewise.nn.initial import seeded
from gatewise.proofs.base import Case, Check, small_config
from gatewise.quiet import warnings_only

NUM_WINDOWS, MOST_STEPS = 8, 16
SPREADS = (1.0, 1e3)  # of what later steps are replaced by; scaled features have about 1
TOLERANCE = 1e-6


def first_that_sees_ahead(outputs: Callable[[Tensor], Tensor], x_BTF: Tensor, steps: Iterable[int]) -> int | None:
    """The first of `steps`, from 0, whose outputs move when all later steps are replaced.

    Args:
        outputs: x_BTF -> [batch, steps, width].
    """
    with torch.no_grad():
        before = outputs(x_BTF)
        for step in steps:
            for seed, spread in enumerate(SPREADS):
                other_BTF = x_BTF.clone()
                noise = torch.randn(x_BTF[:, step + 1 :].shape, generator=seeded(seed), dtype=x_BTF.dtype)
                other_BTF[:, step + 1 :] = spread * noise
                if not torch.allclose(outputs(other_BTF)[:, : step + 1], before[:, : step + 1], atol=TOLERANCE):
                    return step
    return None


def check_causality(case: Case) -> Check:
    """Outputs of a window's earlier steps stay the same when its later ones are replaced, where that is declared.

    An ensemble is as its members are.
    """
    model = case.config.model
    models = model.member_models if isinstance(model, EnsembleConfig) else (model,)
    checks = [_check(replace(case, config=case.config.model_copy(update={"model": one}))) for one in models]
    told = [check for check in checks if not check.passed] or checks
    return replace(told[0], detail="; ".join(dict.fromkeys(check.detail for check in told)))


def _check(case: Case) -> Check:
    model, name = case.config.model, case.config.model.name
    if not isinstance(model, NetworkConfig):
        return Check("causality", True, f"{name} reads the row that ends a window, so there is no later step to see")
    if not model.is_causal:
        return Check(
            "causality",
            True,
            f"{name} as configured is declared not causal: steps see later ones of their window, so the last step's "
            "output alone is trained and read",
        )
    rng = case.rng("causality")
    config = small_config(case.config, int(rng.integers(2**31)), len(case.split.train))
    every = config.model_copy(update={"windows": config.windows.model_copy(update={"supervise": "every"})})
    with warnings_only("gatewise"):
        fold = case.parts.fit_fold(config, case.samples, case.split.train)
        module = build(every, case.samples).train()
        windows = make_windows(config, case.samples, fold, torch.device("cpu"))
        rows = torch.from_numpy(rng.choice(case.split.train, min(NUM_WINDOWS, len(case.split.train)), replace=False))
        x_BTF, *symbol = windows.inputs(rows)

        def outputs(x_BTF: Tensor) -> Tensor:
            with drawing(0):
                returned: Tensor = module(x_BTF, *symbol)
            return returned

        num_steps = x_BTF.shape[1]
        steps = np.unique(np.linspace(0, num_steps - 1, min(MOST_STEPS, num_steps)).astype(int))[:-1].tolist()
        step = first_that_sees_ahead(outputs, x_BTF, steps)
    if step is not None:
        return Check(
            "causality",
            False,
            f"{name} is declared causal, and the output of step {step + 1} of a window moves with the steps after it",
        )
    return Check(
        "causality",
        True,
        f"a small {name} as it is declared: outputs of {len(steps)} of a window's {num_steps} steps are the same in "
        f"{len(rows)} windows whatever comes after them",
    )
