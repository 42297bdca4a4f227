"""`gatewise explain`: what a model's predictions rest on, or why it made one of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatewise.cli.flags import A_MODEL, ConfigFlags, config_flags
from gatewise.config.flags import DATA_FLAGS, EVALUATION, MACHINE, OUTPUT

if TYPE_CHECKING:
    from gatewise.bundle import Bundle
    from gatewise.explain.attribution import Attribution
    from gatewise.explain.importance import Importances

_SHOWN = 10  # features and steps of one prediction


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("explain")(explain)


@config_flags(*(flag for flag in DATA_FLAGS if flag.name != "--symbol"), as_trained=True)
def explain(
    flags: ConfigFlags,
    model: Annotated[str, A_MODEL],
    time: Annotated[
        str | None,
        typer.Option(
            "--time",
            help="Explain the prediction that was known then, like 2022-12-24T10:00Z.",
            show_default="none: importances",
            rich_help_panel=EVALUATION,
        ),
    ] = None,
    symbol: Annotated[
        str | None,
        typer.Option("--symbol", help="Whose, beside --time.", show_default="the only one", rich_help_panel=EVALUATION),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            help="Class or column to explain, beside --time.",
            show_default="the decided class, the first column",
            rich_help_panel=EVALUATION,
        ),
    ] = None,
    groups: Annotated[
        bool, typer.Option("--groups", help="Move families of features together.", rich_help_panel=EVALUATION)
    ] = False,
    features: Annotated[
        str | None,
        typer.Option(
            "--features",
            help="These alone, like rsi_14,volume*; with --groups together.",
            show_default="all",
            rich_help_panel=EVALUATION,
        ),
    ] = None,
    rows: Annotated[
        int, typer.Option("--rows", min=1, help="Predicted anew in each pass, at most.", rich_help_panel=EVALUATION)
    ] = 2000,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="Orders of the blocks.", rich_help_panel=EVALUATION)
    ] = 5,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the orders.", rich_help_panel=EVALUATION)] = 42,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help=".html: a page; .csv or .parquet: the numbers.", show_default="none", rich_help_panel=OUTPUT
        ),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1.", rich_help_panel=MACHINE)] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No words on the way.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say what predictions rest on: how much worse they are without each feature, or the parts of one prediction.

    Rows are the run's own, of which its validation rows are judged; others are read as its were.

    Example: gatewise explain --model 3f2a --groups

    Example: gatewise explain --model 3f2a --time 2022-12-24T10:00Z --out why.html
    """
    from gatewise.champions.named import find_model
    from gatewise.cli.flags import listed
    from gatewise.cli.output import print_json, set_up_logging

    set_up_logging(quiet)
    if out is not None:
        _require_place(out.expanduser())
    _require_use(time, {"--symbol": symbol, "--output": output}, {"--features": features, "--groups": groups})
    folder = find_model(model)

    from gatewise.bundle import Bundle
    from gatewise.bundle.explaining import attribution, importances, own_table, row_at
    from gatewise.data.load import load_table
    from gatewise.explain.importance import Passes

    bundle, own_rows = Bundle.load(folder), not flags.says_anything
    if own_rows:
        table = own_table(bundle)
    else:
        reading = bundle.reading(flags.file, flags.assignments, flags.overrides)
        table = load_table(reading, unnamed=bundle.only_symbol)
    made: Importances | Attribution
    if time is None:
        only = listed("--features", features) if features is not None else []
        passes = Passes(repeats, rows, seed)
        with _Progress(quiet) as progress:
            made = importances(
                bundle, table, own_rows=own_rows, only=only, grouped=groups, passes=passes, device=device,
                on_pass=progress.on_pass,
            )  # fmt: skip
        _print_importances(made, as_json)
    else:
        matrix = bundle.features(table)
        made = attribution(bundle, table, row_at(bundle, table, matrix, time, symbol), output, matrix)
        _print_attribution(made, as_json)
    if out is not None:
        _write(out.expanduser(), bundle, made)
    if as_json:
        print_json({"bundle": str(folder), "out": None if out is None else str(out.expanduser()), **made.to_dict()})
    elif out is not None:
        print(f"\nwritten to {out}")


class _Progress:
    """A bar on a terminal, on stderr; elsewhere and with `quiet` nothing."""

    def __init__(self, quiet: bool) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from gatewise.cli.output import progress_console

        console = progress_console()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)
        self.task = self.bar.add_task("passes over the rows", total=None)

    def __enter__(self) -> _Progress:
        self.bar.start()
        return self

    def __exit__(self, *of_error: object) -> None:
        self.bar.stop()

    def on_pass(self, done: int, total: int) -> None:
        self.bar.update(self.task, completed=done, total=total)


def _print_importances(made: Importances, as_json: bool) -> None:
    from gatewise.cli.output import print_sentence, print_table
    from gatewise.evaluation.metric_names import metric_words
    from gatewise.report.explain import CAUTION, importance_words, increase_text

    if as_json:
        return
    head = ["feature", f"{metric_words(made.metric)} +", f"{made.confidence:.0%} interval", "of"]
    lines = []
    for one in made.groups:
        several = len(one.features) > 1 or one.features[0] != one.name
        lines.append([one.name, *increase_text(one, made), f"{len(one.features)} features" * several])
    keep = [number for number in range(len(head)) if any(line[number] for line in lines)]
    print_table("", [head[n] for n in keep], [[line[n] for n in keep] for line in lines])
    print()
    print_sentence(importance_words(made))
    print_sentence(CAUTION)


def _print_attribution(made: Attribution, as_json: bool) -> None:
    from gatewise.cli.output import print_sentence, print_table
    from gatewise.evaluation.base import decimals, fixed
    from gatewise.explain.attribution import time_text

    if as_json:
        return
    for sentence in made.sentences:
        print_sentence(sentence)
    print()
    by_feature, by_step = list(made.by_feature.items()), list(made.by_step.items())
    places = decimals(max((abs(part) for _, part in (*by_feature, *by_step)), default=0.0))
    latest = dict(zip(made.names, made.inputs[-1].tolist(), strict=True))
    rows = [[name, fixed(part, places, "+"), f"{latest[name]:.4g}"] for name, part in by_feature[:_SHOWN]]
    print_table("", ["feature", "part", "at the row"], rows)
    print()
    moments = {step: time_text(int(made.steps_us[step - 1])) for step, _ in by_step}
    print_table("", ["time", "step", "part"],
                [[moments[step], str(step), fixed(part, places, "+")] for step, part in by_step[:_SHOWN]])  # fmt: skip


def _write(out: Path, bundle: Bundle, made: Importances | Attribution) -> None:
    from gatewise.explain.importance import Importances
    from gatewise.files import write_frame, write_text
    from gatewise.report.explain import attribution_page, importance_page

    if out.suffix != ".html":
        write_frame(out, made.frame if out.suffix == ".parquet" else _flat(made.frame))
        return
    record = bundle.record
    title = f"{record.config.model.name} on {', '.join(record.symbols[:3])}{', …' * (len(record.symbols) > 3)}"
    page = importance_page(title, made) if isinstance(made, Importances) else attribution_page(title, made)
    write_text(out, page)


def _flat(frame: Any) -> Any:
    """Lists of names as one text, for CSV."""
    import polars as pl

    return frame.with_columns(pl.col(pl.List(pl.String)).list.join("+"))


def _require_use(time: str | None, with_time: dict[str, Any], without: dict[str, Any]) -> None:
    """Refuses what would be passed over without a word."""
    from gatewise.errors import ConfigError

    for flag, value in (with_time if time is None else without).items():
        if value:
            if time is None:
                raise ConfigError(
                    f"{flag} is about one prediction, and --time says which", "add --time, or leave it out"
                )
            raise ConfigError(
                f"{flag} is about importances, and --time asks for one prediction", "leave one of them out"
            )


def _require_place(out: Path) -> None:
    from gatewise.errors import ConfigError, StorageError
    from gatewise.files import require_place

    if out.suffix not in (".html", ".csv", ".parquet"):
        raise ConfigError(f"--out is a .html, .csv or .parquet file; got {out.name!r}", "name a file like why.html")
    if out.is_dir():
        raise StorageError(f"--out is a file; {out} is a folder", "name a file: --out FILE")
    try:
        require_place(out.absolute().parent)
    except StorageError as error:
        raise StorageError(f"{out}: {error.message}", "name a file elsewhere: --out FILE") from error
