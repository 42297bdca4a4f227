"""MLflow's registered models behind the history: a version a bundle, aliases that say which stands, and nothing back.

A follower that led would change who is champion without an entry; one that falls behind without a word shows people a
model that is not live.
"""

from __future__ import annotations

import importlib
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import gatewise as gw
from conftest import Cli
from gatewise.champions import follow as following
from gatewise.champions.entry import Draft
from gatewise.champions.follow import ADDRESS, differences, follow
from gatewise.champions.log import open_log
from gatewise.champions.store import open_store
from gatewise.registry.tracking import connect, tracking_uri
from loopback import free_port
from page_examples import ROOT
from test_champions_named import NAME, TAIL, home, template  # noqa: F401
from test_runs_cli import Pages

pytestmark = pytest.mark.usefixtures("home")


def aliases(name: str = NAME) -> Mapping[str, str]:
    """{alias: address} as MLflow says."""
    client = connect()
    named = client.get_registered_model(name).aliases
    return {alias: client.get_model_version(name, version).tags[ADDRESS] for alias, version in named.items()}


def addresses() -> list[str]:
    return [entry.bundle for entry in open_log().entries(NAME)]


def append(**values: Any) -> None:
    log = open_log()
    present = log.champion(values.setdefault("name", NAME))
    log.append(Draft(**{"action": "promote", **values}), present.bundle if present else None)


def test_a_version_stands_for_each_bundle_and_aliases_say_which_is_live() -> None:
    followed = follow(open_log(), open_store())
    assert (followed.entry, followed.pending, followed.words) == (2, 0, "")
    first, second = addresses()
    assert aliases() == {"champion": second, "previous": first}
    versions = connect().search_model_versions(f"name='{NAME}'")
    assert {int(version.version): version.tags[ADDRESS] for version in versions} == {1: first, 2: second}
    append(action="rollback", bundle=first, restores=1)
    assert follow(open_log(), open_store()).entry == 3
    assert aliases() == {"champion": first, "challenger": second}
    append(bundle=second)
    follow(open_log(), open_store())
    assert aliases() == {"champion": second, "previous": first}
    assert len(connect().search_model_versions(f"name='{NAME}'")) == 2
    assert not differences(open_log())


def test_a_reason_of_any_length_holds_up_no_follower() -> None:
    follow(open_log(), open_store())
    first, _ = addresses()
    append(name="long", bundle=first, reason="x" * 9000)
    assert follow(open_log(), open_store()).pending == 0
    (version,) = connect().search_model_versions("name='long'")
    assert version.description == "x" * 5000


def test_a_kill_between_any_two_steps_leaves_one_version_a_bundle_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call to MLflow in turn is the last one that is made."""
    calls, fatal = 0, 0
    make = following.connect

    class Fragile:
        def __init__(self, client: Any) -> None:
            self._client = client

        def __getattr__(self, name: str) -> Any:
            def called(*args: Any, **words: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls == fatal:
                    raise ZeroDivisionError  # no error that anything handles, as a kill is none
                return getattr(self._client, name)(*args, **words)

            return called

    monkeypatch.setattr(following, "connect", lambda: Fragile(make()))
    while True:
        calls, fatal = 0, fatal + 1
        try:
            assert not follow(open_log(), open_store()).pending
            break
        except ZeroDivisionError:
            assert open_log().followed(tracking_uri()) == 0
    assert fatal > 10
    assert aliases() == dict(zip(("previous", "champion"), addresses(), strict=True))
    assert len(connect().search_model_versions(f"name='{NAME}'")) == 2


def test_what_others_do_to_aliases_is_said_changes_no_champion_and_is_set_back(cli: Cli) -> None:
    assert not differences(open_log())
    synced = cli("registry", "sync", "--json").json
    assert synced["entry"] == 2
    page = (ROOT / "docs" / "machine-interface.md").read_text(encoding="utf-8")
    promoted = page.split("mlflow {")[1].split("}")[0]
    assert synced.keys() == set(re.sub(r"\(.*?\)", "", promoted).replace(" ", "").split(","))
    assert cli("registry", "verify", "--json").json["mlflow"] == []
    first, second = addresses()
    connect().set_registered_model_alias(NAME, "champion", "1")
    connect().delete_registered_model_alias(NAME, "previous")
    said = differences(open_log())
    assert [first[:12] in said[0], second[:12] in said[0], "alias champion" in said[0]] == [True] * 3
    assert "no promoted bundle" in said[1]
    verified = cli("registry", "verify")
    assert (verified.code, all(sentence in " ".join(verified.out.split()) for sentence in said)) == (0, True)
    champion = open_log().champion(NAME)
    assert champion is not None
    assert champion.bundle == second
    assert cli("registry", "sync").code == 0
    assert aliases() == {"champion": second, "previous": first}


def test_a_bundle_that_is_gone_from_the_store_holds_up_nothing() -> None:
    first, second = addresses()
    open_store().remove(first)
    assert not follow(open_log(), open_store()).pending
    assert aliases() == {"champion": second}


def test_a_server_that_is_down_stops_nothing_and_catches_up_with_models_that_predict(
    gatewise_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server of `gatewise ui`; whoever knows MLflow alone gets the champion from it."""
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    down = follow(open_log(), open_store())
    assert (down.entry, down.pending) == (0, 2)
    assert "2 entries are pending for MLflow (tracking at http://127.0.0.1" in down.words
    pages = Pages(gatewise_home, port)
    try:
        assert follow(open_log(), open_store()).pending == 0
        assert aliases() == dict(zip(("previous", "champion"), addresses(), strict=True))
        shutil.rmtree(gatewise_home / "runs")
        client, frame = connect(), TAIL.to_pandas()
        version = client.get_model_version_by_alias(NAME, "champion")
        model = Path(client.download_artifacts(version.run_id, "model", str(tmp_path)))
        assert version.source.endswith(f"{version.run_id}/artifacts/model")
        said = yaml.safe_load((model / "MLmodel").read_text())["flavors"]["python_function"]
        loader = importlib.import_module(said["loader_module"])
        predicted = loader._load_pyfunc(str(model / said["data"])).predict(frame)
        assert predicted["prob_up"].notna().any()
        assert predicted.equals(gw.champion(NAME).predict(frame))
    finally:
        pages.stop()
