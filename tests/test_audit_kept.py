"""An audit that is kept beside a run speaks for that run's model, settings and rows, and for no other's.

A gate that took an audit of something else would let a leak pass under the name of a proof.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import TINY, Cli
from gatewise.config.load import load_config, to_yaml
from gatewise.data.demo_bars import sample_config
from gatewise.data.table import Table
from gatewise.errors import ConfigError
from gatewise.files import write_json, write_text
from gatewise.gates import Gate, check
from gatewise.proofs import Audit, Check, kept
from gatewise.registry.audits import keep_audit, kept_audit
from gatewise.sealed import write_sealed

PASSED = {"passed": True, "checks": [{"name": "features", "passed": True, "detail": ""}]}


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    write_text(tmp_path / "config.yaml", to_yaml(load_config(overrides={"data.source": "sp500"})))
    write_sealed(tmp_path / "bundle", {"bundle": {"data_fingerprint": "rows"}}, {})
    return tmp_path


def why_not(folder: Path) -> str | None:
    audit = kept_audit(folder)
    assert audit is not None
    return audit.refusal(folder)


def test_it_is_of_the_run_until_bundle_config_or_rows_are_others(run_folder: Path) -> None:
    assert kept_audit(run_folder) is None
    keep_audit(run_folder, PASSED, "rows")
    assert why_not(run_folder) is None
    keep_audit(run_folder, PASSED, "other rows")
    assert "other rows" in str(why_not(run_folder))
    keep_audit(run_folder, PASSED, "rows")
    write_text(
        run_folder / "config.yaml", to_yaml(load_config(overrides={"data.source": "sp500", "target.horizon": 5}))
    )
    assert "another config" in str(why_not(run_folder))
    keep_audit(run_folder, PASSED, "rows")
    write_sealed(run_folder / "bundle", {"bundle": {"data_fingerprint": "rows", "metrics": {}}}, {})
    assert "another bundle" in str(why_not(run_folder))


@pytest.mark.parametrize(
    "changes",
    [{"passed": False}, {"checks": []}, *({"checks": [{"name": "labels", "passed": said}]} for said in (False, 1))],
)
def test_it_has_passed_only_where_it_and_each_of_its_checks_say_so(run_folder: Path, changes: dict[str, Any]) -> None:
    keep_audit(run_folder, PASSED | changes, "rows")
    audit = kept_audit(run_folder)
    assert audit is not None
    assert not audit.passed


@pytest.fixture
def audited(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Table]]:
    """What is audited, by an audit that takes no time."""
    calls: list[tuple[Any, Table]] = []

    def run_audit(config: Any, table: Table, seed: int, rows: Table | None) -> Audit:
        calls.append((config, table))
        return Audit((Check("features", True, ""),))

    monkeypatch.setattr(kept, "run_audit", run_audit)
    return calls


def test_rows_that_lie_elsewhere_now_are_chosen_as_the_runs_were(
    run_folder: Path, audited: list[tuple[Any, Table]], tmp_path: Path
) -> None:
    config = load_config(overrides={"data.source": "sp500", "data.start": "2010-01-01"})
    write_text(run_folder / "config.yaml", to_yaml(config))
    kept.audit_run(run_folder)
    copy = tmp_path / "copy.csv"
    (named,) = sample_config(config.data).paths
    copy.write_bytes(gzip.decompress(Path(named).read_bytes()))
    here = {"data.paths": [str(copy)], "data.stamp": "open", "data.symbol": "SP500"}
    kept.audit_run(run_folder, (), here)
    (_, first), (_, second) = audited
    assert second.num_rows == first.num_rows
    assert np.array_equal(first.frame["close"].to_numpy(), second.frame["close"].to_numpy())
    with pytest.raises(ConfigError, match="settings of data alone"):
        kept.audit_run(run_folder, (), {"target.horizon": 5})


@pytest.mark.trains
def test_a_gate_takes_the_audit_of_the_run_alone(cli: Cli, gatewise_home: Path, audited: list[Any]) -> None:
    run_id = cli("train", *TINY, "-q", "--json").json["run_id"]
    folder = gatewise_home / "runs" / run_id
    asked = [Gate("audit"), Gate("audit", required=False)]
    assert [result.passed for result in check(folder, asked).results] == [False, None]
    said = cli("audit", "--model", run_id[:8], "--json")
    assert (said.code, said.json["passed"]) == (0, True)
    assert Path(said.json["kept"]) == folder / "audit.json"
    assert audited[0][0] == load_config(folder / "config.yaml")
    assert [result.passed for result in check(folder, asked).results] == [True, True]
    values = json.loads((folder / "audit.json").read_bytes())
    for changes, words in (
        ({"bundle": "0" * 64}, "another bundle"),
        ({"checks": [{"name": "labels", "passed": False}]}, "looks ahead: labels"),
        ({"schema": 2}, "later version"),
        ({"checks": 3}, "can't be read"),
    ):
        write_json(folder / "audit.json", values | changes)
        for result in check(folder, asked).results:
            assert result.passed is False
            assert words in result.words


def test_a_name_that_is_neither_a_model_nor_a_run_is_refused_with_both_lists(cli: Cli) -> None:
    said = cli("audit", "--model", "lstn", "--source", "sp500")
    assert said.code == 2
    assert "a kind of model or a run; got 'lstn'" in said.err
    assert "lstm" in said.err.splitlines()[1]
