"""The audit of declared causality: a model that sees the steps after one that it learns, and says that it does not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from audit_tables import case_of, random_walk, small_experiment
from gatewise.models import registry
from gatewise.models.recurrent import RecurrentNet
from gatewise.proofs.causality import check_causality, first_that_sees_ahead


def lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """An lstm that reads each window from both its ends, whatever is asked for, and is declared to read it from one."""
    honest = RecurrentNet.__init__
    monkeypatch.setattr(
        RecurrentNet, "__init__", lambda self, *args, **fields: honest(self, *args, **fields | {"bidirectional": True})
    )


def test_symbols_are_told_to_the_model_under_audit() -> None:
    config = small_experiment(model__symbol_embedding=2, features__symbol_onehot=True)
    check = check_causality(case_of(random_walk(1_000, symbols="AB"), config=config))
    assert check.passed, check.detail
    assert "7 of a window's 8 steps" in check.detail


def test_a_model_that_is_declared_causal_and_sees_later_steps_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    lies(monkeypatch)
    check = check_causality(case_of(random_walk(1_000)))
    assert not check.passed
    assert check.detail.startswith("lstm is declared causal, and the output of step 1 of a window moves")


def test_an_ensemble_is_as_its_members_are(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_experiment(model__name="voting", model__base_models="gru,tcn,last_row:xgboost", model__sizes="tiny")
    case = case_of(random_walk(1_000), config=config)
    check = check_causality(case)
    assert check.passed
    assert all(words in check.detail for words in ("a small gru", "a small tcn", "xgboost reads the row"))
    lies(monkeypatch)
    caught = check_causality(case)
    assert not caught.passed
    assert caught.detail.startswith("gru is declared causal")
    assert "tcn" not in caught.detail


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model__bidirectional": True}, "lstm as configured is declared not causal"),
        ({"model__name": "xgboost"}, "xgboost reads the row that ends a window"),
    ],
)
def test_what_is_declared_not_causal_is_told_so_and_is_no_fault(
    fields: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "build_model", None)  # nothing is built where nothing is claimed
    check = check_causality(case_of(random_walk(1_000), config=small_experiment(**fields)))
    assert check.passed
    assert words in check.detail


def test_the_first_step_that_sees_ahead_is_named() -> None:
    def sees_from_the_third(x_BTF: torch.Tensor) -> torch.Tensor:
        return torch.cat([x_BTF[:, :2].cumsum(dim=1), x_BTF[:, 2:] + x_BTF[:, -1:]], dim=1)

    x_BTF = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0))
    assert first_that_sees_ahead(sees_from_the_third, x_BTF, range(5)) == 2
    assert first_that_sees_ahead(lambda x_BTF: x_BTF.cumsum(dim=1), x_BTF, range(5)) is None
