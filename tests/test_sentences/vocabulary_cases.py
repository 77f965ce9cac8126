"""Cases of what is said of tokenizers."""

from collections.abc import Sequence
from typing import Any

from run_samples import MADE, TEXT, info
from said import Case, Cases, case

from pyengine.report.sentences.vocabulary import (
    fertility_sentences,
    fewest_tokens_sentence,
    identity_words,
    lost_sentences,
    marks_sentence,
    most_whole_sentence,
    no_syntax_sentence,
    rank_sentences,
    reachable_words,
    special_faults_words,
    summary_sentence,
    tokenize_sentence,
    tokens_sentences,
    vocab_sentence,
)
from pyengine.report.vocab_found import Found, found_of
from pyengine.report.vocab_tables import method
from pyengine.run import Exhibit, Measurement, Note, Run
from pyengine.run.measurement import group_of

GO = {"collection": "reference", "language": "go"}
PLAIN = {"cl100k": False, "special_tokens": [], "add_bos": False, "add_eos": False}
SPECIAL = [{"name": "BOS", "id": 1, "piece": "<s>"}]


def row(metric: str, value: float, n: int, model: str = "t", **members: str) -> Measurement:
    """A number of a tokenizer."""
    return Measurement(metric, model, "", group_of(members), value, n=n)


def text(
    model: str = "t",
    *,
    tokens: int = 50,
    refused: int = 0,
    documents: int = 10,
    located: float = 1.0,
) -> list[Measurement]:
    """What 100 bytes of Go cost."""
    return [
        row("bytes_per_token", 100 / tokens if tokens else 0, tokens, model, language="go"),
        row("tokens_per_1000_bytes", 10.0 * tokens, 100, model, language="go"),
        row("refused_documents", refused, documents, model, language="go"),
        row("located_share", located, tokens, model, language="go"),
    ]


def words(model: str = "t", whole: int = 5) -> list[Measurement]:
    """How many of ten reserved words of Go, and of all, are one bare token."""
    bare = {"form": "bare"}
    return [
        row("coverage", whole / 10, 10, model, collection="reference", **bare),
        row("coverage", whole / 10, 10, model, **GO, **bare, **{"class": "reserved"}),
    ]


def tokenizers(
    *rows: Measurement,
    models: str = "t",
    shas: str = "abc",
    notes: Sequence[Note] = (),
    exhibits: Sequence[Exhibit] = (),
    **identity: object,
) -> Run:
    """A run over tokenizers of one letter each."""
    content = {**PLAIN, **identity}
    infos = [
        info(name, 1).model_copy(update={"vocabulary_sha256": sha})
        for name, sha in zip(models, shas, strict=False)
    ]
    table = {**GO, "title": "Go"}
    made = [Exhibit(kind="tokenizer", model=name, content=content) for name in models]
    made.append(Exhibit(kind="keyword-table", model="", content=table))
    return Run(
        command="vocab",
        options={"collections": ["reference"]},
        provenance=MADE,
        models=infos,
        measurements=list(rows),
        exhibits=[*made, *exhibits],
        notes=list(notes),
    )


def one(*rows: Measurement, **more: Any) -> Found:  # noqa: ANN401 - what tokenizers() takes
    """What was found in one tokenizer."""
    (found,) = found_of(tokenizers(*rows, **more))
    return found


def pair(*rows: Measurement, shas: str = "ab") -> list[Found]:
    """What was found in the tokenizers a and b."""
    return found_of(tokenizers(*rows, models="ab", shas=shas))


def note(code: str, **values: object) -> dict[str, list[Note]]:
    """The notes of a tokenizer."""
    return {"notes": [Note(code=code, model="t", values=values)]}


def fault(code: str) -> Case:
    """A special token at fault."""
    values = {"fault": code, "token": "BOS", "declared": 9}
    return case(code, special_faults_words, one(**note("special-token", **values)))


EQUAL_WORDS = [*words("a"), *words("b")]
EQUAL_TOKENS = [*text("a"), *text("b")]
UNREACHABLE = row("unreachable", 0.1, 100)
EXAMPLES = [Exhibit(kind="pieces", model="t", content={"fault": "unreachable", "pieces": ["x"]})]
TOKEN, PLACELESS = {"start": 0}, {"start": None}


def tokenized(density: float | None = 2.0, failed: float | None = 0.0) -> Run:
    """A text cut into tokens."""
    values = {"bytes_per_token": density, "round_trip_failures": failed}
    return tokenizers(*(row(name, v, 1) for name, v in values.items() if v is not None))


def tokenize(code: str, density: float | None = 2.0, failed: float | None = 0.0) -> Case:
    """A case of the opening sentence."""
    content = {"n_bytes": 4, "tokens": [TOKEN, TOKEN]}
    return case(code, tokenize_sentence, tokenized(density, failed), content)


CASES: Cases = {
    "vocabulary": [
        case("answer", vocab_sentence, one(*words())),
        case("answer[per_token]", vocab_sentence, one(*words(), *text())),
        case("answer[broken]", vocab_sentence, one(*words(), UNREACHABLE)),
        case("own-order none-declared nothing-added", identity_words, one()),
        case("in-cl100k none-declared nothing-added", identity_words, one(cl100k=True)),
        case("own-order nothing-added", identity_words, one(special_tokens=SPECIAL)),
        case("own-order none-declared", identity_words, one(add_bos=True)),
        case("as-declared", special_faults_words, one()),
        case("", special_faults_words, one(**note("special-token", fault="undeclared", token="x"))),
        case("reachable", reachable_words, one(UNREACHABLE)),
        case("reachable such-as", reachable_words, one(UNREACHABLE, exhibits=EXAMPLES)),
        case("", reachable_words, one(**note("reachability-untested", why="unigram"))),
        case("", rank_sentences, one()),
        case("cl100k", rank_sentences, one(cl100k=True)),
        case("", fertility_sentences, one(*text())),
        case("few-documents", fertility_sentences, one(*text(documents=9))),
        case("refused", fertility_sentences, one(*text(documents=12, refused=2))),
        case("no-places", fertility_sentences, one(*text(located=0.9))),
        case("no-places", fertility_sentences, one(*text()[:3])),
        case("no-syntax", no_syntax_sentence, one(*text())),
        case("", no_syntax_sentence, one(row("syntax_token_share", 0.5, 9, language="go"))),
        case("one", summary_sentence, pair(shas="aa")),
        case("several equal-words", summary_sentence, pair(*EQUAL_WORDS)),
        case(
            "several[shared] equal-words",
            summary_sentence,
            found_of(tokenizers(*EQUAL_WORDS, *words("c"), models="abc", shas="aab")),
        ),
        case("equal-words", most_whole_sentence, pair(*EQUAL_WORDS)),
        case("most-words", most_whole_sentence, pair(*words("a"), *words("b", 6))),
        case("", fewest_tokens_sentence, pair()),
        case("", fewest_tokens_sentence, pair(*text("a"))),
        case("equal-tokens", fewest_tokens_sentence, pair(*EQUAL_TOKENS)),
        case("fewest-tokens", fewest_tokens_sentence, pair(*text("a"), *text("b", tokens=40))),
        case("", lost_sentences, pair(*EQUAL_TOKENS)),
        case("lost", lost_sentences, pair(*text("a"), *text("b", located=0.9))),
    ],
    "untested": [
        *(
            case(why, reachable_words, one(**note("reachability-untested", why=why)))
            for why in ("wordpiece", "unigram", "no-newline")
        ),
        case("", reachable_words, one(UNREACHABLE)),
    ],
    "special-tokens": [
        *map(fault, ("undeclared", "outside", "empty", "normal")),
        case("", special_faults_words, one()),
    ],
    "tokens": [
        tokenize("answer[density,what] same"),
        tokenize("answer[what] same", density=None),
        tokenize("answer[density,what] other", failed=1.0),
        tokenize("answer[density]", failed=None),
        case("marked", marks_sentence),
        case("", tokens_sentences, [TOKEN] * 3, 3),
        case("more", tokens_sentences, [TOKEN] * 3, 2),
        case("no-places", tokens_sentences, [TOKEN, PLACELESS], 2),
    ],
    "facts": [
        case(["vocab-method/text"], method, tokenizers()),
        case(
            ["vocab-method/text[p]"],
            method,
            tokenizers().model_copy(update={"population": TEXT}),
        ),
    ],
}
