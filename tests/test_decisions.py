"""Decision rules: hand-worked decisions, MAPIE's tests, and simulation of what a certificate promises.

A certificate that is given too freely looks like an edge, and so does a rule that counts a row too many as right.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from mapie.risk_control import BinaryClassificationController
from scipy.signal import lfilter

from audit_tables import case_of, random_walk, small_experiment
from gatewise.bundle import Bundle
from gatewise.config.load import load_config
from gatewise.config.schema import DecisionConfig
from gatewise.data.table import Table
from gatewise.decisions.certify import holm, p_values
from gatewise.decisions.fit import certified, conformal_threshold, fit_rule, one_a_moment, require_rule
from gatewise.decisions.judge import judge_decisions
from gatewise.decisions.rule import REASONS, Certificate, DecisionRule
from gatewise.errors import BundleError, ConfigError
from gatewise.experiment import Prepared, prepare, run_experiment
from gatewise.learners.base import Trained
from gatewise.learners.table import train_model
from gatewise.outcome import Outcome
from gatewise.proofs.base import Parts
from gatewise.proofs.certifying import check_certifying
from gatewise.proofs.splitting import check_split
from gatewise.samples import Samples
from gatewise.sealed import read_sealed, write_sealed
from gatewise.targets.outputs.classes import Classes
from gatewise.targets.outputs.values import Values

Floats = npt.NDArray[np.float64]
UP_DOWN = Classes(("down", "flat", "up"))
CALM_BIG = Classes(("calm", "big"))
RETURN = Values(("forward_return",), "log return", price=0)
GIVEN = Certificate(0.6, 0.9, 200, 100, 50, 40, 16)


def decided(rule: DecisionRule, spec: Any, predictions: Any) -> list[tuple[int, str]]:
    side, reason = rule(spec, np.array(predictions, np.float64))
    return [(int(s), REASONS[r]) for s, r in zip(side, reason, strict=True)]


# ---- rules


def test_probability_acts_on_the_decided_class_and_never_on_flat() -> None:
    rule = DecisionRule("probability", 0.5, certificate=GIVEN)
    rows = [[0.1, 0.2, 0.7], [0.5, 0.3, 0.2], [0.3, 0.3, 0.4], [0.1, 0.8, 0.1]]
    assert decided(rule, UP_DOWN, rows) == [(1, "acts"), (-1, "acts"), (0, "below_threshold"), (0, "flat")]
    assert decided(rule, CALM_BIG, [[0.9, 0.1], [0.45, 0.55]]) == [(1, "acts"), (1, "acts")]
    columns = rule.columns(UP_DOWN, np.array(rows))
    assert columns["action"].tolist() == ["long", "short", "flat", "flat"]
    assert rule.columns(CALM_BIG, np.array([[0.9, 0.1]]))["action"].tolist() == ["act"]


def test_expected_value_weighs_the_move_against_the_cost() -> None:
    rule = DecisionRule("expected_value", 0.001, cost=0.002, certificate=GIVEN)
    rows = [[0.0031], [-0.0031], [0.0025], [-0.001], [0.0]]
    assert decided(rule, RETURN, rows) == [
        (1, "acts"), (-1, "acts"), (0, "below_threshold"), (0, "no_edge_after_cost"), (0, "no_edge_after_cost")
    ]  # fmt: skip
    of_classes = replace(rule, class_moves=(-0.01, 0.0, 0.02))
    # 0.5 · 0.02 - 0.3 · 0.01 = 0.007; 0.1 · 0.02 - 0.45 · 0.01 = -0.0025, of which the cost leaves half a threshold
    assert decided(of_classes, UP_DOWN, [[0.3, 0.2, 0.5], [0.45, 0.45, 0.1]]) == [(1, "acts"), (0, "below_threshold")]
    assert rule.right(RETURN, np.array([[0.01], [0.01], [-0.01]]), np.array([[0.003], [0.001], [-0.003]])).tolist() == [
        True, False, True
    ]  # fmt: skip
    assert rule.right(RETURN, np.array([[0.01]]), np.array([[0.001]]), after_cost=False).tolist() == [True]


def test_conformal_acts_where_the_set_holds_one_class() -> None:
    rule = DecisionRule("conformal", 0.3, certificate=GIVEN)
    rows = [[0.1, 0.2, 0.7], [0.35, 0.25, 0.4], [0.1, 0.8, 0.1]]
    assert decided(rule, UP_DOWN, rows) == [(1, "acts"), (0, "set_of_many"), (0, "flat")]
    assert decided(replace(rule, threshold=0.6), UP_DOWN, rows[1:2]) == [(0, "empty_set")]


def test_without_a_certificate_nothing_is_acted_on_but_by_hand() -> None:
    rows = [[0.0, 0.0, 1.0]]
    assert decided(DecisionRule("probability", 0.5), UP_DOWN, rows) == [(0, "no_certificate")]
    assert decided(DecisionRule("probability"), UP_DOWN, rows) == [(0, "no_certificate")]
    by_hand = DecisionRule("probability", 0.5, by_hand=True, not_certified="too few")
    assert decided(by_hand, UP_DOWN, rows) == [(1, "acts")]
    assert "no certificate" in by_hand.words


def test_a_model_that_is_updated_acts_on_and_says_that_other_weights_were_certified() -> None:
    rule = DecisionRule("probability", 0.5, certificate=GIVEN)
    later = rule.updated()
    assert decided(later, UP_DOWN, [[0.0, 0.0, 1.0]]) == [(1, "acts")]
    assert later.updated() == later
    assert "before an update" in later.words
    assert "before an update" not in rule.words
    assert DecisionRule("probability", not_certified="too few").updated().not_certified == "too few"


@pytest.mark.parametrize(("count", "rank"), [(9, 9), (19, 18), (99, 90)])
def test_a_conformal_set_holds_the_class_that_came_by_its_rank(count: int, rank: int) -> None:
    """ceil(10 · 0.9) = 9 of 9: the least of the probabilities of what came; of 8 rows there is none."""
    came = np.random.default_rng(count).permutation(np.linspace(0.1, 0.9, count))
    predictions, y = np.column_stack([came, 1 - came]), np.zeros(count, np.int64)
    assert conformal_threshold(predictions, y, 0.9) == (np.sort(came)[count - rank],)
    assert conformal_threshold(predictions[:8], y[:8], 0.9) == ()


# ---- certificates


@pytest.mark.filterwarnings("ignore:No predict parameters", "ignore:All provided predict_params")
@pytest.mark.parametrize("seed", range(6))
def test_thresholds_are_those_of_mapies_risk_control(seed: int) -> None:
    rng = np.random.default_rng(seed)
    number = rng.uniform(0, 1, 300)
    right = rng.random(300) < 0.4 + 0.1 * seed * number
    thresholds = np.linspace(0.02, 0.9, 12)
    control = BinaryClassificationController(
        lambda x: np.column_stack([1 - x, x]), "precision", 0.55, 0.9, list_predict_params=thresholds
    ).calibrate(number, right.astype(np.int64))
    acted = number >= thresholds[:, None]
    p = p_values(acted.sum(axis=1), (acted & right).sum(axis=1), 0.55)
    # MAPIE multiplies a mean by its count and rounds up, so where that product is not whole it counts one error more.
    theirs, more = control.p_values[:, 0], p_values(acted.sum(axis=1), (acted & right).sum(axis=1) - 1, 0.55)
    exact = np.isclose(theirs, p, rtol=1e-9)
    assert (exact | np.isclose(theirs, more, rtol=1e-9)).all()
    assert exact.mean() > 0.5
    assert thresholds[holm(theirs, 0.1)].tolist() == list(control.valid_predict_params)


def test_a_p_value_is_the_chance_of_as_many_right_rows_or_more() -> None:
    """Of 3 rows right with 1/2 all three: 1/8; two or more: 4/8. None acted on shows nothing."""
    p = p_values(np.array([3, 3, 0]), np.array([3, 2, 0]), 0.5)
    np.testing.assert_allclose(p, [1 / 8, 1 / 2, 1.0])


def simulate(kind: str, rng: np.random.Generator, count: int = 300, horizon: int = 20) -> tuple[Floats, Any, float]:
    """Numbers and what came out right of `count` rows, and the precision of all rows that are acted on at 0.

    `independent`, `edge`: right with 0.55 and 0.70. `overlapping`: labels of neighbouring rows share all bars but one,
    of an AR(0.9), so they come out alike for long.
    """
    number = rng.uniform(0, 1, count)
    if kind == "overlapping":
        moves = lfilter([1.0], [1.0, -0.9], rng.normal(size=count + horizon + 200))[200:]
        ahead = np.convolve(moves, np.ones(horizon), "valid")[:count]
        return number, ahead > 0, 0.5
    share = 0.70 if kind == "edge" else 0.55
    return number, rng.random(count) < share, share


def share_given(kind: str, precision: float, draws: int = 300) -> float:
    """How often a certificate is given."""
    asked = DecisionConfig(rule="probability", precision=precision, confidence=0.9)
    thresholds, rng, given = tuple(np.linspace(0, 0.9, 10).tolist()), np.random.default_rng(1), 0
    for _ in range(draws):
        number, right, _ = simulate(kind, rng)
        acted = number >= np.array(thresholds)[:, None]
        rule = certified(DecisionRule("probability"), asked, thresholds, acted, right, 300)
        given += rule.certificate is not None
    return given / draws


def test_a_precision_that_does_not_hold_is_certified_at_most_as_often_as_said() -> None:
    """The precision is just what is asked less a hair, which is the worst case; 300 draws, four standard errors."""
    assert share_given("independent", 0.5501) <= 0.1 + 4 * np.sqrt(0.1 * 0.9 / 300)


def test_an_edge_is_found() -> None:
    assert share_given("edge", 0.6) > 0.8


def test_labels_that_overlap_are_given_no_certificate() -> None:
    """As they are, 300 overlapping rows would be certified far more often than one in ten."""
    asked, rng = DecisionConfig(rule="probability", precision=0.55), np.random.default_rng(2)
    by_number = 0
    for _ in range(100):
        _, right, _ = simulate("overlapping", rng)
        by_number += bool(p_values(np.array([300]), np.array([right.sum()]), asked.precision)[0] <= 0.1)
    assert by_number > 20
    assert share_given("overlapping", 0.55, draws=100) == 0.0


# ---- what a rule is fitted on


SETTINGS = {
    "target.kind": "direction", "target.horizon": 3, "windows.sequence_length": 4, "features.sets": ["ohlcv"],
    "split.embargo_rows": 2, "training.device": "cpu", "decision.rule": "probability",
}  # fmt: skip


def prepared(symbols: str = "A", num_rows: int = 900, **more: Any) -> Prepared:
    return prepare(load_config(overrides=SETTINGS | more), random_walk(num_rows, symbols=symbols))


def test_one_symbol_in_turn_counts_at_a_moment() -> None:
    samples: Samples = prepared("ABC").samples
    rows = samples.rows
    places = one_a_moment(samples, rows, np.arange(len(rows)))
    time_us, symbol = samples.table.time_us[rows[places]], samples.table.frame["symbol"].to_numpy()[rows[places]]
    assert np.array_equal(time_us, np.unique(samples.table.time_us[rows]))
    assert "".join(symbol[:6]) == "ABCABC"


def mostly_right(samples: Samples, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], Floats]:
    """Rows, and probabilities whose decided class is the one that comes in nine of ten, by chance alone."""
    rng = np.random.default_rng(3)
    y, num_classes = samples.labels.at(rows).astype(np.int64), len(samples.labels.classes)
    decided = np.where(rng.random(len(rows)) < 0.9, y, (y + 1) % num_classes)
    prob = np.full((len(rows), num_classes), 0.1)
    prob[np.arange(len(rows)), decided] = 1 - 0.1 * (num_classes - 1)
    return rows, prob


@pytest.mark.parametrize("rule", ["probability", "conformal"])
def test_a_certificate_counts_one_row_for_each_settled_label_and_none_that_chose(rule: str) -> None:
    made = prepared(num_rows=2500, **{"decision.rule": rule})
    samples, certify = made.samples, made.split.certify
    time_us, known_us = samples.table.time_us[certify], samples.table.time_us[samples.labels.known_at[certify]]
    apart, before = 0, known_us.max()
    for time, known in zip(time_us[::-1], known_us[::-1], strict=True):
        if known <= before:
            apart, before = apart + 1, time
    assert 50 < apart < len(certify) / 2
    fitted = fit_rule(made.config, samples, *(mostly_right(samples, rows) for rows in (made.split.val, certify)))
    assert fitted.certificate is not None
    counted = apart // 2 if rule == "conformal" else apart  # the older ones found the level
    assert (fitted.certificate.rows, fitted.certificate.independent_rows) == (len(certify), counted)


def test_an_expected_value_pays_fee_and_slippage_there_and_back() -> None:
    costs = {"decision.rule": "expected_value", "evaluation.cost": 0.001, "broker.slippage": 0.0005}
    made = prepared(num_rows=2500, **costs)
    parts = (mostly_right(made.samples, rows) for rows in (made.split.val, made.split.certify))
    assert fit_rule(made.config, made.samples, *parts).cost == pytest.approx(2 * (0.001 + 0.0005))


def test_the_newest_validation_rows_certify_and_give_way_to_test_alone() -> None:
    made, without = prepared(), prepared(**{"decision.rule": "none"})
    split, whole = made.split, without.split
    assert whole.certify.size == 0
    assert np.array_equal(split.test, whole.test)
    assert set(split.val) | set(split.certify) <= set(whole.val)
    assert np.array_equal(split.certify, whole.val[-split.certify.size :])
    assert split.certify.size == pytest.approx(whole.val.size / 2, abs=10)
    spans = {int(row): place for place, row in enumerate(made.samples.spans.row)}
    first, last = made.samples.spans.first_us, made.samples.spans.last_us
    # An embargo of two rows of a minute lies between the last label of val and the first input of certify.
    assert first[spans[split.certify[0]]] - last[spans[split.val[-1]]] > 2 * 60_000_000


def test_the_audit_counts_the_certifying_part_too() -> None:
    config = small_experiment(decision__rule="probability", target__kind="direction")
    case = case_of(config=config)
    assert check_split(case).passed
    assert ", certify " in check_split(case).detail
    leaky = replace(case.split, val=np.union1d(case.split.val, case.split.certify[:1]))
    assert not check_split(replace(case, split=leaky)).passed


@pytest.mark.trains
def test_labels_of_certifying_rows_move_nothing_and_a_training_that_reads_them_is_caught() -> None:
    config = small_experiment(
        decision__rule="probability", target__kind="direction", model__hidden_size=4, model__num_layers=1
    )
    assert check_certifying(case_of(config=config)).passed

    def greedy(config: Any, samples: Any, fold: Any, train: Any, val: Any, listener: Any) -> Trained:
        certify = case.split.certify
        return train_model(config, samples, fold, np.sort(np.concatenate([train, certify])), val, listener)

    case = case_of(config=config, parts=Parts(train=greedy))
    failed = check_certifying(case)
    assert not failed.passed
    assert failed.detail.startswith("weights (")


# ---- what people see


def test_coverage_stands_beside_the_share_that_is_right() -> None:
    made = prepared(**{"target.kind": "forward_return", "decision.rule": "expected_value"})
    labels, rows = made.samples.labels, made.split.test
    sign = np.where(np.arange(len(rows)) % 4 == 0, -1.0, 1.0)
    predictions = labels.at(rows) * sign[:, None]  # right on three rows of four
    rule = DecisionRule("expected_value", 0.0005, by_hand=True, cost=0.0)
    result = judge_decisions(rule, made.samples.table, labels, rows, predictions, horizon=3, confidence=0.95)
    acted = np.abs(labels.at(rows)[:, 0]) >= 0.0005
    said = result.to_dict()
    assert said["acted"] == acted.sum()
    assert said["coverage"]["value"] == pytest.approx(acted.mean())
    assert said["accuracy_acted"]["value"] == pytest.approx((sign[acted] > 0).mean())
    coverage, precision = result.curve
    assert coverage[-1] == pytest.approx((labels.at(rows)[:, 0] != 0).mean())
    assert precision[-1] == pytest.approx((sign > 0).mean(), abs=0.01)
    never = judge_decisions(
        replace(rule, by_hand=False), made.samples.table, labels, rows, predictions, horizon=3, confidence=0.95
    ).to_dict()
    assert (never["acted"], never["accuracy_acted"], never["precision"]) == (0, None, None)
    assert never["reasons"] == {"no_certificate": len(rows)}


def test_decisions_that_come_in_runs_are_worth_fewer() -> None:
    """Twenty rows alike tell of coverage what one does: of a share of a half the error is 0.5 / sqrt(rows / 20)."""
    made = prepared(num_rows=8_000, **{"target.horizon": 1})
    rows, rng = made.split.train[:3_000], np.random.default_rng(6)
    for run_rows in (1, 20):
        sure = np.repeat(rng.random(len(rows) // run_rows) < 0.5, run_rows)
        prob = np.where(sure[:, None], [0.1, 0.9], [0.45, 0.55])
        rule = DecisionRule("probability", 0.8, by_hand=True)
        labels = made.samples.labels
        result = judge_decisions(rule, made.samples.table, labels, rows, prob, horizon=1, confidence=0.95)
        assert result.coverage.low is not None
        assert result.coverage.high is not None
        width = 2 * 1.96 * 0.5 / np.sqrt(len(rows) / run_rows)
        assert 0.9 * width < result.coverage.high - result.coverage.low < 2 * width


def told_by_volume(num_rows: int = 3_000) -> Table:
    """A walk whose next step is up after a volume above 10 and down after one below, in seven of ten."""
    rng, table = np.random.default_rng(0), random_walk(num_rows)
    volume = rng.uniform(0, 20, num_rows)
    side = np.where(rng.random(num_rows) < 0.7, 1, -1) * np.sign(volume - 10)
    step = np.abs(rng.normal(0, 1e-3, num_rows)) * np.concatenate([[1], side[:-1]])
    close = 100 * np.exp(np.cumsum(step))
    opened = np.concatenate([close[:1], close[:-1]])
    bars = {"open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close}
    return table.with_frame(table.frame.with_columns(**bars, volume=volume))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Of a planted edge."""
    usual = {"model.name": "logistic", "target.horizon": 1}
    small = {"evaluation.baseline_rows": 300, "evaluation.bootstrap_samples": 50}
    made = prepare(load_config(overrides=SETTINGS | usual | small), told_by_volume())
    return run_experiment(made, tmp_path_factory.mktemp("run"))


@pytest.mark.trains
def test_a_planted_edge_is_certified_and_holds_on_test_rows(run: Outcome) -> None:
    assert run.decisions is not None
    certificate, test = run.decisions.rule.certificate, run.decisions.parts["test"]
    assert certificate is not None
    assert certificate.rows == run.split.certify.size
    assert test.precision is not None
    assert test.precision.value >= 0.55
    assert test.coverage.value > 0.1
    assert run.evaluation.parts["test"].backtest is not None  # the broker trades the rule's sides
    account = run.evaluation.parts["test"].backtest.account
    assert len(account.trades) <= test.acted <= len(run.split.test)


@pytest.mark.trains
def test_action_and_reason_stand_beside_predictions_wherever_they_are(run: Outcome, tmp_path: Path) -> None:
    frame = pl.read_parquet(run.predictions)
    assert frame["part"].unique(maintain_order=True).to_list() == ["val", "certify", "test"]
    acts = frame["reason"] == "acts"
    assert (frame["action"].is_in(["long", "short"]) == acts).all()
    assert set(frame.filter(~acts)["action"]) <= {"flat"}
    right = frame.filter(acts & (frame["part"] == "test")).select((pl.col("label") == pl.col("target")).mean()).item()
    decision = json.loads((run.folder / "metrics.json").read_text(encoding="utf-8"))["decision"]
    assert decision["parts"]["test"]["precision"]["value"] == pytest.approx(right)
    assert "coverage" in decision["parts"]["test"]
    predicted = Bundle.load(run.bundle).predict(told_by_volume(300))
    assert predicted.columns[-3:] == ["label", "action", "reason"]
    assert f"The rule {run.decisions.rule.words}." in run.report.read_text(encoding="utf-8").replace("&#39;", "'")


WRITTEN = Path(__file__).parent / "assets" / "bundles_1" / "classes"


def test_a_bundle_keeps_its_rule_and_says_action_and_reason(tmp_path: Path) -> None:
    plain = Bundle.load(WRITTEN)
    assert plain.record.decision_rule is None
    rule = DecisionRule("probability", 0.4, certificate=GIVEN)
    Bundle(replace(plain.record, decision_rule=rule)).save(tmp_path / "with")
    loaded = Bundle.load(tmp_path / "with")
    assert loaded.record.decision_rule == rule
    assert loaded.predicted_columns == (*plain.predicted_columns, "action", "reason")


@pytest.mark.parametrize(
    "broken",
    [
        {"rule": "hunch"}, {"threshold": "0.5"}, {"more": 1}, {"class_moves": [1.0]},
        {"certificate": {"precision": 0.6}}, {"rule": "expected_value"},
    ],
)  # fmt: skip
def test_a_rule_that_is_none_is_refused(broken: dict[str, Any], tmp_path: Path) -> None:
    rule = DecisionRule("probability", 0.4, certificate=GIVEN)
    Bundle(replace(Bundle.load(WRITTEN).record, decision_rule=rule)).save(tmp_path / "with")
    documents, weights = read_sealed(tmp_path / "with")
    values = json.loads(json.dumps(documents["bundle"]))
    values["decision_rule"] |= broken
    write_sealed(tmp_path / "broken", documents | {"bundle": values}, weights)
    with pytest.raises(BundleError, match="decision"):
        Bundle.load(tmp_path / "broken")


@pytest.mark.parametrize("command", [["cv", "--models", "logistic"], ["tune", "--model", "lstm"]])
def test_folds_and_searches_refuse_a_rule(cli: Any, command: list[str]) -> None:
    result = cli(*command, "--source", "sp500", "--set", "decision.rule=probability")
    assert result.code == 2
    assert "certified for one model" in result.err
    assert "--decision none" in result.err


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decision.rule": "probability", "target.kind": "forward_return"}, "is for classes"),
        ({"decision.rule": "expected_value", "target.kind": "forward_return", "target.quantiles": [0.5]}, "quantiles"),
        ({"decision.precision": 1.0}, "less than 1"),
        ({"split.certify": 0.0}, "greater than 0"),
    ],
)
def test_rules_of_other_kinds_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(overrides=settings)


def test_expected_value_takes_a_move_of_the_close() -> None:
    levels = {"target.kind": "next_row", "target.columns": ["close"], "decision.rule": "expected_value"}
    with pytest.raises(ConfigError, match="the return of the close"):
        prepared(**levels)
    require_rule(load_config(overrides=SETTINGS), prepared().samples)


def test_a_config_that_leaves_it_alone_has_the_hash_of_before() -> None:
    values = load_config().without_later()
    assert "decision" not in values
    assert "certify" not in values["split"]
