"""`pyengine lm-eval`: lm-evaluation-harness with GGUF files, by its own command line."""

import sys

import typer

# All words are the harness's own, its --help too.
SETTINGS = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def command(context: typer.Context) -> None:
    """Run lm-evaluation-harness on a GGUF file.

    All options are the harness's own.
    """
    from importlib.util import find_spec

    from pyengine.extras import require_extra

    if {"-h", "--help"} & {*context.args} and find_spec("lm_eval") is None:
        sys.stdout.write(f"{context.get_help()}\n")
        return
    require_extra("lm_eval", "lm-eval")
    from pyengine.harnesses.lm_eval import main

    main(context.args)
