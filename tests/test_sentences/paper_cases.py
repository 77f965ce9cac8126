"""Cases of what is said of the paper's statements and weaknesses."""

from typing import Any

from paper_samples import ladder_run
from run_samples import MADE
from said import Cases, case

from pyengine.report.paper_pictures import paper_pictures
from pyengine.report.sentences.paper import (
    agrees_words,
    careful_words,
    code_words,
    held_notes,
    held_sentence,
    interval_words,
    pair_words,
    paper_words,
    quantity_words,
    reason_words,
    statement_words,
    table_words,
    value_words,
    weakness_words,
    where_words,
)
from pyengine.report.words import WORDS
from pyengine.run import Run

# For every weakness that is answered by numbers, such numbers.
VALUES: dict[str, dict[str, Any]] = {
    "1": {"ids": [1, 2], "low": 0.1, "high": 0.2, "n": 3},
    "2": {"n": 2, "inputs": 1},
    "3": {"times": 2.0},
    "4": {"share": 0.5, "without": 0.01, "effective": 8.0},
    "5": {"kl": [["Q8_0", 0.001]], "rho": None},
    "6": {"file_type": "F16", "n": 2},
    "7": {"ratio": 1.0},
    "8": {"odds": 3.0, "p": 0.01},
    "9": {"file_type": "Q2_K", "style": "chat", "passed": 63, "tasks": 164},
    "10": {"low": 0.3, "high": 0.5},
    "11": {"parses": 0.9, "share": 0.4},
    "13": {"bare": 0.1, "any": 0.2},
    "14": {"split": 0.01, "mean": 1e-7},
    "16": {"english": 0.1, "pkp": 0.2},
    "17": {"cl100k": True},
    "18": {"white": 424, "dead": 441},
    "19": {"best": [{"kind": "Markdown", "mass": 0.4}]},
    "20": {"lost": 1336},
    "24": {"needed": [7, 8, 11, None]},
    "25": {"n": 151936, "js": 0.03},
    "27": {"n": 15},
}


def line(agrees: str = "cannot", reason: str = "", table: str = "D.1") -> dict[str, str]:
    return {"agrees": agrees, "reason": reason, "table": table}


def stated(quantity: str) -> dict[str, str]:
    return {"quantity": quantity, "about": "Q2_K", "source": "published"}


def run(*, reference: str | None = "f16", records: int = 1) -> Run:
    """A run of the command, with or without what it can be given."""
    done: list[dict[str, str]] = [{}] * records
    options = {"reference": reference, "records": done}
    return Run(command="paper", options=options, provenance=MADE, models=[])


def number_line(
    quantity: str = "dead", language: str = "", source: str = "published", **values: str
) -> dict[str, str]:
    """A line of the paper."""
    made = {"quantity": quantity, "language": language, "source": source}
    return {**made, "paper": "5", "here": "5", **values}


OF_ALL = (
    *("whole_words", "whole_words_percent", "missing", "missing_distinct"),
    *("missing_after_space_too", "dead", "dead_percent", "special", "special_percent"),
)
OF_A_LANGUAGE = (
    *("whole_words", "whole_words_percent", "missing_words", "mean_median_max_id"),
    *("mean_median_id", "mean_id_share"),
)
LONG = ", ".join(["while"] * 9)


CASES: Cases = {
    "paper": [
        case("", quantity_words, number_line("whole_words", "go"), {"go": "Go"}),
        case("distinct-words", quantity_words, number_line("whole_words", "union"), {"go": "Go"}),
        case("", quantity_words, number_line("special_percent"), {}),
        case("of-rows", quantity_words, number_line("special_percent", source="recomputed"), {}),
        case("", value_words, number_line(paper=LONG, here="none")),
        case("", value_words, number_line(paper="a, b", here="a, b")),
        case("", value_words, number_line(paper="x" * 24, here="x" * 24)),
        case("many-words same-words", value_words, number_line(paper=LONG, here=LONG)),
    ],
    "paper-lines": [case(name, quantity_words, number_line(name), {}) for name in OF_ALL],
    "paper-lines-of-a-language": [
        case(name, quantity_words, number_line(name, "go"), {"go": "Go"}) for name in OF_A_LANGUAGE
    ],
    "paper-held": [
        case("answer", held_sentence, [line("yes"), line("no", "other-harness")]),
        case("answer[why]", held_sentence, [line("yes"), line("cannot", "no-pair")]),
        case("answer[lists]", held_sentence, [line("yes"), line("yes", table="B.1")]),
        case("", held_notes, run(), [line("no", "other-harness")]),
        case("another-model", held_notes, run(), [line(reason="other-model")]),
        case("no-record", held_notes, run(records=0), []),
        case("alone", held_notes, run(reference=None), []),
        case("all-exact", interval_words, "exact", "", ""),
        case("range", interval_words, "starts", "0.1", "0.2"),
        case("", interval_words, "", "", ""),
        case("with-range", paper_words, "13.4 %", "9.0 %", "19.5 %"),
    ],
    **{
        f"paper-{topic}": [case(code, function, code) for code in WORDS[f"paper-{topic}"]]
        for topic, function in (
            ("tables", table_words),
            ("pairs", pair_words),
            ("reasons", reason_words),
            ("agrees", agrees_words),
            ("values", code_words),
        )
    },
    "paper-quantities": [
        case(code, statement_words, stated(code)) for code in WORDS["paper-quantities"]
    ],
    "paper-weaknesses": [case(n, weakness_words, int(n)) for n in WORDS["paper-weaknesses"]],
    "paper-where": [case(n, where_words, int(n)) for n in WORDS["paper-where"]],
    "paper-careful": [
        *(case(n, careful_words, int(n), values) for n, values in VALUES.items()),
        case("5[rho]", careful_words, 5, {**VALUES["5"], "rho": -0.5}),
        case("9[uncut]", careful_words, 9, {**VALUES["9"], "uncut": 22, "of": 164}),
        case("", careful_words, 1, None),
        case("", careful_words, 12, {}),
    ],
    "pictures": [
        case(
            ["paper-masses/caption[starts]", "paper-divergences/caption"],
            *(paper_pictures, ladder_run("Q8_0", "Q2_K")),
        ),
        case(
            ["paper-masses/caption", "paper-divergences/caption"],
            *(paper_pictures, ladder_run("Q8_0", "Q2_K", lacking=True)),
        ),
        case(
            ["paper-masses/caption[starts]", "paper-divergences/caption[left_out]"],
            *(paper_pictures, ladder_run("Q8_0", *(f"Q{i}" for i in range(6)))),
        ),
    ],
    "paper-order": [
        case("cl100k", careful_words, 17, {"cl100k": True}),
        case("own", careful_words, 17, {"cl100k": False}),
    ],
}
