"""`gatewise registry`: which model is live under a name, which were before, and whether that history is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gatewise.cli.completion import champion_names
from gatewise.cli.registry_prune import prune
from gatewise.cli.registry_update import update

_JSON = typer.Option("--json", help="One JSON object instead of words.")
NAME = typer.Argument(metavar="NAME", help="A champion's name.", autocompletion=champion_names)


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(help="Champions: what is live, what was before, and its history.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("champion")(champion)
    group.command("history")(history)
    group.command("verify")(verify)
    group.command("sync")(sync)
    group.command("update")(update)
    group.command("prune")(prune)
    group.command("backup")(backup)
    group.command("restore")(restore)
    app.add_typer(group, name="registry")


def list_(as_json: Annotated[bool, _JSON] = False) -> None:
    """List all champions: what is live under each name, since when, by whom.

    Example: gatewise registry list
    """
    from gatewise.champions.log import open_log
    from gatewise.cli.output import print_json
    from gatewise.cli.registry_words import print_champions

    log = open_log()
    champions = [log.require_champion(name) for name in log.names()]
    if as_json:
        print_json({"registry": log.place, "champions": [entry.to_dict() for entry in champions]})
    elif champions:
        print_champions(champions)
    else:
        print("no champions yet; try: gatewise promote RUN --name NAME")


def champion(
    name: Annotated[str, NAME],
    at: Annotated[
        str | None,
        typer.Option("--at", help="Live then, like 2026-11-02T10:00Z, or 2d ago.", show_default="now"),
    ] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Say which weights are live under a name, or were at a moment, and where they lie; every byte is checked.

    Example: gatewise registry champion btc-usd-direction --at 2026-11-02T10:00Z
    """
    from gatewise.champions.log import open_log
    from gatewise.champions.store import open_store
    from gatewise.cli.output import print_json
    from gatewise.cli.registry_words import print_entry
    from gatewise.registry.chosen import moment_of

    log = open_log()
    entry = log.require_champion(name, moment_of(at, "at") if at is not None else None)
    bundle = open_store().bundle(entry.bundle)
    if as_json:
        print_json(entry.to_dict() | {"folder": str(bundle)})
    else:
        print_entry(entry, bundle)


def history(
    name: Annotated[str, NAME],
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the history as a page.", show_default="no page")
    ] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """List every promotion and rollback of a name: when, by whom, why, and what its gates said.

    Example: gatewise registry history btc-usd-direction --html history.html
    """
    from gatewise.champions.log import open_log
    from gatewise.champions.page import write_history
    from gatewise.cli.output import from_here, print_json
    from gatewise.cli.registry_words import print_history

    log = open_log()
    log.require_champion(name)
    entries = log.entries(name)
    if html is not None:
        write_history(html, name, entries, log.place)
    if as_json:
        page = str(html) if html else None
        print_json({"name": name, "entries": [entry.to_dict() for entry in entries], "page": page})
        return
    print_history(entries)
    if html is not None:
        print(f"\npage  {from_here(html.absolute())}")


def verify(
    head: Annotated[
        str | None,
        typer.Option(
            "--head",
            help="An entry's hash that you noted elsewhere: the history must hold it.",
            show_default="none: a cut-off end does not show",
        ),
    ] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Read every entry and every stored bundle that one names, and name what is not as it was written.

    Exit code 1 where something is not; that MLflow's aliases are others is said. Without --head entries that were
    cut off at the end don't show.

    Example: gatewise registry verify --head 3f2a9c00d1
    """
    from gatewise.champions.follow import differences
    from gatewise.champions.log import open_log
    from gatewise.champions.store import open_store
    from gatewise.champions.verify import verify as verified
    from gatewise.cli.output import print_json, print_sentence
    from gatewise.cli.registry_words import print_verification

    log = open_log()
    found, beside = verified(log, open_store(), head), differences(log)
    if as_json:
        print_json(found.to_dict() | {"mlflow": list(beside)})
    else:
        print_verification(found)
        for sentence in beside:
            print_sentence(sentence)
    if found.problems:
        raise typer.Exit(1)


def sync(as_json: Annotated[bool, _JSON] = False) -> None:
    """Have MLflow's registered models follow the history: versions that are missing, aliases that somebody moved.

    Exit code 1 where MLflow can't be reached. Who is champion is the history's alone.

    Example: gatewise registry sync
    """
    from gatewise.champions.follow import follow
    from gatewise.champions.log import open_log
    from gatewise.champions.store import open_store
    from gatewise.cli.output import print_json, print_sentence

    followed = follow(open_log(), open_store(), anew=True)
    if as_json:
        print_json(followed.to_dict())
    else:
        print_sentence(followed.words or f"MLflow at {followed.tracking} is at entry {followed.entry}, the newest.")
    if followed.reason:
        raise typer.Exit(1)


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; an older backup there is replaced.")],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Write the whole history to a file, safely while others write; stored bundles are not in it.

    Example: gatewise registry backup registry.jsonl
    """
    from gatewise.champions.backup import backup as written
    from gatewise.champions.log import open_log
    from gatewise.champions.store import open_store
    from gatewise.cli.output import print_json, print_sentence

    log, store = open_log(), open_store()
    count = written(log, file)
    if as_json:
        print_json({"registry": log.place, "file": str(file), "entries": count, "store": str(store.folder)})
    else:
        print_sentence(f"The history of {log.place} is in {file}: entries {count:,}.")
        print_sentence(f"The bundles that they name lie in {store.folder}: copy that folder as it is.")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What backup wrote.")],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Read a backup into an empty registry, or into one that it continues; into any other nothing is written.

    Which registry: GATEWISE_REGISTRY, a URL of SQLite or PostgreSQL.

    Example: gatewise registry restore registry.jsonl
    """
    from gatewise.champions.backup import restore as restored
    from gatewise.champions.log import open_log
    from gatewise.cli.output import print_json, print_sentence

    log = open_log()
    count = restored(log, file)
    if as_json:
        print_json({"registry": log.place, "file": str(file), "added": count})
    else:
        print_sentence(f"Added to {log.place}: entries {count:,}." if count else "It holds all of them already.")
