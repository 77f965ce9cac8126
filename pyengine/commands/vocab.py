"""`pyengine vocab`: how tokenizers encode programming languages."""

from pathlib import Path

from pyengine.api.vocab import vocab
from pyengine.commands.options import (
    KEYWORDS,
    LANGUAGE,
    Html,
    Json,
    Markdown,
    Options,
    argument,
    check_format,
    command_of,
    option,
)


@command_of(
    vocab,
    models=argument(
        list[str] | None,
        "GGUF files, with or without weights; none: the embedded model.",
        show_default=False,
    ),
    corpus=option(
        list[Path] | None,
        "Text to tokenize: a file or a folder, language by file name; may be given "
        "again. Default: the shipped programs in twelve languages.",
        show_default=False,
    ),
    keywords=KEYWORDS,
    language=LANGUAGE,
    collection=option(str, "Keyword tables: reference (language references) or paper (its lists)."),
)
def command(
    options: Options, *, json: Json = False, markdown: Markdown = False, html: Html = None
) -> None:
    """Show how a tokenizer encodes programming languages.

    Which keywords it keeps whole, what code costs in tokens, which classes its tokens are of and
    what is broken in it. No weight is read. Several models are set side by side.
    """
    from pyengine.commands.output import print_result, reporting
    from pyengine.report.vocab_view import vocab_document

    check_format(json=json, markdown=markdown, html=html)
    with reporting() as progress:
        run = vocab(**options, progress=progress)
    print_result(run, vocab_document, json=json, markdown=markdown, html=html)
