"""`gatewise runs` and `gatewise ui`: what was trained, and where its files are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gatewise.cli.completion import run_ids

if TYPE_CHECKING:
    from rich.text import Text

    from gatewise.registry.info import RunInfo

_JSON = typer.Option("--json", help="One JSON object instead of a table.")


def register(app: typer.Typer) -> None:
    """Adds the group and the verb `ui`."""
    group = typer.Typer(help="List and show runs.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("show")(show)
    app.add_typer(group, name="runs")
    app.command("ui")(ui)


def list_(
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many, latest first.")] = 20,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """List runs, latest first.

    Example: gatewise runs list --limit 5
    """
    from gatewise.registry.runs import list_runs

    infos = list_runs(limit)
    if as_json:
        from gatewise.cli.output import print_json

        print_json({"runs": [info.to_dict() for info in infos]})
    else:
        _print_table(infos)


def show(
    run_id: Annotated[
        str, typer.Argument(metavar="ID", help="A run's id, or enough of its start.", autocompletion=run_ids)
    ],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Show one run: its settings, numbers and files.

    Example: gatewise runs show 3f2a
    """
    from gatewise.registry.runs import find_info

    info = find_info(run_id)
    if as_json:
        from gatewise.cli.output import print_json

        files = [str(path) for path in info.files]
        print_json({**info.to_dict(), "params": info.params, "tags": info.tags, "files": files})
    else:
        _print_run(info)


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


def _print_table(infos: list[RunInfo]) -> None:
    from gatewise.cli.output import print_table, verdict_text

    if not infos:
        from gatewise.registry.folders import run_folders

        if folders := run_folders():
            print(f"no run is recorded here, yet {folders[0].parent} holds folders of runs: {len(folders)}")
        else:
            print("no runs yet; try: gatewise train --source sp500")
        return
    rows: list[list[str | Text]] = []
    for info in infos:
        started = f"{info.started_utc:%Y-%m-%d %H:%M}"
        parts = [_metric(info.key_metric(part)) for part in ("val", "test")]
        took = _took(info)
        verdict = verdict_text(info.judgement) if info.judgement else ""
        rows.append([info.run_id[:8], info.name, info.model, info.status.lower(), started, took, *parts, verdict])
    print_table("", ["id", "name", "model", "status", "started (UTC)", "took", "val", "test", "verdict"], rows)
    if killed := [info for info in infos if info.status == "KILLED"]:
        print(f"killed runs go on: {_way_on(killed[0])}")


def _print_run(info: RunInfo) -> None:
    took = _took(info)
    print(f"run {info.run_id} ({info.status.lower()})")
    print(f"experiment {info.name}, model {info.model}, started {info.started_utc:%Y-%m-%d %H:%M:%S} UTC, took {took}")
    if info.status == "KILLED":
        print(f"it goes on: {_way_on(info)}")
    if info.headline:
        print(f"verdict: {info.headline}")
    print("\nnumbers (the last of each)")
    for name, value in sorted(info.metrics.items()):
        print(f"  {name:<32} {value:.6g}")
    print("\nsettings that say something (all of them: config.yaml)")
    for name, text in info.params.items():
        if text not in ("null", "[]"):
            print(f"  {name:<32} {text}")
    print(f"\nfiles in {info.folder}")
    for path in info.files:
        print(f"  {path.relative_to(info.folder)}")


def _metric(metric: tuple[str, float] | None) -> str:
    if metric is None:
        return ""
    name = metric[0].replace("/", "_").split("_", 1)[1].removeprefix("macro_")
    return f"{name} {metric[1]:.4g}"


def _way_on(info: RunInfo) -> str:
    return f"gatewise train --resume {info.run_id[:8]}"


def _took(info: RunInfo) -> str:
    seconds = info.duration_seconds
    if seconds is None:
        return "still runs" if info.status == "RUNNING" else "its process is gone"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {rest:02}s" if minutes else f"{seconds:.1f}s"
