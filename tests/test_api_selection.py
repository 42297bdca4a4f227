"""`gatewise.cv`, `tune`, `audit` and `check` on frames: what the commands do with files of the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import gatewise as gw
from api_frames import TINY, bars
from gatewise.api.check import AuditResult
from gatewise.api.cv import CvResult
from gatewise.api.summary import HEIGHT, WIDTH, Result, Summary
from gatewise.api.tune import TuneResult
from gatewise.errors import ArgumentError, GatewiseError
from gatewise.proofs import Audit

FEW = {name: value for name, value in TINY.items() if name != "hidden_size"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("GATEWISE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def compared(home: Path) -> CvResult:
    return gw.cv(bars("AAA", "BBB").to_pandas(), models=["lstm", "logistic"], n_splits=2, workers=1, **TINY)


@pytest.fixture(scope="module")
def searched(home: Path) -> TuneResult:
    return gw.tune(bars(), space={"hidden_size": [2, 3]}, n_trials=2, n_splits=2, workers=0, **FEW)


def require_screen(result: Result) -> None:
    lines = str(result).splitlines()
    assert len(lines) <= HEIGHT
    assert max(map(len, lines)) <= WIDTH
    assert lines[0] in result._repr_html_()


def test_a_cross_validation_of_a_frame_is_that_of_its_file(compared: CvResult, tmp_path: Path) -> None:
    bars("AAA", "BBB").write_parquet(tmp_path / "bars.parquet")
    again = gw.cv(tmp_path / "bars.parquet", models="lstm,logistic", horizons=2, n_splits=2, workers=1, **TINY)
    drop = [name for name in compared.folds.columns if "seconds" in name]
    assert again.folds.drop(drop).equals(compared.folds.drop(drop))
    assert again.out_of_fold.equals(compared.out_of_fold)
    assert {"lstm@2", "logistic@2", "prior@2"} == compared.metrics.keys()
    assert compared.verdict == compared.to_dict()["verdict"]
    assert Path(compared.report()).is_file()
    require_screen(compared)


def test_a_cross_validation_goes_on_with_the_same_rows_alone(compared: CvResult) -> None:
    cv_id = compared.outcome.folder.name[:8]
    again = gw.cv(bars("AAA", "BBB"), resume=cv_id, workers=1, progress=False)
    assert again.outcome.resumed == 4
    with pytest.raises(GatewiseError, match="must be those that"):
        gw.cv(bars("AAA", "CCC", rows=990), resume=cv_id, workers=1, progress=False)


def test_worker_processes_are_handed_the_frame(home: Path, compared: CvResult) -> None:
    aside = gw.cv(bars("AAA", "BBB"), models=["lstm", "logistic"], n_splits=2, workers=2, fleet="off", **TINY)
    assert aside.out_of_fold.equals(compared.out_of_fold)


def test_a_search_gives_settings_that_fit_takes(searched: TuneResult) -> None:
    assert searched.best.keys() == {"hidden_size"}
    assert searched.trials.height == 2
    assert searched.best_config.model.model_dump()["hidden_size"] == searched.best["hidden_size"]
    model = searched.fit(bars(), progress=False)
    assert model.config.model == searched.best_config.model
    assert searched.verdict == searched.to_dict()["verdict"]
    require_screen(searched)
    more = gw.tune(bars(), resume=searched.outcome.folder.name, n_trials=3, progress=False)
    assert more.trials.height == 3


@pytest.mark.parametrize(
    ("call", "said", "words"),
    [
        (gw.cv, {"models": 3}, "models are names"),
        (gw.cv, {"horizons": "x"}, "horizons are whole numbers"),
        (gw.cv, {"seeds": 1.5}, "seeds"),
        (gw.cv, {"seeds": [1.5]}, "whole numbers"),
        (gw.cv, {"seeds": [1, 2], "seed": 3}, "got both"),
        (gw.cv, {"workers": "2"}, "workers is a whole number"),
        (gw.cv, {"workers": -1}, "workers is a whole number"),
        (gw.cv, {"run_name": 5}, "run_name is a text"),
        (gw.cv, {"resume": 5}, "resume is a text"),
        (gw.cv, {"resume": "abc"}, "abc"),
        (gw.cv, {"max_time": 10}, "max_time"),
        (gw.compare, {"models": 3}, "models are names"),
        (gw.compare, {"max_time": 10}, "max_time"),
        (gw.compare, {"seeds": [1, 2], "seed": 3}, "got both"),
        (gw.compare, {"resume": "abc"}, "abc"),
        (gw.compare, {"workers": 2}, "unknown keyword"),
        (gw.cv, {"modles": "lstm"}, "unknown keyword"),
        (gw.tune, {"timeout": "soon"}, "timeout"),
        (gw.tune, {"timeout": True}, "timeout"),
        (gw.tune, {"timeout": float("nan")}, "timeout"),
        (gw.tune, {"timeout": float("inf")}, "timeout"),
        (gw.tune, {"n_trials": "5"}, "n_trials is a whole number"),
        (gw.tune, {"n_trials": 1.5}, "n_trials is a whole number"),
        (gw.tune, {"study_name": 5}, "study_name is a text"),
        (gw.tune, {"pruner": 3}, "pruner is a text"),
        (gw.tune, {"space": 3}, "search space"),
        (gw.tune, {"n_trials": 0}, "at least one trial"),
        (gw.audit, {"horizn": 3}, "unknown keyword"),
        (gw.check, {"stmp": "open"}, "unknown keyword"),
    ],
)
def test_wrong_arguments_are_one_line_and_a_hint(
    gatewise_home: Path, call: Any, said: dict[str, Any], words: str
) -> None:
    with pytest.raises(GatewiseError) as refused:
        call(bars(), **said)
    assert words in refused.value.message
    assert refused.value.hint
    assert "\n" not in refused.value.message + refused.value.hint


@pytest.mark.parametrize("call", [gw.fit, gw.cv, gw.compare, gw.tune, gw.audit, gw.check])
def test_an_argument_that_is_misspelt_is_named(call: Any) -> None:
    with pytest.raises(GatewiseError) as refused:
        call(confg="mine.yaml")
    assert "'config'" in str(refused.value.hint)


def test_an_audit_of_a_frame_is_true_where_nothing_looks_ahead(gatewise_home: Path) -> None:
    audit = gw.audit(bars(), **TINY)
    assert audit
    assert audit.passed
    assert {check.name for check in audit.checks} >= {"features", "labels", "split"}
    require_screen(audit)
    first, *rest = audit.checks
    failed = AuditResult(Audit((*rest, replace(first, passed=False, detail="x" * 30 + " look " * 90))))
    assert not failed
    require_screen(failed)
    assert "FAIL  features" in str(failed).splitlines()[2]


def test_a_check_of_a_frame_counts_what_that_of_its_file_does(tmp_path: Path) -> None:
    frame = bars().with_columns(low=pl.when(pl.col("close") > 101).then(999.0).otherwise("low"))
    frame.write_parquet(tmp_path / "bars.parquet")
    result = gw.check(frame)
    assert not result
    assert not result.ok
    assert result.to_dict() == gw.check(tmp_path / "bars.parquet").to_dict() | {"notes": list(result.notes)}
    assert "ohlc_violations" in {finding.kind for finding in result.findings}
    require_screen(result)
    assert gw.check(bars().to_pandas().set_index("time"))


def test_a_summary_of_any_size_fits_a_screen() -> None:
    lines = [[f"line {n}", *(f"{n * m:,}.000 ± 0.001" for m in range(9))] for n in range(99)]
    head = [f"column {n}" for n in range(9)]
    many = Summary("Headline", "open", "caption " * 30, head, lines, ["a note"] * 9, {"run": "x" * 99})
    text = many.text().splitlines()
    assert len(text) <= HEIGHT
    assert max(map(len, text)) <= WIDTH
    assert text[-1] == "… and 82 more"
    assert pd.Series(text).str.contains("line 0").sum() == 1


@pytest.mark.parametrize(
    ("call", "name"), [(gw.cv, "stop_after_epoch"), (gw.tune, "max_time"), (gw.tune, "stop_after_epoch")]
)
def test_a_budget_of_one_training_is_refused_where_several_are_made_and_what_there_is_instead_is_named(
    call: Callable[..., object], name: str
) -> None:
    with pytest.raises(ArgumentError, match=f"{name} ends one training") as refused:
        call("rows.csv", **{name: 3})
    assert "quick=True" in str(refused.value.hint)
