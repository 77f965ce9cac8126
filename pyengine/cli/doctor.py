"""`pyengine doctor`: is this installation and machine in order?"""

from typing import Annotated

import typer

from pyengine.errors import OptionError


def command(
    *,
    json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Examine this installation and machine, and say what to do.

    Versions, the llama.cpp library in use and its devices, processor features, whether weight
    repacking is safe here (tried in a child process), threads against cores and load, memory,
    disk, and the models found.
    """
    from pyengine.cli.output import print_document, print_json
    from pyengine.doctor.examine import examine
    from pyengine.reports.doctor_view import doctor_document

    if json and markdown:
        raise OptionError("--json and --markdown exclude each other")
    result = examine()
    if json:
        print_json(result)
    else:
        print_document(doctor_document(result), markdown=markdown)
