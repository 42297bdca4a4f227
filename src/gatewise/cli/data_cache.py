"""`gatewise data cache`: the feature matrices that are kept for the next run."""

from __future__ import annotations

from typing import Annotated

import typer


def register(group: typer.Typer) -> None:
    """Adds the command."""
    group.command("cache")(cache)


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all of them.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """List the feature matrices that are kept for the next run over the same rows, or remove them.

    Only large ones are kept. The least recently used go when $GATEWISE_CACHE_GB (4; 0 keeps none) is passed.

    Example: gatewise data cache --clear
    """
    from datetime import UTC, datetime

    from gatewise.cli.output import print_json, print_table
    from gatewise.features import cache as kept

    if clear:
        freed = kept.clear()
        if as_json:
            print_json({"folder": str(kept.cache_folder()), "freed_bytes": freed})
        else:
            print(f"{freed / 1e6:,.0f} MB freed in {kept.cache_folder()}")
        return
    entries = kept.entries()
    rows = [
        {
            "key": entry.key,
            "bytes": entry.num_bytes,
            "used": datetime.fromtimestamp(entry.used, UTC).isoformat(timespec="seconds"),
            **{name: entry.meta.get(name) for name in ("rows", "symbols", "timeframe", "features")},
        }
        for entry in entries
    ]
    if as_json:
        total = sum(entry.num_bytes for entry in entries)
        limit = kept.cache_limit_bytes()
        print_json({"folder": str(kept.cache_folder()), "bytes": total, "limit_bytes": limit, "entries": rows})
        return
    shown = [
        [
            str(row["key"])[:12],
            f"{entry.num_bytes / 1e6:,.0f}",
            str(row["used"]),
            f"{row['rows']:,}",
            ", ".join(entry.meta["symbols"][:3]) + ("…" if entry.meta["symbols"][3:] else ""),
            ", ".join((*entry.meta["features"]["sets"], *entry.meta["features"]["timeframes"])),
        ]
        for entry, row in zip(entries, rows, strict=True)
    ]
    print_table(str(kept.cache_folder()), ["key", "MB", "last used", "rows", "symbols", "features"], shown)
