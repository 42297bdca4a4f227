"""`gatewise models`: what the zoo holds, what a model's fields are, and how much memory it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatewise.cli.flags import ConfigFlags, config_flags
from gatewise.config.flags import DATA, MACHINE, MODEL_FLAGS

if TYPE_CHECKING:
    from gatewise.config.schema import ExperimentConfig

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No words on the way.")]
DEVICES, PRECISIONS = ("cpu", "cuda"), ("fp32", "bf16", "fp16")


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(help="List and describe models.", no_args_is_help=True)
    group.command("list")(list_models)
    group.command("show")(show)
    group.command("memory")(memory)
    group.command("check")(check)
    app.add_typer(group, name="models")


def list_models(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """List the models.

    Example: gatewise models list
    """
    from gatewise.cli.output import print_json, print_table, set_up_logging
    from gatewise.models.registry import MODELS, find_spec
    from gatewise.parts import own_names

    set_up_logging(quiet)
    specs = {name: find_spec(name) for name in (*MODELS, *own_names("model"))}
    rows = [
        {"name": name, "consumes": spec.consumes, "can": spec.can, "summary": spec.summary, "source": spec.source}
        for name, spec in specs.items()
    ]
    if as_json:
        print_json({"models": rows})
    else:
        texts = [[value if isinstance(value, str) else ", ".join(value) for value in row.values()] for row in rows]
        print_table("", [*rows[0]], texts)
        print("One's own is named by its import path: --model mypkg.nets:Conv")


@config_flags()
def show(
    flags: ConfigFlags,
    name: str,
    features: Annotated[
        int, typer.Option("--features", min=1, help="Number of input features.", rich_help_panel=DATA)
    ] = 39,
    outputs: Annotated[
        int | None,
        typer.Option(
            "--outputs",
            min=1,
            help="Numbers predicted: classes, or columns times steps.",
            show_default="3, or the features where each is forecast",
            rich_help_panel=DATA,
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show a model's preset, and how many weights each part of a network has as it is configured.

    Example: gatewise models show lstm --features 31 --outputs 2 --set model.head_hidden=64
    """
    from gatewise.cli.output import print_json, print_table, set_up_logging
    from gatewise.config.load import model_preset
    from gatewise.config.model_base import NetworkConfig
    from gatewise.models.counts import weight_counts
    from gatewise.models.registry import find_spec

    set_up_logging(quiet)
    spec, fields = find_spec(name), model_preset(name)
    model, weights = _config_of(flags, name).model, None
    if isinstance(model, NetworkConfig):
        outputs = outputs or (features if model.continues else 3)
        parts = weight_counts(model, features, outputs)
        weights = {"features": features, "outputs": outputs, "parts": parts, "total": sum(parts.values())}
    if as_json:
        described = {"name": name, "consumes": spec.consumes, "summary": spec.summary, "preset": fields}
        print_json(described | {"weights": weights})
        return
    print(f"{name}: {spec.summary} ({spec.source}); consumes {spec.consumes}")
    for key, value in fields.items():
        print(f"  {key}: {'null' if value is None else str(value).lower() if isinstance(value, bool) else value}")
    if weights:
        print_table(
            f"{features} features, {outputs} outputs",
            ["part", "weights"],
            [[part, f"{count:,}"] for part, count in {**parts, "total": weights["total"]}.items()],
        )


@config_flags(*MODEL_FLAGS)
def memory(
    flags: ConfigFlags,
    name: Annotated[str | None, typer.Argument(help="Model name, as --model.")] = None,
    features: Annotated[
        int, typer.Option("--features", min=1, help="Number of input features.", rich_help_panel=DATA)
    ] = 39,
    rows: Annotated[
        int, typer.Option("--rows", min=0, help="Rows of the series kept on the device.", rich_help_panel=DATA)
    ] = 0,
    device: Annotated[
        str, typer.Option("--device", help="cpu or cuda: whose account to give.", rich_help_panel=MACHINE)
    ] = "cpu",
    precision: Annotated[
        str, typer.Option("--precision", help="fp32, bf16 or fp16.", rich_help_panel=MACHINE)
    ] = "fp32",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Account for the memory that a training step takes, item by item.

    Example: gatewise models memory --model lstm --batch-size 512 --seq-len 60 --features 25 --hidden-size 256
    """
    from gatewise.cli.output import print_json, print_table, set_up_logging
    from gatewise.errors import ConfigError, UnknownNameError
    from gatewise.training.memory import estimate_memory

    set_up_logging(quiet)
    for kind, word, known in (("device", device, DEVICES), ("precision", precision, PRECISIONS)):
        if word not in known:
            raise UnknownNameError(kind, word, known)
    if name is not None and flags.overrides.get("model.name", name) != name:
        raise ConfigError(f"the model is named twice: {name} and {flags.overrides['model.name']}", "name it once")
    config = _config_of(flags, name)
    account = estimate_memory(
        config.model,
        batch_size=config.training.batch_size,
        sequence_length=config.windows.sequence_length,
        num_features=features,
        num_rows=rows,
        device=device,
        precision=precision,
    )
    if as_json:
        print_json(account.to_dict())
    else:
        items = account.to_dict()["megabytes"]
        print_table(
            f"{config.model.name}: a training step on {device}, {precision}",
            ["item", "MB"],
            [[item, f"{value:,.1f}"] for item, value in items.items()],
        )


def _config_of(flags: ConfigFlags, name: str | None) -> ExperimentConfig:
    """The config of a model that nothing is trained on: it predicts what it can, where no target is said."""
    said: dict[str, Any] = {} if name is None else {"model.name": name}
    elsewhere = flags.preset or flags.file or any(field.startswith("target.") for field in flags.fields)
    return flags.config(said if elsewhere else said | {"target.kind": "given"})


def check(name: str, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Hold a model against the laws that its declaration calls for.

    Exit code 0: it holds to all; 1: the laws that it breaks are named.

    Example: gatewise models check lstm
    """
    from gatewise.cli.output import print_checks, set_up_logging
    from gatewise.proofs.laws.check import check_model
    from gatewise.proofs.run import Audit

    set_up_logging(quiet)
    result = Audit(tuple(check_model(name)))
    print_checks(result, as_json, f"{name} holds to every law", f"{name} breaks a law")
    if not result.passed:
        raise typer.Exit(1)
