"""What is sent to the model for a task, and how its answer becomes a solution."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from pyengine.code import chat
from pyengine.code.stopping import CompletionStop, completion_of
from pyengine.code.tasks import Task
from pyengine.errors import OptionError
from pyengine.models.chat import render_chats
from pyengine.models.model import Model, Vocabulary, prompt_ids


class PromptStyle(str, Enum):
    """RAW: the code as it is. CHAT: the model's template. FIM: prefix and suffix around a hole."""

    RAW = "raw"
    CHAT = "chat"
    FIM = "fim"


@dataclass(frozen=True)
class Prompt:
    """What one task sends: the text for the record, the ids for the model."""

    style: PromptStyle
    text: str
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class Solution:
    """What came of a model's text.

    Attributes:
        completion: what follows the prompt, or a whole program where `whole`.
        whole: the answer repeats the prompt's definition, and so replaces it.
        thinking: what was removed as thinking.
        trimmed: a tail cut off by the token budget was dropped.
    """

    completion: str
    whole: bool = False
    thinking: str = ""
    trimmed: bool = False


Stop = Callable[[bytes], bool]


def choose_style(model: Model) -> PromptStyle:
    """Return CHAT for a model that is named as one and has a template, RAW otherwise."""
    metadata = model.metadata
    keys = ("general.name", "general.basename", "general.finetune", "general.tags")
    names = [model.path.name, *(metadata.get(key, "") for key in keys)]
    return PromptStyle.CHAT if chat.is_chat_model(names, model.chat_template) else PromptStyle.RAW


def build_prompts(tasks: Sequence[Task], model: Model, style: PromptStyle) -> list[Prompt]:
    """Return what is sent for each task.

    Raises:
        OptionError: FIM was asked of a model without its tokens, or CHAT of one without template.
        TokenizerError: the chat template cannot be used.
    """
    if style is PromptStyle.CHAT:
        return _chat_prompts(tasks, model)
    if style is PromptStyle.FIM:
        return [_fim_prompt(task, model) for task in tasks]
    return [_raw_prompt(task, model) for task in tasks]


def _raw_prompt(task: Task, model: Model) -> Prompt:
    tokens = prompt_ids(model.vocabulary, task.prompt)
    return Prompt(PromptStyle.RAW, task.prompt, _started(tokens, model))


def _started(tokens: list[int], model: Model) -> tuple[int, ...]:
    """Return at least one token: the end-of-text token starts a text where there is no BOS."""
    if tokens:
        return tuple(tokens)
    start = model.vocabulary.bos if model.vocabulary.bos is not None else model.vocabulary.eos
    if start is None:
        raise OptionError(f"{model.path}: an empty prompt, and no token to start with")
    return (start,)


def _fim_prompt(task: Task, model: Model) -> Prompt:
    vocabulary = model.vocabulary
    marks = (vocabulary.fim_prefix, vocabulary.fim_suffix, vocabulary.fim_middle)
    if None in marks:
        raise OptionError(f"{model.path}: the model has no fill-in-the-middle tokens")
    prefix, suffix, middle = (int(mark) for mark in marks if mark is not None)
    bos = [vocabulary.bos] if vocabulary.add_bos and vocabulary.bos is not None else []
    before = vocabulary.tokenize(task.prompt).tolist()
    after = vocabulary.tokenize(task.suffix).tolist()
    tokens = [*bos, prefix, *before, suffix, *after, middle]
    names = [vocabulary.piece(mark).decode("utf-8", "replace") for mark in (prefix, suffix, middle)]
    text = f"{names[0]}{task.prompt}{names[1]}{task.suffix}{names[2]}"
    return Prompt(PromptStyle.FIM, text, tuple(tokens))


def instruction(task: Task) -> str:
    """Return what a chat model is asked."""
    if task.instruction:
        return task.instruction
    title = {"cpp": "C++", "php": "PHP", "javascript": "JavaScript"}.get(
        task.language, task.language.capitalize()
    )
    return (
        f"Complete this {title} code. Answer with the complete code in one code block, without "
        f"explanation, examples or tests.\n\n```{task.language}\n{task.prompt.rstrip()}\n```"
    )


def n_hidden(tasks: Sequence[Task], prompts: Sequence[Prompt]) -> int:
    """Return in how many prompts the chat template leaves out or changes what is asked."""
    return sum(
        prompt.style is PromptStyle.CHAT and instruction(task).strip() not in prompt.text
        for task, prompt in zip(tasks, prompts, strict=True)
    )


def _chat_prompts(tasks: Sequence[Task], model: Model) -> list[Prompt]:
    template = model.chat_template
    if template is None:
        raise OptionError(f"{model.path}: the model has no chat template; use the raw prompt")
    bos, eos = (_text_of(model.vocabulary, mark) for mark in _ends(model.vocabulary))
    conversations = [[{"role": "user", "content": instruction(task)}] for task in tasks]
    prompts = []
    for text in render_chats(template, conversations, bos=bos, eos=eos):
        begun = bool(bos) and text.startswith(bos)
        tokens = prompt_ids(model.vocabulary, text, begun=begun, parse_special=True)
        prompts.append(Prompt(PromptStyle.CHAT, text, _started(tokens, model)))
    return prompts


def _ends(vocabulary: Vocabulary) -> tuple[int | None, int | None]:
    return vocabulary.bos, vocabulary.eos


def _text_of(vocabulary: Vocabulary, token: int | None) -> str:
    return "" if token is None else vocabulary.texts()[token].decode("utf-8", "replace")


def thinks(model: Model) -> bool:
    """Return whether the model's template knows of thinking blocks, which need tokens too."""
    return "think" in (model.chat_template or "")


def stop_rule(task: Task, prompt: Prompt) -> CompletionStop | chat.FenceStop:
    """Return a new stop rule for one continuation of `prompt`."""
    if prompt.style is PromptStyle.CHAT:
        return chat.FenceStop(chat.opened_thinking(prompt.text))
    return CompletionStop(task)


def read_answer(
    task: Task, prompt: Prompt, text: bytes, *, end: int | None, cut_off: bool
) -> Solution:
    """Return the solution in what the model wrote after `prompt`."""
    if prompt.style is not PromptStyle.CHAT:
        completion, trimmed = completion_of(task, text, end=end, cut_off=cut_off)
        return Solution(completion, trimmed=trimmed)
    opened = chat.opened_thinking(prompt.text)
    answer = chat.take_apart(opened + text.decode("utf-8", "replace"))
    whole = re.search(rf"\b{re.escape(task.entry_point)}\b", answer.code) is not None
    if whole and answer.code.lstrip().startswith("return"):
        whole = False
    return Solution(answer.code, whole=whole, thinking=answer.thinking)
