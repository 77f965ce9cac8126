"""`pyengine doctor`: is this installation and machine in order?"""

from pyengine.commands.options import Json, Markdown, check_format


def command(
    *,
    json: Json = False,
    markdown: Markdown = False,
) -> None:
    """Examine this installation and machine, and say what to do.

    Versions, the llama.cpp library in use and its devices, processor features, whether weight
    repacking is safe here (tried in a child process), threads against cores and load, memory,
    disk, and the models found.
    """
    from pyengine.commands.output import print_result
    from pyengine.doctor.examine import examine
    from pyengine.report.doctor_view import doctor_document

    check_format(json=json, markdown=markdown)
    print_result(examine(), doctor_document, json=json, markdown=markdown)
