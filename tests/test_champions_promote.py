"""A promotion: gates decide, one entry is written, and whatever ends it on the way leaves the champion that was."""

import json
from pathlib import Path
from typing import Any

import pytest

import gatewise as gw
from conftest import Cli
from gate_runs import bounds, judged, plant
from gatewise.champions import promote as promoting
from gatewise.champions.entry import Draft
from gatewise.champions.log import Log, open_log
from gatewise.champions.promote import candidate, promote
from gatewise.champions.store import Store, open_store
from gatewise.errors import BundleError, ChampionChangedError, ConfigError, GateError, RunNotFoundError
from gatewise.files import write_json
from gatewise.gates.gate import Gate
from gatewise.registry.folders import run_folder

ACCURATE = (Gate("accuracy", at_least=0.55),)


def planted_run(letter: str, accuracy: float = 0.6, **metrics: Any) -> str:
    """Its id; runs of other letters have other bundles."""
    run_id = letter * 32
    folder = run_folder(run_id)
    plant(folder, judged(accuracy=bounds(accuracy, 0.5, 0.7), mark=float(ord(letter)), **metrics))
    info = json.loads((folder / "run.json").read_text())
    tags = {"gatewise.config_hash": "c0ffee", "gatewise.data_fingerprint": "da7a"}
    write_json(folder / "run.json", info | {"run_id": run_id, "name": f"run {letter}", "tags": tags})
    return run_id


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path / "home"))
    return planted_run("a"), planted_run("b", accuracy=0.4)


def test_a_run_that_passes_becomes_the_champion(runs: tuple[str, str]) -> None:
    change = promote(candidate(runs[0], "btc", ACCURATE), reason="first")
    entry = change.entry
    assert change.replaced is None
    assert open_log().champion("btc") == entry
    assert (entry.action, entry.run_id, entry.reason, entry.override) == ("promote", runs[0], "first", None)
    assert (entry.config_hash, entry.data_hash) == ("c0ffee", "da7a")
    assert entry.gates is not None
    assert (entry.gates["passed"], entry.gates["gates"][0]["value"]) == (True, 0.6)
    stored = open_store().bundle(entry.bundle)
    assert (stored / "bundle.json").read_bytes() == (run_folder(runs[0]) / "bundle" / "bundle.json").read_bytes()
    with pytest.raises(ConfigError, match="is the champion of btc already, since entry 1"):
        promote(candidate(runs[0], "btc", ACCURATE))


def test_a_run_that_fails_is_promoted_only_with_a_reason_that_stays(runs: tuple[str, str]) -> None:
    judged_run = candidate(runs[1], "btc", ACCURATE)
    with pytest.raises(GateError, match="accuracy"):
        promote(judged_run)
    with pytest.raises(ConfigError, match="must say why"):
        promote(judged_run, override=" ")
    assert (open_log().entries(), [*open_store().addresses()]) == ((), [])
    entry = promote(judged_run, override="agreed with risk").entry
    assert entry.override == "agreed with risk"
    assert entry.gates is not None
    assert entry.gates["passed"] is False
    assert promote(candidate(runs[0], "btc", ACCURATE), override="not needed").entry.override is None


def test_a_damaged_bundle_is_refused_before_a_gate_is_asked(
    runs: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = run_folder(runs[0]) / "bundle" / "bundle.json"
    file.write_bytes(file.read_bytes().replace(b"0.6", b"0.9"))
    monkeypatch.setattr(promoting, "check", None)
    with pytest.raises(BundleError, match=r"bundle\.json has changed"):
        candidate(runs[0], "btc", ACCURATE)
    with pytest.raises(ConfigError, match="a champion's name"):
        candidate(runs[1], "btc/usd", ACCURATE)
    with pytest.raises(RunNotFoundError):
        candidate("f" * 32, "btc", ACCURATE)


def test_of_two_who_asked_gates_beside_one_champion_the_second_is_told(runs: tuple[str, str]) -> None:
    first, second = (candidate(run, "btc", [Gate("rows", at_least=1)]) for run in runs)
    promote(second)
    with pytest.raises(ChampionChangedError, match=r"its champion is .*entry 1, promote by"):
        promote(first)
    assert len(open_log().entries()) == 1


STEPS: dict[str, Any] = {
    "before the bundle is stored": (Store, "put"),
    "before the entry is written": (Log, "append"),
    "in the transaction": (__import__("gatewise.champions.log", fromlist=["insert"]), "insert"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("late", [False, True])
def test_whatever_ends_a_promotion_on_the_way_leaves_the_old_champion_or_the_new_one(
    runs: tuple[str, str], step: str, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a kill does, but at a chosen moment: before a step or right after it."""
    old = promote(candidate(runs[0], "btc", ACCURATE)).entry
    judged_run = candidate(runs[1], "btc", [Gate("rows", at_least=1)])
    place, name = STEPS[step]
    whole = getattr(place, name)

    def cut_off(*args: Any, **kwargs: Any) -> Any:
        if late:
            whole(*args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(place, name, cut_off)
        with pytest.raises(KeyboardInterrupt):
            promote(judged_run)
    champion = open_log().champion("btc")
    assert champion is not None
    written = step == "before the entry is written" and late
    assert champion.run_id == (runs[1] if written else old.run_id)
    assert open_store().bundle(champion.bundle)
    assert not open_log().verify()
    if not written:
        assert promote(judged_run).entry.number == 2


def test_where_the_champions_run_is_gone_nothing_is_held_beside_it_without_a_word(runs: tuple[str, str]) -> None:
    gates = [Gate("gain_over_champion", at_least=0, of="high", required=False)]
    log = open_log()
    gone = Draft(name="btc", action="promote", bundle="0" * 64, run_id="f" * 32)
    log.append(gone, None)
    with pytest.raises(ConfigError, match="the run of btc's champion is not in this home"):
        candidate(runs[0], "btc", gates)
    assert (
        promote(candidate(runs[0], "btc", gates, override=True), override="it is lost").entry.override == "it is lost"
    )


def test_the_command_line_says_why_and_exits_with_3(cli: Cli) -> None:
    good, bad = planted_run("a"), planted_run("b", accuracy=0.4)
    said = cli("promote", bad, "--name", "btc", "--min-accuracy", "0.55")
    assert said.code == 3
    assert "accuracy 40.0% is below 55.0%" in said.out
    assert "not promoted; nothing is live under btc" in said.out
    refused = cli("promote", bad, "--name", "btc", "--min-accuracy", "0.55", "--json")
    assert (refused.code, refused.json["promoted"], refused.json["gates"]["passed"]) == (3, False, False)
    assert not open_log().entries()
    done = cli("promote", good, "--name", "btc", "--min-accuracy", "0.55", "--reason", "the first", "--json")
    assert (done.code, done.json["promoted"], done.json["entry"]["number"]) == (0, True, 1)
    assert "not promoted; btc is as it was" in cli("promote", bad, "--name", "btc", "--min-accuracy", "0.55").out
    forced = cli("promote", bad, "--name", "btc", "--min-accuracy", "0.55", "--override", "agreed with risk")
    assert forced.code == 0
    assert "overridden: agreed with risk" in forced.out
    assert "is live" in forced.out
    shown = cli("registry", "history", "btc").out
    assert "0 of 1, overridden" in shown
    assert "agreed with risk" in shown  # why is the override's own reason where no other was given
    assert cli("promote", bad, "--name", "b c").code == 2


def test_python_does_what_the_command_line_does(gatewise_home: Path) -> None:
    good, bad = planted_run("a"), planted_run("b", accuracy=0.4)
    assert gw.history().height == 0
    with pytest.raises(GateError):
        gw.promote(bad, "btc", min_accuracy=0.55)
    first = gw.promote(good, "btc", min_accuracy=0.55, reason="the first")
    assert (first.entry.number, first.replaced) == (1, None)
    forced = gw.promote(bad, "btc", override="agreed with risk", min_accuracy=0.55)
    assert str(forced).splitlines()[0].startswith("btc: run ")
    assert "overridden: agreed with risk" in str(forced)
    assert "Entry(" not in str(forced)
    back = gw.rollback("btc", reason="lost money")
    assert back.entry.restores == 1
    assert gw.history().select("name", "number", "action").rows()[-1] == ("btc", 3, "rollback")
    frame = gw.history("btc")
    assert frame["action"].to_list() == ["promote", "promote", "rollback"]
    assert str(frame["time"].dtype) == "Datetime(time_unit='us', time_zone='UTC')"
    assert frame["override"].to_list() == [None, "agreed with risk", None]
    with pytest.raises(TypeError, match="unknown keyword 'min_acuracy'"):
        gw.promote(good, "btc", min_acuracy=0.5)
    with pytest.raises(TypeError, match="unknown keyword 'reasn'") as wrong:
        gw.promote(good, "btc", reasn="a first look")
    assert "reason" in str(wrong.value.hint)
