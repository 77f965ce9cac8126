"""What is sent to the model for a task."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum

from pyengine.code.languages import LANGUAGES
from pyengine.code.tasks import Task
from pyengine.errors import OptionError
from pyengine.measure.pairs import PairEncoder
from pyengine.measure.start_tokens import document_prefix
from pyengine.models.chat import DAY, render_chats
from pyengine.models.model import Model


class PromptStyle(str, Enum):
    """How a task is asked, and what of the answer counts.

    RAW: the code as it is. UNCUT: the same, and all that is written behind it counts, to the last
    token. CHAT: the model's template. FIM: prefix and suffix around a hole.
    """

    RAW = "raw"
    UNCUT = "uncut"
    CHAT = "chat"
    FIM = "fim"


@dataclass(frozen=True)
class Prompt:
    """What is sent for one task: the text for the record, the ids for the model."""

    task: Task
    style: PromptStyle
    text: str
    tokens: tuple[int, ...]


def build_prompts(
    tasks: Sequence[Task], model: Model, style: PromptStyle, *, day: date = DAY
) -> list[Prompt]:
    """Return what is sent for each task; `day` is what a chat template is told.

    Raises:
        OptionError: FIM was asked of a model without its tokens, or CHAT of one without template.
        TokenizerError: the chat template cannot be used.
    """
    if style is PromptStyle.CHAT:
        return _chat_prompts(tasks, model, day)
    if style is PromptStyle.FIM:
        return [_fim_prompt(task, model) for task in tasks]
    encode = PairEncoder(model.vocabulary)
    return [Prompt(task, style, task.prompt, tuple(encode.started(task.prompt))) for task in tasks]


def _fim_prompt(task: Task, model: Model) -> Prompt:
    vocabulary = model.vocabulary
    marks = (vocabulary.fim_prefix, vocabulary.fim_suffix, vocabulary.fim_middle)
    if None in marks:
        raise OptionError(f"{model.path}: the model has no fill-in-the-middle tokens")
    prefix, suffix, middle = (int(mark) for mark in marks if mark is not None)
    before = vocabulary.tokenize(task.prompt).tolist()
    after = vocabulary.tokenize(task.suffix).tolist()
    tokens = (*document_prefix(vocabulary), prefix, *before, suffix, *after, middle)
    names = [vocabulary.piece(mark).decode("utf-8", "replace") for mark in (prefix, suffix, middle)]
    text = f"{names[0]}{task.prompt}{names[1]}{task.suffix}{names[2]}"
    return Prompt(task, PromptStyle.FIM, text, tokens)


def _chat_prompts(tasks: Sequence[Task], model: Model, day: date) -> list[Prompt]:
    conversations = [[{"role": "user", "content": instruction(task)}] for task in tasks]
    texts = render_chats(model, conversations, day=day)
    encode = PairEncoder(model.vocabulary, parse_special=True)
    return [
        Prompt(task, PromptStyle.CHAT, text, tuple(encode.started(text)))
        for task, text in zip(tasks, texts, strict=True)
    ]


def instruction(task: Task) -> str:
    """Return what a chat model is asked."""
    return task.instruction or (
        f"Complete this {LANGUAGES[task.language].title} code. Answer with the complete code in "
        "one code block, without explanation, examples or tests.\n\n"
        f"```{task.language}\n{task.prompt.rstrip()}\n```"
    )


def n_hidden(prompts: Sequence[Prompt]) -> int:
    """Return in how many prompts the chat template leaves out or changes what is asked."""
    return sum(
        prompt.style is PromptStyle.CHAT and instruction(prompt.task).strip() not in prompt.text
        for prompt in prompts
    )
