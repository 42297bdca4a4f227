"""`gatewise registry prune`: stored bundles that nothing needs are listed, and removed where that is said."""

from __future__ import annotations

from typing import Annotated

import typer


def prune(
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep", min=1, help="Newest champions of each name that stay.", show_default="all that the history names"
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; else they are only listed.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the history.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of words.")] = False,
) -> None:
    """List stored bundles that no entry of the history names, and remove them with --yes.

    With --keep also those older than each name's newest champions; what a rollback goes back to stays, and an entry of
    the history says what was removed. Bundles put within the last hour stay, as a promotion may be about to name them.

    Example: gatewise registry prune --keep 10 --yes
    """
    from gatewise.champions.log import open_log
    from gatewise.champions.prune import prunable
    from gatewise.champions.prune import prune as pruned
    from gatewise.champions.store import open_store
    from gatewise.cli.output import print_json, print_sentence, print_table

    log, store = open_log(), open_store()
    found = prunable(log, store, keep)
    entries = pruned(found, log, store, reason) if yes else ()
    total = sum(one.num_bytes for one in found)
    if as_json:
        facts = {"store": str(store.folder), "removed": yes, "bytes": total}
        print_json(facts | {"bundles": [one.to_dict() for one in found], "entries": [e.to_dict() for e in entries]})
        return
    if found:
        rows = [[one.address[:12], f"{one.num_bytes:,}", ", ".join(one.names) or "no entry names it"] for one in found]
        print_table("", ["bundle", "bytes", "champion of"], rows)
        print()
    what = f"{len(found):,} bundle{'' if len(found) == 1 else 's'} of {store.folder}, {total:,} bytes"
    print_sentence(
        f"Removed {what}." if yes else f"{what}, may go; --yes removes them." if found else "Nothing may go."
    )
