"""A model as it is evaluated: how it is asked, and its references in its own tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyengine.code.aggregate import labels_of
from pyengine.code.likelihood import Scoring, token_sets
from pyengine.code.options import EvaluationOptions
from pyengine.code.prompting import Prompt, PromptStyle, build_prompts, choose_style
from pyengine.code.references import reference_text
from pyengine.code.tasks import Task
from pyengine.measure.start_tokens import natural_start
from pyengine.measure.subjects import Subject, padding_ids, same_vocabulary
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.run.record import ModelInfo

SCORING_CELLS = 4096


@dataclass(frozen=True, eq=False)
class Opened:
    """A model, how it is asked, and what its references are."""

    subject: Subject
    style: PromptStyle
    prompts: Sequence[Prompt]
    scoring: Scoring

    @property
    def id(self) -> str:
        """The name by which the run means it."""
        return self.subject.info.id

    @property
    def info(self) -> ModelInfo:
        """What its file says, and how it was asked."""
        info = self.subject.info
        return info.model_copy(update={"settings": {**info.settings, "style": self.style.value}})


def prepare(
    subject: Subject,
    subjects: Sequence[Subject],
    tasks: Sequence[Task],
    options: EvaluationOptions,
) -> Opened:
    """Tokenize what a model is asked and the references that it scores.

    Args:
        subjects: all that are set beside each other: those with one vocabulary score references
            that none of them finds too long.

    Raises:
        OptionError: the model cannot be asked in the style of the options.
        TokenizerError: its chat template cannot be used.
    """
    alike = [s for s in subjects if same_vocabulary(s.info, subject.info)]
    trained = [s.info.n_ctx_train for s in alike if s.info.n_ctx_train > 0]
    learned = [s.n_positions for s in alike if s.n_positions is not None]
    longest = min([SCORING_CELLS, *trained, *learned])
    path = subject.variant.path
    with open_model(path, options=ModelOptions(vocabulary_only=True)) as model:
        vocabulary = model.vocabulary
        style = options.style or choose_style(model)
        found = [(task, reference_text(task, vocabulary, longest=longest)) for task in tasks]
        scored = [(task, text) for task, text in found if text is not None]
        padding = padding_ids(vocabulary, subject.info.n_vocab)
        scoring = Scoring(
            texts=[text for _, text in scored],
            labels=labels_of([(task.language, task.level) for task, _ in scored]),
            start=natural_start(model).ids,
            sets=token_sets(vocabulary, padding),
            padding=padding,
            session=SessionOptions(
                n_ctx=longest, n_batch=min(512, longest), threads=options.threads
            ),
            n_vocab=subject.info.n_vocab,
        )
        return Opened(subject, style, build_prompts(tasks, model, style), scoring)
