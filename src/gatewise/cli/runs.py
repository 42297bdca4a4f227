"""`gatewise runs` and `gatewise ui`: what was trained, and where its files are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gatewise.cli.completion import all_run_ids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.text import Text

    from gatewise.registry.info import RunInfo
    from gatewise.registry.live import Usage

_JSON = typer.Option("--json", help="One JSON object instead of a table.")
_ID = typer.Argument(metavar="ID", help="A run's name, or its id or enough of its start.", autocompletion=all_run_ids)


def register(app: typer.Typer) -> None:
    """Adds the group and the verb `ui`."""
    group = typer.Typer(help="List, show, compare, rename and remove runs.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("compare")(compare)
    group.command("looks")(looks)
    group.command("rename")(rename)
    group.command("rm")(remove)
    app.add_typer(group, name="runs")
    app.command("ui")(ui)


def list_(
    kind: Annotated[str | None, typer.Option("--kind", help="train, cv, tune, per-symbol or seeds.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only runs of this model.")] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only runs on this symbol.")] = None,
    verdict: Annotated[str | None, typer.Option("--verdict", help="better, undecided, worse or too_few.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="running, finished, failed or killed.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Only runs with this in their name.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Started within 2d, or since 2026-01-31.")] = None,
    sort: Annotated[str, typer.Option("--sort", help="started, name, model, score or took.")] = "started",
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many.")] = 20,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """List runs of all kinds, the latest first: train, cv, tune, and groups of --per-symbol and --seeds.

    Example: gatewise runs list --symbol BTCUSDT --verdict better --since 7d
    """
    from gatewise.registry.chosen import chosen_runs
    from gatewise.registry.listing import list_runs
    from gatewise.registry.live import usage

    filters = {"kind": kind, "model": model, "symbol": symbol, "verdict": verdict, "status": status, "name": name}
    every = list_runs()
    fitting = chosen_runs(every, filters, since, sort)
    shown = fitting[:limit]
    live = usage(shown)
    if as_json:
        from gatewise.cli.output import print_json

        print_json({"runs": [_plain(info, live) for info in shown]})
    elif shown:
        _print_table(shown, live)
        if len(fitting) > limit:
            print(f"{len(fitting) - limit} more: --limit {len(fitting)}")
    else:
        print("no run fits" if every else "no runs yet; try: gatewise train --source sp500")


def show(
    run_id: Annotated[str, _ID],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Show one run of any kind, or a bundle's folder: verdict, numbers, settings, files, and how to go on.

    Example: gatewise runs show 3f2a
    """
    from gatewise.cli.output import print_json
    from gatewise.cli.runs_show import print_run
    from gatewise.registry.details import details_of
    from gatewise.registry.listing import find_info
    from gatewise.registry.live import usage
    from gatewise.registry.looks import looks_key

    info = find_info(run_id)
    live, details = usage([info]), details_of(info)
    if as_json:
        print_json(_plain(info, live) | details.to_dict() | looks_key(info.folder))
    else:
        print_run(info, details, live.get(info.run_id))


def compare(
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="A B ...", help="Names or ids; each is set beside the first.", autocompletion=all_run_ids
        ),
    ],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Compare runs: what differs in settings and data, and their metrics on the rows that all predicted.

    Differences are paired over those rows, with the intervals by which a run is judged beside its baselines.

    Example: gatewise runs compare 3f2a 9c00
    """
    from gatewise.cli.output import print_json
    from gatewise.cli.runs_compare import print_comparison
    from gatewise.registry.compare import compare_runs
    from gatewise.registry.listing import find_info

    comparison = compare_runs([find_info(text) for text in ids])
    if as_json:
        print_json(comparison.to_dict())
    else:
        print_comparison(comparison)


def looks(
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only rows of this symbol.")] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """List judged rows: how many models were judged on them, and what that leaves of the best one's gain.

    Runs that were removed count too.

    Example: gatewise runs looks --symbol BTCUSDT
    """
    from gatewise.cli.output import print_json
    from gatewise.cli.runs_looks import print_spans
    from gatewise.looks.ledger import ledger_file
    from gatewise.looks.span import judged_spans
    from gatewise.registry.looks import begin_ledger

    begin_ledger()
    spans = judged_spans(symbol)
    if as_json:
        print_json({"ledger": str(ledger_file()), "spans": [span.to_dict() for span in spans]})
    else:
        print_spans(spans)


def rename(
    run_id: Annotated[str, _ID],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is to be called.")],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Give a run another name, here and in MLflow.

    Example: gatewise runs rename 3f2a "before the split"
    """
    from gatewise.cli.output import print_json
    from gatewise.registry.listing import find_info
    from gatewise.registry.remove import rename_run

    before = find_info(run_id)
    info = rename_run(before, name)
    if as_json:
        print_json({"run_id": info.run_id, "name": info.name})
    else:
        print(f"{info.run_id[:8]} is called {info.name!r}, no longer {before.name!r}")


def remove(
    ids: Annotated[list[str], typer.Argument(metavar="ID ...", help="Names or ids.", autocompletion=all_run_ids)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Remove runs for good: folders, MLflow's runs, artifacts; with a group of --per-symbol or --seeds its runs too.

    It asks on a terminal. A run that a process works on is refused.

    Example: gatewise runs rm 3f2a 9c00
    """
    import sys

    from gatewise.cli.output import print_json
    from gatewise.errors import ConfigError
    from gatewise.registry.listing import find_info
    from gatewise.registry.remove import remove_runs, with_members

    infos = with_members(find_info(text) for text in ids)
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigError("runs are removed for good, and there is no terminal to ask on", "--yes")
        for info in infos:
            print(f"  {info.run_id[:8]}  {info.kind:<10}  {info.name}", file=sys.stderr)
        if not typer.confirm(f"Remove {len(infos)} for good?", err=True):
            raise typer.Exit(1)
    remove_runs(infos)
    if as_json:
        print_json({"removed": [info.run_id for info in infos]})
    else:
        print(f"removed: {', '.join(info.run_id[:8] for info in infos)}")


def ui(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port on this machine.")] = 5000,
) -> None:
    """Serve MLflow's pages of the runs on this machine, until Ctrl-C.

    Example: gatewise ui --port 5001
    """
    import os
    import sys

    from gatewise.registry.pages import HOST, pages_command

    command, environment = pages_command(port)
    print(f"MLflow's pages: http://{HOST}:{port} (Ctrl-C stops)", file=sys.stderr, flush=True)
    # The server takes this process's place, so that no signal can stop the one and leave the other.
    os.execve(command[0], command, environment)


def _plain(info: RunInfo, live: Mapping[str, Usage]) -> dict[str, object]:
    now = live.get(info.run_id)
    return info.to_dict() | {"live": now and {"cpu_percent": now.cpu_percent, "memory_mb": now.memory_mb}}


def _print_table(infos: Sequence[RunInfo], live: Mapping[str, Usage]) -> None:
    from gatewise.cli.output import cut_in_the_middle, print_table, terminal_width
    from gatewise.cli.runs_show import live_words, outcome_words, score_texts, way_on
    from gatewise.evaluation.metric_names import metric_words

    # What there is no room for is left out, so what matters most comes first.
    head = ["name", "id", "verdict", "score", "baseline", "age", "kind", "model", "target", "symbols", "judged by"]
    most = 22 if (terminal_width() or 200) < 100 else 100
    rows: list[list[str | Text]] = []
    for info in infos:
        score, subject = info.score, info.subject
        value, beside, by = "", "", ""
        if score:
            value, beside = score_texts(score)
            by = f"{metric_words(score.metric)}, {score.part}, beside {score.baseline}"
        kind = "group" if info.kind == "per-symbol" else info.kind
        about = [kind, subject.model, subject.aim, subject.rows, by]
        name = cut_in_the_middle(info.name, most)
        rows.append([name, info.run_id[:8], outcome_words(info), value, beside, _age(info), *about])
    print_table("", head, rows, whole=False)
    for info in infos:
        if info.run_id in live:
            print(f"{info.run_id[:8]} runs: {live_words(info, live[info.run_id])}")
    if killed := next((info for info in infos if info.status == "KILLED" and way_on(info)), None):
        print(f"killed runs go on: {way_on(killed)}")


def _age(info: RunInfo) -> str:
    from datetime import UTC, datetime

    seconds = (datetime.now(UTC) - info.started_utc).total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"
