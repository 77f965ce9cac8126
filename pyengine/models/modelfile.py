"""What Ollama needs to run a GGUF file: a Modelfile with its template and parameters."""

from __future__ import annotations

from pathlib import Path

from pyengine.errors import OptionError, TokenizerError
from pyengine.models.chat import Conversation, render_chats, special_text
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions

# Ollama writes templates in Go's language; in place of a text stands what it fills in there.
SYSTEM, PROMPT = "{{ .System }}", "{{ .Prompt }}"
QUOTE = '"""'


def modelfile(path: Path, context: int) -> str:
    """Return a Modelfile for a model file, its chat template spelled out for one request.

    The file's own template, a program in Jinja, is rendered with what Ollama fills in as the texts
    of the messages; where it can render neither, the Modelfile leaves the template to Ollama.
    """
    lines = [f"FROM {path.absolute()}", f"PARAMETER num_ctx {context}"]
    with open_model(path, options=ModelOptions(vocabulary_only=True)) as model:
        vocabulary = model.vocabulary
        bare: Conversation = [{"role": "user", "content": PROMPT}]
        with_system = [{"role": "system", "content": SYSTEM}, *bare]
        rendered = []
        for conversation in (bare, with_system):
            try:
                rendered += render_chats(model, [conversation])
            except (OptionError, TokenizerError):
                rendered.append("")
        begins = special_text(vocabulary, vocabulary.bos)
        ends = {special_text(vocabulary, t) for t in (vocabulary.eos, vocabulary.eot)} - {""}
    # llama.cpp puts this token before every prompt by itself.
    plain, told = (text.removeprefix(begins) for text in rendered)
    if PROMPT in plain:
        both = f"{{{{ if .System }}}}{told}{{{{ else }}}}{plain}{{{{ end }}}}"
        template = both if SYSTEM in told else plain
        if QUOTE not in template:
            lines.append(f"TEMPLATE {QUOTE}{template}{QUOTE}")
    lines += [f'PARAMETER stop "{end}"' for end in sorted(ends) if '"' not in end]
    return "\n".join(lines) + "\n"
