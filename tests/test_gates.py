"""Gates beside figures that are planted: a run passes or fails exactly at its bounds, by what it stored alone.

A gate that reads the wrong figure, the wrong end or the wrong rows lets a model through without a word.
"""

from __future__ import annotations

import json
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import TINY, Cli
from gate_runs import CLASSES, bounds, judged, plant
from gatewise.config.load import load_config
from gatewise.config.parsing import parse_yaml
from gatewise.errors import ConfigError, GateError, GatewiseError, ReadError, RunNotFoundError, UnknownNameError
from gatewise.evaluation.base import class_prediction
from gatewise.evaluation.class_metrics import class_scores
from gatewise.evaluation.judge import judge_part
from gatewise.files import write_frame, write_json
from gatewise.gates import Gate, check, default_gates, on_symbol, read_gates
from gatewise.gates.gate import BOUNDS
from gatewise.gates.read import gates_in_words, parse_gates
from gatewise.gates.results import GateResults
from gatewise.gates.table import WORDS
from gatewise.registry.runs import start_run

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("planted")


def passed(folder: Path, *gates: Gate, **how: Any) -> list[bool | None]:
    return [result.passed for result in check(folder, gates, now=NOW, **how).results]


# ---- bounds


numbers = st.floats(-5, 5, allow_nan=False).map(lambda value: value + 0.0)


@given(value=numbers, apart=st.floats(-1, 1), kind=st.sampled_from(sorted(BOUNDS)))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_gate_passes_exactly_where_its_bound_is_kept(folder: Path, value: float, apart: float, kind: str) -> None:
    plant(folder, judged(log_loss=value), seal=False)
    for bound in (value, value + apart, math.nextafter(value, math.inf), math.nextafter(value, -math.inf)):
        truth = {"at_least": value >= bound, "at_most": value <= bound, "above": value > bound, "below": value < bound}
        (result,) = check(folder, [Gate("log_loss", **{kind: bound})]).results
        assert result.passed is truth[kind]
        assert result.words


@given(ends=st.lists(numbers, min_size=3, max_size=3).map(sorted), bound=numbers)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_gate_on_an_end_asks_for_more_or_less_than_one_on_the_point(
    folder: Path, ends: list[float], bound: float
) -> None:
    plant(folder, judged(log_loss=bounds(ends[1], ends[0], ends[2])), seal=False)
    least = passed(folder, *(Gate("log_loss", at_least=bound, of=end) for end in ("low", "point", "high")))
    most = passed(folder, *(Gate("log_loss", at_most=bound, of=end) for end in ("high", "point", "low")))
    assert least == sorted(least, key=bool)
    assert most == sorted(most, key=bool)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", sorted(BOUNDS))
def test_what_is_no_number_never_passes(folder: Path, value: float | None, kind: str) -> None:
    plant(folder, judged(log_loss=value), seal=False)
    (result,) = check(folder, [Gate("log_loss", **{kind: 0.0})]).results
    assert result.passed is False
    assert "can't be told" in result.words
    json.dumps(result.to_dict(), allow_nan=False)


def test_the_order_of_gates_changes_no_result(folder: Path) -> None:
    plant(folder)
    gates = [
        *default_gates(),
        Gate("accuracy", at_least=0.6),
        Gate("accuracy", at_least=0.6, of="low"),
        Gate("ece", at_most=0.01),
    ]
    one = {result.gate: result for result in check(folder, gates, now=NOW).results}
    random.Random(1).shuffle(gates)
    results = check(folder, gates, now=NOW).results
    assert [result.gate for result in results] == gates
    assert {result.gate: result for result in results} == one


def test_a_figure_without_an_interval_fails_a_gate_on_its_end_and_says_why(folder: Path) -> None:
    plant(folder)
    (result,) = check(folder, [Gate("ece", at_most=0.05, of="high")]).results
    assert (result.passed, result.words) == (False, "high end of calibration error can't be told: chance alone")


# ---- which figure is read


def test_nothing_is_scored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gatewise.bundle import Bundle

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a gate asked the model")

    for name in ("load", "predict", "predict_rows", "learned_rows"):
        monkeypatch.setattr(Bundle, name, refuse)
    plant(folder)
    assert passed(folder, *default_gates()) == [True, None, True, False, None]


def test_classes_and_symbols_are_judged_by_their_own_figures(folder: Path) -> None:
    few = judged(rows=300, accuracy=bounds(0.52, 0.4, 0.6))
    part = judged() | {"symbols": {"BTC": judged(rows=1700), "ETH": few}}
    plant(folder, part, symbols=("BTC", "ETH"))
    gates = [Gate("accuracy", at_least=0.55, on=on) for on in ("pooled", "symbol:BTC", "symbol:ETH", "every_symbol")]
    assert passed(folder, *gates) == [True, True, False, False]
    every = check(folder, gates[3:]).results[0]
    assert (every.symbol, every.figure and every.figure.value) == ("ETH", 0.52)
    assert passed(folder, Gate("rows", at_least=1000, on="every_symbol"), Gate("rows", at_least=1000)) == [False, True]
    assert passed(folder, *(Gate("recall", at_least=0.4, on=f"class:{name}") for name in CLASSES)) == [
        False,
        True,
        True,
    ]
    asked = on_symbol([Gate("accuracy", at_least=0.55), Gate("verified")], "ETH")
    assert [gate.on for gate in asked] == ["symbol:ETH", "pooled"]
    assert passed(folder, *asked) == [False, True]


def test_a_symbol_that_was_not_judged_fails_a_gate_on_every_symbol(folder: Path) -> None:
    plant(folder, judged() | {"symbols": {"BTC": judged()}}, symbols=("BTC", "SOL"))
    (result,) = check(folder, [Gate("accuracy", at_least=0.1, on="every_symbol")]).results
    assert (result.passed, result.symbol) == (False, "SOL")
    assert "too few test rows" in result.words


def test_trading_and_acted_rows_are_read_where_the_run_has_them(folder: Path) -> None:
    decision = {
        "parts": {
            "test": {"rows": 2000, "acted": 90, "coverage": bounds(0.045, 0.03, 0.06), "accuracy_acted": bounds(0.7)}
        }
    }
    plant(folder, decision=decision)
    gates = [Gate("sharpe", at_least=1), Gate("sharpe", at_least=0, of="low"), Gate("max_drawdown", at_most=0.1)]
    assert passed(folder, *gates) == [True, False, True]
    assert "max drawdown 0.1 is at most 0.1" in check(folder, gates).results[2].words
    assert passed(folder, Gate("coverage", at_least=0.05), Gate("accuracy_acted", at_least=0.68)) == [False, True]
    assert "(coverage 4.5%)" in check(folder, [Gate("accuracy_acted", at_least=0.68)]).results[0].words


def test_what_abstains_always_and_what_never_trades_fails(folder: Path) -> None:
    acted = {"rows": 2000, "acted": 0, "coverage": bounds(0.0), "accuracy_acted": None, "precision": None}
    never = {"sharpe": bounds(None), "sharpe_reason": "it never traded", "break_even_cost": None}
    plant(folder, judged() | {"backtest": never}, decision={"parts": {"test": acted}})
    for name in ("accuracy_acted", "precision_acted", "sharpe", "break_even_cost"):
        (result,) = check(folder, [Gate(name, at_least=-9)]).results
        assert (result.passed, "can't be told" in result.words) == (False, True)
    assert "it never traded" in check(folder, [Gate("sharpe", at_least=-9)]).results[0].words


def test_symbols_trade_on_accounts_of_their_own(folder: Path) -> None:
    accounts = {"BTC": {"sharpe": bounds(2.0)}, "ETH": {"sharpe": bounds(-1.0)}}
    part = judged() | {"symbols": {"BTC": judged(), "ETH": judged()}}
    plant(folder, part | {"backtest": {"sharpe": bounds(0.5), "symbols": accounts}}, symbols=("BTC", "ETH"))
    places = ("pooled", "symbol:BTC", "symbol:ETH", "every_symbol")
    assert passed(folder, *(Gate("sharpe", at_least=1, on=on) for on in places)) == [False, True, False, False]


@pytest.mark.trains
def test_every_figure_of_a_trained_run_is_gated_at_its_very_value(cli: Cli) -> None:
    """What is planted elsewhere here must be what judgings write."""
    value = cli("train", *TINY, "--set", "decision.rule=probability", "--json", "--quiet").json
    folder = Path(value["bundle"]).parent
    part = json.loads((folder / "metrics.json").read_text())["evaluation"]["parts"]["test"]
    found = {name: metric["value"] for name, metric in value["metrics"]["test"].items()}
    found |= {name: part["backtest"][name] for name in ("max_drawdown", "turnover", "trades")}
    found |= {"coverage": value["decision"]["parts"]["test"]["coverage"]["value"], "rows": value["windows"]["test"]}
    found["gain_over_best_baseline"] = 0.0 - part["differences"][part["best_baseline"]]["value"]
    assert len(found) > 20
    beyond = [Gate(name, at_least=math.nextafter(number, math.inf)) for name, number in found.items()]
    assert passed(folder, *(Gate(name, at_least=number) for name, number in found.items())) == [True] * len(found)
    assert passed(folder, *beyond) == [False] * len(found)
    assert passed(folder, Gate("verified"), Gate("max_age", at_most=0), Gate("max_age", at_most=1e6)) == [
        True, False, True,
    ]  # fmt: skip
    without = part["intervals"]["without"]
    assert {name for name, metric in value["metrics"]["test"].items() if metric["low"] is None} == without.keys()
    for name, reason in without.items():
        assert check(folder, [Gate(name, at_least=-9, of="low")]).results[0].words.endswith(f": {reason}")


def test_the_gain_is_over_the_best_baseline_and_its_ends_are_turned(folder: Path) -> None:
    plant(folder)
    (result,) = check(folder, [Gate("gain_over_best_baseline", above=0, of="low")]).results
    assert result.figure is not None
    assert (result.figure.value, result.figure.low, result.figure.high) == (0.02, -0.01, 0.05)
    assert result.passed is False
    assert "logistic" in result.words


@pytest.mark.parametrize(("days", "passes"), [("10d", True), ("9d", False)])
def test_age_is_counted_from_the_newest_row_that_was_learned_from(folder: Path, days: str, passes: bool) -> None:
    plant(folder)
    assert passed(folder, Gate("max_age", at_most=days), Gate("max_run_age", at_most="2d")) == [passes, True]  # type: ignore[arg-type]


def test_a_changed_bundle_and_changed_metrics_are_not_verified(folder: Path) -> None:
    plant(folder)
    assert passed(folder, Gate("verified")) == [True]
    values = json.loads((folder / "metrics.json").read_text())
    values["metrics"]["test"]["accuracy"]["value"] = 0.99
    (folder / "metrics.json").write_text(json.dumps(values))
    (result,) = check(folder, [Gate("verified")]).results
    assert (result.passed, "other numbers" in result.words) == (False, True)
    plant(folder)
    (folder / "bundle" / "bundle.json").write_bytes(b"{}")
    assert "SHA-256" in check(folder, [Gate("verified")]).results[0].words


# ---- what is called out


def test_a_gate_that_knowing_nothing_passes_is_called_out_whether_it_passes_or_fails(folder: Path) -> None:
    plant(folder, judged(accuracy=0.4), seal=False)
    gates = [
        Gate("accuracy", at_least=0.45),
        Gate("accuracy", at_least=0.3),
        Gate("accuracy", at_least=0.51),
        Gate("ece", at_most=0.05),
    ]
    results = check(folder, gates)
    assert [bool(result.called_out) for result in results.results] == [True, True, False, True]
    assert [result.passed for result in results.results] == [False, True, False, True]
    assert "prior" in results.remarks[0]
    assert "50.0%" in results.remarks[0]
    ends = [Gate("accuracy", at_least=bound, of=end) for bound in (0.5, 0.49) for end in ("point", "low", "high")]
    assert [bool(result.called_out) for result in check(folder, ends).results] == [True, False, True, True, True, True]


# ---- the champion


def classes_frame(seed: int, first: int, count: int) -> pl.DataFrame:
    """Predictions of `count` days from the day `first` on, whose targets are the same whatever the seed."""
    prob = np.random.default_rng(seed).dirichlet(np.ones(3), count)
    truth = np.random.default_rng(0).integers(0, 3, 4000)[first : first + count]
    start = datetime(2020, 1, 1, tzinfo=UTC)
    times = [start + timedelta(days=first + day) for day in range(count)]
    return pl.DataFrame(
        {"symbol": ["A"] * count, "time": pl.Series(times, dtype=pl.Datetime("us", "UTC")), "part": ["test"] * count}
        | {f"prob_{name}": prob[:, number] for number, name in enumerate(CLASSES)}
        | {"label": [CLASSES[n] for n in prob.argmax(axis=1)], "target": [CLASSES[n] for n in truth]}
    )


def run_that_predicted(frame: pl.DataFrame, **fields: Any) -> Path:
    with start_run(load_config(overrides={"data.source": "sp500", "target.horizon": 1} | fields), name="one") as run:
        folder = run.folder
    plant(folder)
    write_frame(folder / "predictions.parquet", frame)
    return folder


def test_the_champion_is_compared_on_shared_rows_alone(gatewise_home: Path) -> None:
    champion = run_that_predicted(classes_frame(1, 0, 600))
    ours = classes_frame(2, 300, 600)
    (result,) = check(run_that_predicted(ours), [Gate("gain_over_champion", at_least=0)], champion=champion).results

    shared = slice(0, 300)  # of ours; the champion's last 300
    y = np.array([CLASSES.index(name) for name in ours["target"][shared]])
    scores = [
        class_scores(y, class_prediction(frame.select(f"prob_{name}" for name in CLASSES).to_numpy()), CLASSES)
        for frame in (ours[shared], classes_frame(1, 0, 600)[300:])
    ]
    time_us = ours["time"][shared].dt.epoch("us").to_numpy()
    truth = judge_part(
        "test", scores[0], {"champion": scores[1]}, deciding_metric="log_loss", chance=("champion",), time_us=time_us,
        symbol=np.zeros(300, np.int64), horizon=1, confidence=0.95,
    ).differences["champion"]  # fmt: skip
    assert result.figure is not None
    assert result.figure.value == pytest.approx(-truth.value, rel=1e-9)
    assert truth.high is not None
    assert result.figure.low == pytest.approx(-truth.high, rel=1e-9)


def test_predictions_that_are_damaged_are_told_by_their_file(gatewise_home: Path, cli: Cli) -> None:
    champion, ours = (run_that_predicted(classes_frame(seed, 0, 300)) for seed in (1, 2))
    path = champion / "predictions.parquet"
    whole = path.read_bytes()
    for damaged in (b"no parquet", whole[:-40], b""):
        path.write_bytes(damaged)
        for command in (("evaluate", "--model", ours, "--against", champion), ("runs", "compare", ours, champion)):
            said = cli(*command)
            assert (said.code, "hint:" in said.err) == (2, True), said.err
            assert path.name in said.err
    pl.DataFrame({"other": [1]}).write_parquet(path)
    assert "must hold the rows that a run predicted" in " ".join(cli("runs", "compare", ours, champion).err.split())


def test_a_champion_that_shares_no_row_can_not_be_passed(gatewise_home: Path) -> None:
    champion = run_that_predicted(classes_frame(1, 0, 300))
    ours = run_that_predicted(classes_frame(2, 300, 300))
    gate = Gate("gain_over_champion", at_least=-9, required=False)
    (result,) = check(ours, [gate], champion=champion).results
    assert (result.passed, "share no row" in result.words) == (False, True)
    assert passed(ours, gate) == [None]


def test_a_run_to_be_held_against_is_not_passed_over(gatewise_home: Path, cli: Cli) -> None:
    champion = run_that_predicted(classes_frame(1, 0, 300))
    said = cli("evaluate", "--model", champion, "--against", champion.name[:8], "--min-accuracy", "0.6", "--json").json
    assert [gate["metric"] for gate in said["gates"]] == ["accuracy", "gain_over_champion"]
    assert said["champion"] == champion.name


# ---- what is refused


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"metric": "accuracy"}, ConfigError),
        ({"metric": "accuracy", "at_least": 0.5, "at_most": 0.6}, ConfigError),
        ({"metric": "accuracy", "at_least": "high"}, ConfigError),
        ({"metric": "accuracy", "at_least": True}, ConfigError),
        ({"metric": "accuracy", "at_least": math.nan}, ConfigError),
        ({"metric": "accuracy", "at_least": 0.5, "of": "middle"}, UnknownNameError),
        ({"metric": "accuracy", "at_least": 0.5, "on": "symbols"}, UnknownNameError),
        ({"metric": "accuracy", "at_least": 0.5, "on": "symbol:"}, UnknownNameError),
        ({"metric": "accuracy", "at_leats": 0.5}, UnknownNameError),
        ({"metric": "verified", "at_least": 0.5}, ConfigError),
        ({"metric": "max_age", "at_most": "soon"}, ConfigError),
        ({"at_least": 0.5}, ConfigError),
        ("accuracy", ConfigError),
    ],
)
def test_what_is_no_gate_is_refused(values: Any, kind: type[GatewiseError]) -> None:
    with pytest.raises(kind) as error:
        Gate.from_dict(values)
    assert error.value.hint


@pytest.mark.parametrize(
    "gate", [*default_gates(), Gate("recall", above=0.5, of="high", on="class:up"), Gate("max_age", at_most=3)]
)
def test_a_gate_that_is_written_is_read_again(gate: Gate) -> None:
    assert Gate.from_dict(gate.to_dict()) == gate


@pytest.mark.parametrize(
    "gate",
    [
        Gate("acuracy", at_least=0.5),
        Gate("r2", at_least=0.5),
        Gate("coverage", at_least=0.5),
        Gate("accuracy", at_least=0.5, on="symbol:XRP"),
        Gate("recall", at_least=0.5, on="class:sideways"),
        Gate("accuracy", at_least=0.5, on="class:up"),
    ],
)
def test_a_gate_on_what_the_run_has_not_is_an_error_and_not_a_failure(folder: Path, gate: Gate) -> None:
    plant(folder)
    with pytest.raises(ConfigError) as error:
        check(folder, [gate])
    assert error.value.hint


def test_what_is_of_the_whole_run_is_none_of_a_symbol(folder: Path) -> None:
    plant(folder, judged() | {"symbols": {"BTC": judged(), "ETH": judged()}}, symbols=("BTC", "ETH"))
    for metric in ("sharpe", "max_age"):
        with pytest.raises(ConfigError, match="all symbols"):
            check(folder, [Gate(metric, at_most=9, on="symbol:BTC")])


def test_files_of_gates_are_lists_of_them(tmp_path: Path) -> None:
    path = tmp_path / "gates.yaml"
    lines = ("accuracy, at_least: 0.68, of: low", "max_age, at_most: 30d", "recall, above: 0, on: 'class:up'")
    path.write_text("\n".join(["gates:", *(f"- {{metric: {line}}}" for line in lines)]))
    written = [
        Gate("accuracy", at_least=0.68, of="low"),
        Gate("max_age", at_most=30),
        Gate("recall", above=0, on="class:up"),
    ]
    assert read_gates(path) == tuple(written)
    for text, kind in (
        ("[]", ConfigError),
        ("a: 1", ConfigError),
        ("- [", ReadError),
        ("- {metric: a, metric: b}", ConfigError),
    ):
        path.write_text(text)
        with pytest.raises(kind):
            read_gates(path)
    with pytest.raises(ReadError):
        read_gates(tmp_path / "none.yaml")


def test_the_page_shows_the_default_gates_as_they_are() -> None:
    page = Path(__file__).parents[1] / "docs" / "gates.md"
    shown = page.read_text(encoding="utf-8").split("## The default gates")[1].split("```yaml\n")[1].split("```")[0]
    assert parse_gates(parse_yaml(shown)) == default_gates()


def test_runs_that_gates_can_not_read_are_refused(folder: Path, tmp_path: Path) -> None:
    plant(folder, evaluation={"parts": {"val": judged()}}, judged_on="val")
    with pytest.raises(ConfigError, match="judged on val rows alone"):
        check(folder, default_gates())
    broken: Any
    part = judged()
    for broken in (
        *(part | {name: None} for name in sorted(part.keys() - {"part", "backtest"})),
        judged(accuracy={"value": "x"}),
    ):
        plant(folder, broken, evaluation={"parts": {"test": broken}}, seal=False)
        with pytest.raises(ReadError):
            check(folder, default_gates())
    (folder / "metrics.json").write_text("{}")
    with pytest.raises(ReadError):
        check(folder, default_gates())
    (folder / "metrics.json").unlink()
    with pytest.raises(RunNotFoundError, match="was not judged"):
        check(folder, default_gates())
    with pytest.raises(RunNotFoundError):
        check(tmp_path, default_gates())


def test_a_run_that_goes_on_is_not_held_against_what_it_was(folder: Path) -> None:
    plant(folder)
    values = json.loads((folder / "run.json").read_text())
    write_json(folder / "run.json", values | {"status": "RUNNING"})
    with pytest.raises(RunNotFoundError, match="not judged yet"):
        check(folder, default_gates())


def test_a_result_that_must_pass_raises_where_it_does_not(folder: Path) -> None:
    plant(folder)
    check(folder, [Gate("accuracy", at_least=0.6)]).require()
    with pytest.raises(GateError, match=r"accuracy 60\.0% is below 68\.0%") as error:
        check(folder, [Gate("accuracy", at_least=0.68)]).require()
    assert error.value.exit_code == 3


# ---- the command


def test_the_command_says_which_gate_fails_and_why_and_exits_with_three(cli: Cli, folder: Path) -> None:
    plant(folder)
    said = cli(
        "evaluate",
        "--model",
        folder,
        "--symbol",
        "BTC",
        "--model-type",
        "lstm",
        "--min-accuracy",
        "0.68",
        "--max-calibration-error",
        "0.05",
    )
    assert said.code == 3
    assert "fails: accuracy 60.0% is below 68.0%, and so is its whole interval [55.0%, 65.0%]" in said.out
    assert "no more than prior has" in said.out
    assert (folder / "gates.html").is_file()
    assert cli("evaluate", "--model", folder, "--min-accuracy", "0.6").code == 0
    said = cli("evaluate", "--model", folder, "--min-accuracy", "0.6", "--whole-interval", "--json")
    assert (said.code, said.json["passed"], said.json["gates"][0]["of"]) == (3, False, "low")


@pytest.mark.parametrize(
    "words",
    [
        ("--symbol", "XRP"),
        ("--model-type", "gru"),
        ("--model-type", "lstn"),
        ("--min-r2", "0.1"),
        ("--min-accuracy", "nan"),
        ("--max-age", "soon"),
        ("--min-gain-over-champion", "0"),
        ("--against", "nobody"),
        ("--gates", "none.yaml"),
    ],
)
def test_what_the_command_can_not_ask_is_one_line_and_a_hint(cli: Cli, folder: Path, words: tuple[str, ...]) -> None:
    plant(folder)
    said = cli("evaluate", "--model", folder, *words)
    assert (said.code, said.out) == (2, "")
    assert [line.split(":")[0] for line in said.err.splitlines()] == ["error", "hint"]


def test_python_asks_what_the_command_asks(folder: Path, cli: Cli) -> None:
    import gatewise as gw

    plant(folder)
    asked = ("--min-accuracy", "0.6", "--max-log-loss", "0.9", "--whole-interval")
    one = gw.evaluate(folder, min_accuracy=0.6, max_log_loss=0.9, whole_interval=True)
    assert one.to_dict() | {"checked": ""} == cli("evaluate", "--model", folder, *asked, "--json").json | {
        "checked": ""
    }
    assert "low ≥ 60.0%" in repr(one)
    assert not one.passed
    with pytest.raises(GateError):
        one.require()
    listed = gw.evaluate(str(folder), [{"metric": "accuracy", "at_least": 0.6}, Gate("rows", at_least=9)])
    assert (listed.passed, len(listed.results)) == (True, 2)
    for wrong in ({"min_acuracy": 0.6}, {"gates": "none.yaml"}, {"gates": []}, {"symbol": 3}, {"min_accuracy": "high"}):
        with pytest.raises(GatewiseError) as error:
            gw.evaluate(folder, **wrong)
        assert error.value.hint


def test_gates_that_are_all_passed_over_let_nothing_pass(folder: Path) -> None:
    results = check(folder, [Gate("audit", required=False), Gate("gain_over_champion", at_least=0, required=False)])
    assert (results.passed, results.failed) == (False, ())
    assert results.headline.startswith("No gate could be asked")
    with pytest.raises(GateError, match="none could be asked"):
        results.require()
    assert check(folder, [Gate("audit", required=False), Gate("verified")]).passed


def test_an_audit_that_was_never_made_is_said_with_the_command_that_makes_it(folder: Path) -> None:
    plant(folder, judged(accuracy=0.5))
    results = check(folder, default_gates())
    assert any(f"gatewise audit --model {results.run_id[:8]}" in remark for remark in results.remarks)
    assert check(folder, [Gate("verified")]).remarks == []


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("evaluation", "parts", "test", "metrics", "accuracy", "low"), "0.5"),
        (("evaluation", "parts", "test", "metrics", "accuracy", "high"), "0.9"),
        (("evaluation", "parts", "test", "baselines", "prior", "accuracy"), None),
        (("evaluation", "parts", "test", "baselines", "prior", "accuracy", "value"), "abc"),
        (("evaluation", "parts", "test", "backtest"), "none"),
        (("spans",), {"train": []}),
        (("decision",), "none"),
    ],
)
def test_damaged_figures_are_told_and_not_raised_from_within(
    tmp_path: Path, where: tuple[str, ...], value: Any
) -> None:
    folder = plant(tmp_path / "run")
    path = folder / "metrics.json"
    results = json.loads(path.read_text())
    place = results
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    path.write_text(json.dumps(results))
    with pytest.raises(ReadError, match="must hold what a run's judging found"):
        check(
            folder, [Gate("accuracy", at_least=0.1, of="low"), Gate("sharpe", at_least=0), Gate("max_age", at_most=9)]
        )


@pytest.mark.parametrize("name", WORDS)
def test_of_a_whole_interval_the_end_that_asks_for_more_is_gated(name: str) -> None:
    of_rows = name in ("min_rows", "max_age", "max_run_age")  # what is counted has no interval
    (gate,) = gates_in_words({name: "1d" if name.endswith("_age") else 0.5}, whole_interval=True)
    assert gate.of == ("point" if of_rows else "low" if name.startswith("min_") else "high")
    assert gates_in_words({name: gate.bound})[0].of == "point"


def test_results_are_json_and_a_page(folder: Path, tmp_path: Path) -> None:
    from gatewise.gates.page import write_gates_page

    plant(folder, judged(accuracy=math.nan), seal=False)
    results: GateResults = check(folder, [*default_gates(), Gate("accuracy", at_least=0.5), Gate("ece", at_most=0.05)])
    json.dumps(results.to_dict(), allow_nan=False)
    write_gates_page(tmp_path / "page.html", results)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert all(result.words.split(",")[0].replace("'", "&#39;") in page for result in results.results)
