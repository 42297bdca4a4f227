"""MLflow's registered models follow the history: a version for each bundle, and aliases that say which one stands.

They follow and never lead: nothing here decides who is champion, and nothing is read from MLflow that does. A server
that is down stops no promotion; how far MLflow has come is noted beside the history, and the next call goes on from
there. Each step may be repeated, so a kill between two of them costs nothing. A version's model lies among MLflow's own
artifacts, as a server can't see our disk and removing a run takes its artifacts along.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from gatewise.champions.change import Change, Followed
from gatewise.champions.entry import Entry
from gatewise.champions.log import Log
from gatewise.champions.rollback import standing
from gatewise.champions.store import Store
from gatewise.champions.words import why_words
from gatewise.errors import BundleError, GatewiseError, hide_passwords
from gatewise.locks import one_after_another
from gatewise.registry.flavour import MODEL, model_files
from gatewise.registry.runs import experiment_id
from gatewise.registry.tracking import connect, talking, tracking_uri

ADDRESS = "gatewise.address"  # the tag of runs and versions
_EXPERIMENT = "champions"
_DESCRIPTION = 5000  # letters that MLflow's databases take; one more and it would never catch up


def follow(log: Log, store: Store, anew: bool = False) -> Followed:
    """Brings MLflow to the newest entry, if it can be reached; never raises where it can't.

    Args:
        anew: entries that it has followed before are gone through, too: aliases that somebody moved are set back.
    """
    uri = tracking_uri()
    follower = hide_passwords(uri)
    done, pending = 0, 0
    try:
        with one_after_another(store.folder / "following", "MLflow's registered models"):
            done = log.followed(follower)
            entries = log.entries()
            news = entries if anew else [entry for entry in entries if entry.number > done]
            pending = sum(entry.number > done for entry in entries)
            if news:
                client = connect()
                for name in dict.fromkeys(entry.name for entry in news):
                    with talking(uri):
                        _follow_name(client, uri, [entry for entry in entries if entry.name == name], store)
                done, pending = news[-1].number, 0
                log.set_followed(follower, done)
    except GatewiseError as error:
        return Followed(follower, done, pending, error.message)
    return Followed(follower, done)


def followed(change: Change, log: Log, store: Store) -> Change:
    """A change that is on disk, and how far MLflow has followed it."""
    return replace(change, followed=follow(log, store))


def aliases_of(entries: Sequence[Entry]) -> dict[str, str]:
    """{alias: address}: the champion; what a rollback would go back to; and, while one stands, what it went back from.

    Args:
        entries: of one name, the oldest first.
    """
    champion, before = entries[-1].bundle, standing(entries)[-2:-1]
    newest = next(entry.bundle for entry in reversed(entries) if entry.action in ("promote", "update"))
    aliases = {"champion": champion} | ({"previous": before[0].bundle} if before else {})
    return aliases | ({"challenger": newest} if newest != champion else {})


def differences(log: Log) -> tuple[str, ...]:
    """Where MLflow's aliases are not those of the entries that it has followed, or that it can't be asked; a sentence
    each. Who is champion they don't touch.
    """
    uri, wrong = tracking_uri(), []
    try:
        done = log.followed(hide_passwords(uri))
        entries = [entry for entry in log.entries() if entry.number <= done]
        client = connect() if entries else None
        for name in dict.fromkeys(entry.name for entry in entries):
            wanted = aliases_of([entry for entry in entries if entry.name == name])
            with talking(uri):
                addresses = {version: address for address, version in _versions(client, name).items()}
                present = {alias: addresses.get(version) for alias, version in _aliases(client, name).items()}
            for alias, address in wanted.items():
                if (there := present.get(alias)) != address:
                    stands = f"bundle {there[:12]}" if there else "no promoted bundle"
                    wrong.append(f"MLflow's alias {alias} of {name} is {stands}; by the history it is {address[:12]}")
    except GatewiseError as error:
        wrong.append(f"whether MLflow follows could not be seen: {error.message}")
    return tuple(wrong)


def _follow_name(client: Any, uri: str, entries: Sequence[Entry], store: Store) -> None:
    name, wanted = entries[0].name, aliases_of(entries)
    _require_model(client, name)
    versions = _versions(client, name)
    for entry in entries:
        if entry.bundle not in versions:
            with suppress(BundleError):  # removed since, and no champion any more; else `registry verify` names it
                versions[entry.bundle] = _new_version(client, uri, entry, store.bundle(entry.bundle))
    present = _aliases(client, name)
    for alias in ("champion", "previous", "challenger"):
        version = versions.get(wanted.get(alias, ""))
        if version is not None and present.get(alias) != version:
            client.set_registered_model_alias(name, alias, version)
        elif version is None and alias in present:
            client.delete_registered_model_alias(name, alias)


def _require_model(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description="What gatewise promotes; its own history decides.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _versions(client: Any, name: str) -> dict[str, str]:
    """{address: version}."""
    found = client.search_model_versions(f"name='{name}'")
    return {version.tags[ADDRESS]: str(version.version) for version in found if ADDRESS in version.tags}


def _aliases(client: Any, name: str) -> Mapping[str, str]:
    return {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()}


def _new_version(client: Any, uri: str, entry: Entry, bundle: Path) -> str:
    experiment = experiment_id(client, uri, _EXPERIMENT)
    known = client.search_runs([experiment], f"tags.`{ADDRESS}` = '{entry.bundle}'")
    tags = {ADDRESS: entry.bundle, "gatewise.entry": str(entry.number)} | (
        {"gatewise.run_id": entry.run_id} if entry.run_id else {}
    )
    run = known[0] if known else client.create_run(experiment, tags=tags, run_name=f"{entry.name} {entry.bundle[:12]}")
    run_id = run.info.run_id
    with tempfile.TemporaryDirectory(prefix="gatewise-model-") as folder:
        for name, text in model_files(bundle, None, run_id).items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        client.log_artifacts(run_id, folder, MODEL)
    client.log_artifacts(run_id, str(bundle), f"{MODEL}/bundle")
    client.set_terminated(run_id)
    source = f"{run.info.artifact_uri}/{MODEL}"
    description = why_words(entry)[:_DESCRIPTION] or None
    return str(client.create_model_version(entry.name, source, run_id, tags, description=description).version)
