"""What runs judge goes to the ledger by itself, and stays there when they are removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import TINY
from gatewise.gates import Gate, check
from gatewise.looks.ledger import ledger_file, read
from gatewise.registry.looks import begin_ledger, looks_of, run_looks

pytestmark = pytest.mark.trains


def test_every_judging_is_counted_whatever_becomes_of_its_run(cli: Any, gatewise_home: Path) -> None:
    logistic = "--source", "sp500", "--horizon", "3", "--set", "features.sets=[ohlcv]", "-q", "--json"
    first, again = (cli("train", "--model", "logistic", *logistic).json for _ in range(2))
    for result in (first, again):
        (look,) = [look for look in read().looks if look.run_id == result["run_id"]]
        assert (look.kind, look.model, look.part, look.symbols) == ("train", "logistic", "test", ("SP500",))
        assert look.value == result["metrics"]["test"]["log_loss"]["value"]
        assert look.baseline_value == result["baselines"][look.baseline]["test"]["log_loss"]["value"]
        assert look.gain == pytest.approx(look.baseline_value - look.value)
        assert 0 < look.first_us < look.last_us
    folder = gatewise_home / "runs" / first["run_id"]
    here = run_looks(folder)
    assert (here.here.runs, here.here.models) == (2, 1), "a rerun is the same model again"
    apart = json.loads((folder / "metrics.json").read_bytes())["evaluation"]["parts"]["test"]["differences"]
    interval = here.deflated_gain.interval
    assert (interval.low, interval.high) == (
        pytest.approx(-apart[here.look.baseline]["high"]), pytest.approx(-apart[here.look.baseline]["low"])
    )  # fmt: skip
    (gate,) = check(folder, [Gate("deflated_gain", above=0, of="low")]).results
    assert gate.figure is not None
    assert (gate.figure.value, gate.figure.low, gate.passed) == (interval.value, interval.low, interval.low > 0)
    (span,) = cli("runs", "looks", "--json").json["spans"]
    assert (span["runs"], span["models"], span["symbols"]) == (2, 1, ["SP500"])
    assert span["words"] in cli("runs", "show", first["run_id"]).out
    assert "1 model of 1 run" in (folder.parent / again["run_id"] / "report.html").read_text(encoding="utf-8")
    folds = cli("cv", "--models", "logistic", "--n-splits", "3", *logistic).json
    lines = [look for look in read().looks if look.run_id == folds["id"]]
    assert [look.model for look in lines] == ["logistic@3"]
    assert lines[0].gain == -folds["against_prior"]["logistic@3"]["mean"]
    assert folds["looks"]["models"] == run_looks(folder).here.models == 2, "folds and test part share days"
    assert run_looks(folder).deflated_gain.interval.low < interval.low
    before = ledger_file().read_bytes()
    assert cli("runs", "rm", first["run_id"], "--yes").code == 0
    assert ledger_file().read_bytes() == before
    ledger_file().unlink()  # as earlier versions left the home
    begin_ledger()
    kept = gatewise_home / "runs" / again["run_id"]
    assert {look.run_id for look in read().looks} == {again["run_id"], folds["id"]}
    assert looks_of(kept)[0] in read().looks


def test_a_ledger_that_cannot_be_written_fails_no_training(cli: Any, gatewise_home: Path) -> None:
    ledger_file().mkdir()
    said = cli("train", *TINY, "-q", "--json")
    assert said.code == 0
    assert "looks at these rows are not counted" in said.err
