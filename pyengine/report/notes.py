"""The words of a record's notes, by their codes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable

from pyengine.report.document import Paragraph
from pyengine.run.record import Note

# How a program fared.
OUTCOMES = {
    "passed": "passed",
    "wrong-answer": "wrong answer",
    "exception": "exception",
    "syntax-error": "syntax error",
    "timed-out": "timed out",
    "memory": "memory",
    "killed": "killed by the sandbox",
    "no-code": "no code",
    "skipped": "skipped",
}
NOTES = {
    "other-vocabulary": (
        "{model} has another vocabulary ({tokenizer}, {n_vocab:,} entries) than the reference "
        "({reference_tokenizer}, {reference_n_vocab:,}): only bits per byte and keywords as "
        "strings can be compared."
    ),
    "variant-failed": "{model} failed: {message}{where}.",
    "speed-failed": "The speed of {model} could not be measured: {message}.",
    "infinite-divergence": (
        "{model}: {n_tokens} tokens have infinite KL divergence and are left out of the mean."
    ),
    "stopped-early": "Measuring ended early: every variant was known to the precision asked for.",
    "beyond-trained-context": (
        "{model} was given contexts of up to {positions:,} tokens and was trained with "
        "{trained:,}: its numbers beyond these say little of its weights."
    ),
    "fitted-to-positions": (
        "Contexts are of {positions:,} tokens, not {asked:,}: no more positions were learned."
    ),
    "documents-left-out": "Left out{of}, because the tokenizer cannot split them: {documents}.",
    "model-failed": "{model} is left out: it {message}.",
    "folder-unreadable": "{folder} was not looked into: {strerror}.",
    "language-skipped": "Not executed, {language}: {missing} not found: {install}",
    "none-solved": (
        "Not one of {n_tasks} tasks was solved; the most common outcome is {in_words!r} ({n} of "
        "{n_samples}). Look at the samples before taking this for the model's ability."
    ),
    "ended-in-thinking": (
        "{n} of {n_samples} samples ended inside their thinking; give more --thinking-tokens."
    ),
    "ended-by-budget": "{n} of {n_samples} samples were ended by the token budget (--max-tokens).",
    "request-hidden": (
        "The chat template leaves out or changes the request in {n} of {n_prompts} prompts; look "
        "at what was sent, or use --prompt raw."
    ),
}


# How to get the toolchain of a language.
INSTALL = {
    "javascript": "install Node.js 18 or newer (Debian: nodejs)",
    "c": "install gcc (Debian: gcc)",
    "cpp": "install g++ (Debian: g++)",
    "java": "install a Java development kit, 17 or newer (Debian: openjdk-17-jdk-headless)",
    "go": "install Go (Debian: golang-go)",
    "rust": "install Rust (Debian: rustc)",
    "ruby": "install Ruby (Debian: ruby)",
    "php": "install PHP's command line (Debian: php-cli)",
}


def note_sentence(note: Note) -> str:
    """Say what a note tells; one of an unknown code by its code and values."""
    values, model = note.values, note.model
    if note.code not in NOTES:
        return f"{model}: {note.code} {values}"
    chunk = values.get("chunk", "open")
    written = {
        "where": "" if chunk == "open" else f" ({chunk}; what came before is kept)",
        "of": f" of {model}" if model else "",
        "documents": ", ".join(values.get("names", ())),
        "missing": ", ".join(values.get("tools", ())),
        "install": INSTALL.get(values.get("language", ""), ""),
        "strerror": os.strerror(getattr(errno, values.get("errno", ""), 0)),
        "in_words": OUTCOMES.get(values.get("outcome", "")),
    }
    return NOTES[note.code].format(model=model, **values, **written)


def warnings(notes: Iterable[Note]) -> list[Paragraph]:
    """Return one warning for each note."""
    return [Paragraph(note_sentence(note), "warn") for note in notes]
