"""`gatewise registry update`: a champion learns from labels that have settled since, and an entry says so."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewise.cli.completion import champion_names
from gatewise.cli.flags import ConfigFlags, config_flags
from gatewise.config.flags import DATA_FLAGS, OUTPUT


@config_flags(*DATA_FLAGS, as_trained=True)
def update(
    flags: ConfigFlags,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A champion's name.", autocompletion=champion_names)],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the history.", rich_help_panel=OUTPUT)] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No words on the way.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Update a champion's weights once, by the section online of its config, on labels that have settled since.

    Rows are those that it was trained on and newer ones, read as its training rows were. Labels that are not settled
    are left out; where none is new nothing is written. gatewise rollback NAME --to-frozen goes back to what was
    promoted.

    Example: gatewise registry update btc-usd-direction --data BTCUSDT-1m.parquet
    """
    import logging
    from dataclasses import replace

    from gatewise.champions.follow import followed
    from gatewise.champions.log import open_log
    from gatewise.champions.store import open_store
    from gatewise.champions.update import load_champion, update_champion
    from gatewise.cli.output import print_json, print_sentence, set_up_logging
    from gatewise.cli.registry_words import print_change
    from gatewise.data.load import load_table

    set_up_logging(quiet)
    log, store = open_log(), open_store()
    present, bundle = load_champion(name, log, store)
    table = load_table(bundle.reading(flags.file, flags.assignments, flags.overrides), unnamed=bundle.only_symbol)

    def say(new: int) -> None:
        logging.getLogger("gatewise.registry").info("%s labels have settled since; learning", f"{new:,}")

    made = update_champion(present, bundle, table, log, store, reason=reason, on_start=say)
    if made.change is not None:
        made = replace(made, change=followed(made.change, log, store))
    if as_json:
        print_json(made.to_dict())
    elif made.change is None:
        print_sentence(f"Nothing new has settled: {name} stays at {present.bundle[:12]}, entry {present.number}.")
    else:
        print_change(made.change)
        entry = made.change.entry
        print(f"learned {made.new:,} labels more, known until {(entry.known_at_utc or '')[:19].replace('T', ' ')} UTC")
        print(f"frozen  bundle {(entry.fallback or '')[:12]}")
