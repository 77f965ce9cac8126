"""Parsing and syntactic classes: examples in every language, and properties on any bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyengine.errors import OptionError
from pyengine.text.classes import SyntaxClass, classify_bytes, classify_tokens
from pyengine.text.documents import shipped_corpus
from pyengine.text.parsing import PARSED_LANGUAGES, error_count, parse
from pyengine.vocabulary.keywords import LANGUAGES

K, I, L, O, B, P, C = (  # noqa: E741
    SyntaxClass.KEYWORD,
    SyntaxClass.IDENTIFIER,
    SyntaxClass.LITERAL,
    SyntaxClass.OPERATOR,
    SyntaxClass.BRACKET,
    SyntaxClass.PUNCTUATION,
    SyntaxClass.COMMENT,
)

# Source, words to look for (each after the one before), and their classes.
EXAMPLES = {
    "python": (
        "if x is None:  # no\n    y = f'{z}!'\n",
        "if x None # f' z }",
        (K, I, K, C, L, I, B),
    ),
    "java": ('class A { int n = 1; String s = "t"; }', 'class A int 1 "t" }', (K, I, K, L, L, B)),
    "go": ("package p\nfunc f() { return 1 /* c */ }\n", "func f { 1 /* }", (K, I, B, L, C, B)),
    "javascript": ("const f = (a) => a ?? /b/g; // c", "const f => /b/g //", (K, I, O, L, C)),
    "cpp": ("std::vector<int> v{1}; // c", ":: vector < int v 1 //", (O, I, B, K, I, L, C)),
    "typescript": ("let a: Map<string, X> = b!;", "let : < string , X !", (K, P, B, K, P, I, O)),
    "php": ("<?php echo $x . 'y'; # c\n", "echo $x 'y' ; #", (K, I, L, P, C)),
    "ruby": ("def f(x)\n  x ? :a : 1 # c\nend\n", "def f ? :a 1 # end", (K, I, O, L, L, C, K)),
    "c": ("#include <a.h>\nint x = 'c'; /* d */", "#include <a.h> int 'c' /*", (K, L, K, L, C)),
    "csharp": ('var x = new List<int>(); s = $"{y}";', "new < int s { y", (K, B, K, I, B, I)),
    "rust": ("fn f<'a>(x: &'a str) { 1 } // c", "fn f 'a & 1 //", (K, I, I, O, L, C)),
    "react": ("const A = () => <p id={x}>hi</p>;", "const < p id { x hi", (K, B, I, I, B, I, L)),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_classes_in_every_language(language: str) -> None:
    source, words, expected = EXAMPLES[language]
    text = source.encode()
    classes = classify_bytes(text, language)
    found, place = [], 0
    for word in words.split():
        place = text.index(word.encode(), place)
        found.append(SyntaxClass(classes[place]))
        place += len(word)
    assert found == list(expected)
    assert error_count(parse(text, language)) == 0


@pytest.mark.parametrize(
    ("language", "source", "word", "expected"),
    [
        ("python", "from __future__ import annotations\n", "__future__", I),
        ("c", "int *p = NULL;", "NULL", I),
        ("php", "<?php declare(strict_types=1);", "strict_types", I),
        ("rust", "macro_rules! m { ($x:expr) => { $x } }", "expr", I),
        ("ruby", "y = 3r\n", "r", L),
        ("ruby", "x = %i(a b)\n", "%i(", L),
    ],
)
def test_words_that_grammars_spell_out_are_not_all_keywords(
    language: str, source: str, word: str, expected: SyntaxClass
) -> None:
    assert classify_bytes(source, language)[source.index(word)] == expected


def test_there_is_a_grammar_for_every_keyword_table() -> None:
    assert set(PARSED_LANGUAGES) == set(LANGUAGES)
    with pytest.raises(OptionError, match="cobol"):
        parse("x", "cobol")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shipped_corpus_parses_and_nearly_all_of_it_is_classed(language: str) -> None:
    for document in shipped_corpus().by_language()[language]:
        assert error_count(parse(document.content, language)) == 0, document.name
        classes = classify_bytes(document.content, language)
        assert np.mean(classes == SyntaxClass.OTHER) < 0.2


def test_errors_are_seen_and_counted() -> None:
    assert error_count(parse("x = (1 +\ny = 2\n", "python")) >= 1
    assert error_count(parse("def def", "python")) > 0
    assert error_count(parse("x = 1\n", "python")) == 0


def test_indentation_is_white_space_before_the_first_character_of_a_line() -> None:
    text = b"if a:\n\t  b  = 1\n    \n# c\n"
    classes = classify_bytes(text, "python")
    indentation = np.flatnonzero(classes == SyntaxClass.INDENTATION).tolist()
    assert indentation == [6, 7, 8, 16, 17, 18, 19]


def test_white_space_inside_strings_and_comments_is_not_indentation() -> None:
    text = b'x = """a\n    b"""\n'
    classes = classify_bytes(text, "python")
    assert set(classes[4:17].tolist()) == {SyntaxClass.LITERAL}


def test_a_token_has_the_class_of_its_first_solid_byte() -> None:
    text = b"if a:\n    return b\n"
    classes = classify_bytes(text, "python")
    offsets = np.array([0, 2, 4, 5, 10, 16, 18, 19, 19])
    assert [SyntaxClass(c) for c in classify_tokens(classes, offsets)] == [
        K,
        I,
        P,
        SyntaxClass.INDENTATION,
        K,
        I,
        SyntaxClass.WHITESPACE,
        SyntaxClass.WHITESPACE,
    ]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(LANGUAGES), st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_classed_and_white_space_outside_tokens_stays_white(
    language: str, text: bytes
) -> None:
    classes = classify_bytes(text, language)
    assert classes.shape == (len(text),)
    assert classes.size == 0 or classes.max() <= max(SyntaxClass)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), max_size=40), st.data())
def test_token_classes_against_a_slow_rule(values: list[int], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=8)))
    offsets = np.array([0, *cuts, len(values)])
    expected = []
    for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        solid = [v for v in values[start:end] if v < 8]
        blank = SyntaxClass.INDENTATION if 8 in values[start:end] else SyntaxClass.WHITESPACE
        expected.append(solid[0] if solid else blank)
    assert classify_tokens(np.array(values, np.uint8), offsets).tolist() == expected
