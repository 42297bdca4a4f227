"""`gatewise models`: what the zoo holds, what a model's fields and parts are, and whether it holds to the laws."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from gatewise.cli.flags import ConfigFlags, config_flags
from gatewise.cli.models_memory import NumFeatures, config_of, memory, widths_of
from gatewise.config.flags import DATA

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No words on the way.")]

_ABILITIES = {
    "hidden states": "predict --hidden-states",
    "maps": "how much each step counted, in reports",
    "attention": "predict --attention",
    "fleets": "many members train as one on a GPU",
    "export": "torch.export",
}


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
    from gatewise.cli.output import print_json, print_sentence, print_table, set_up_logging
    from gatewise.models.registry import MODELS, find_spec
    from gatewise.parts import own_names

    set_up_logging(quiet)
    specs = {name: find_spec(name) for name in (*MODELS, *own_names("model"))}
    rows = [
        {
            "name": name,
            "kind": spec.kind,
            "consumes": spec.consumes,
            "can": spec.can,
            "summary": spec.summary,
            "source": spec.source,
        }
        for name, spec in specs.items()
    ]
    if as_json:
        print_json({"models": rows})
    else:
        print_table("", ["name", "kind", "summary"], [[name, spec.kind, spec.summary] for name, spec in specs.items()])
        print()
        for word in dict.fromkeys(word for spec in specs.values() for word in spec.can):
            able = ", ".join(name for name, spec in specs.items() if word in spec.can)
            print_sentence(f"{word} ({_ABILITIES[word]}): {able}")
        print()
        print("gatewise models show NAME gives a model's source, settings and weights.")
        print("One's own is named by its import path: --model mypkg.nets:Conv")


@config_flags()
def show(
    flags: ConfigFlags,
    name: str,
    features: NumFeatures = None,
    outputs: Annotated[
        int | None,
        typer.Option(
            "--outputs",
            min=1,
            help="Numbers predicted: classes, or columns times steps.",
            show_default="3, or those of all steps where the features are forecast",
            rich_help_panel=DATA,
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show a model's preset, changed as is said, and how many weights each part of a network has as it is configured.

    Example: gatewise models show lstm --features 31 --outputs 2 --set model.head_hidden=64
    """
    from gatewise.cli.output import print_json, print_sentence, print_table, set_up_logging
    from gatewise.config.fields import value_at
    from gatewise.config.load import model_preset
    from gatewise.config.model_base import NetworkConfig
    from gatewise.config.names import long_name
    from gatewise.models.counts import weight_counts
    from gatewise.models.registry import find_spec

    set_up_logging(quiet)
    spec, fields = find_spec(name), model_preset(name)
    config, weights = config_of(flags, name), None
    model = config.model
    if isinstance(model, NetworkConfig):
        features, outputs, forecast = widths_of(config, features, outputs)
        parts = weight_counts(model, features, outputs, forecast)
        weights = {"features": features, "outputs": outputs, "parts": parts, "total": sum(parts.values())}
    if as_json:
        described = {"name": name, "consumes": spec.consumes, "summary": spec.summary, "preset": fields}
        print_json(described | {"fields": model.model_dump(mode="json"), "weights": weights})
        return
    print_sentence(f"{name}: {spec.summary} ({spec.source}); consumes {spec.consumes}")
    more = {
        f"model.{key}": value for key, value in model.model_dump(mode="json").items() if key not in (*fields, "name")
    }
    chosen = {key: value_at(config, long_name(key)) for key in fields}
    for key, value in (chosen | more).items():
        print(f"  {key}: {value if isinstance(value, str) else json.dumps(value)}")
    if weights:
        print_table(
            f"{features} features, {outputs} outputs",
            ["part", "weights"],
            [[part, f"{count:,}"] for part, count in {**parts, "total": weights["total"]}.items()],
        )


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
