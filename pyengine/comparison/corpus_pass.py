"""The measurement over the corpus: windows, plan, passes, null control."""

from dataclasses import dataclass

from pyengine.comparison.averages import null_record
from pyengine.comparison.decoding import choose_decoding
from pyengine.comparison.greedy import (
    N_PROMPT,
    Continuation,
    choose_documents,
    continuations,
    greedy_options,
    most_written,
)
from pyengine.comparison.measure import (
    Measurement,
    Measurer,
    measure,
)
from pyengine.comparison.memory import MemoryPlan, choose_plan
from pyengine.comparison.passes import Reduction
from pyengine.comparison.records import NullRecord, ScopeRecord
from pyengine.comparison.setting import Setting
from pyengine.comparison.subjects import Subject
from pyengine.comparison.tokens import TokenTable, token_table
from pyengine.comparison.windows import cut_windows, describe
from pyengine.engine.session import Session


@dataclass(frozen=True)
class CorpusPass:
    """What was measured over the corpus, and how."""

    plan: MemoryPlan
    measurement: Measurement
    table: TokenTable
    null: NullRecord
    continuations: list[Continuation]


def measure_corpus(setting: Setting, variants: list[Subject]) -> CorpusPass:
    """Measure variants of the reference's vocabulary over the corpus."""
    options = setting.options
    windows = cut_windows(setting.documents, setting.prefix, options.windows, seed=options.seed)
    plan = choose_plan(
        options.memory,
        model_bytes=[s.record.file_bytes for s in (setting.reference, *variants)],
        n_vocab=setting.reference.record.n_vocab,
        window_rows=max(len(window) for window in windows),
    )
    decoding = choose_decoding(windows, options, plan, threads=setting.threads)
    measurement = measure(
        setting.reference,
        variants,
        windows,
        Measurer(
            setting.documents,
            Reduction(setting.padding, setting.threads),
            setting.keywords,
            len(variants),
            options,
            setting.save_logits,
        ),
        decoding,
        plan=plan.name,
        progress=setting.progress,
    )
    return CorpusPass(
        plan=plan,
        measurement=measurement,
        table=token_table(setting.documents, measurement.windows),
        null=null_record(measurement.null, decoding.usual, decoding.control),
        continuations=_written(setting),
    )


def _written(setting: Setting) -> list[Continuation]:
    chosen = choose_documents(setting.documents, setting.options.greedy, seed=setting.options.seed)
    n_prompt = len(setting.prefix) + N_PROMPT
    if not chosen or most_written(n_prompt, setting.n_positions) < 1:
        return []
    setting.progress("continue greedily", 0.0)
    how = greedy_options(len(setting.prefix), setting.threads)
    session = Session(setting.reference.opened(), options=how)
    return continuations(
        session,
        setting.documents,
        chosen,
        setting.prefix,
        setting.padding,
        n_positions=setting.n_positions,
    )


def scope_record(setting: Setting, corpus: CorpusPass) -> ScopeRecord:
    """Say what was scored."""
    windows = corpus.measurement.windows
    return ScopeRecord(
        n_ctx=setting.options.windows.n_ctx,
        stride=setting.options.windows.step,
        prefix=setting.prefix,
        n_windows=len(windows),
        n_documents=len({window.document for window in windows}),
        n_tokens=sum(len(window) for window in windows),
        words=describe(setting.options.windows, setting.prefix),
        plan=corpus.plan.name,
        plan_reason=corpus.plan.reason,
        stopped=corpus.measurement.stopped,
        left_out=[document.text.name for document in setting.documents if document.refused],
    )
