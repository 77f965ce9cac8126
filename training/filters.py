"""Decide whether one file of a package belongs into the corpus, and under which language."""

from __future__ import annotations

import re

MIN_BYTES = 200
MAX_BYTES = 32_000

LANGUAGES = {
    ".py": "python", ".java": "java", ".go": "go", ".js": "javascript", ".mjs": "javascript",
    ".cc": "cpp", ".cpp": "cpp", ".cxx": "cpp", ".hpp": "cpp", ".hh": "cpp", ".ts": "typescript",
    ".php": "php", ".rb": "ruby", ".c": "c", ".h": "c", ".cs": "csharp", ".rs": "rust",
    ".jsx": "react", ".tsx": "react",
}  # fmt: skip

_UNWANTED_PATH = re.compile(
    r"(^|/)(tests?|testing|testdata|test-data|specs?|__tests__|__snapshots__|fixtures?|vendor|node_modules"
    r"|third[_-]?party|3rdparty|external|dist|build|bundles?|generated|gen|locales?|i18n|translations)/"
    r"|[._-]min\.|\.d\.ts$|\.pb\.|_pb2|_generated|\.generated\.|_test\.go$|\.(test|spec)\.[jt]sx?$"
    r"|bundle\.js$|zz_",
    re.I,
)
_GENERATED = re.compile(
    r"generated (by|from|file|code)|do not (edit|modify)|@generated|auto-?\s?generated"
    r"|automatically generated",
    re.I,
)
_NOT_PERMISSIVE = re.compile(
    r"general public licen[sc]e|\b[AL]?GPL|creative commons|mozilla public licen[sc]e|\bMPL\b"
    r"|eclipse public licen[sc]e|\bEPL-|\bCDDL\b|proprietary|confidential"
    r"|all rights reserved\.?\s*(\*/)?\s*\n\s*\n",
    re.I,
)
_CPP_HEADER = re.compile(
    r"^\s*(namespace|template\s*<|class\s+\w+|using\s+\w+|#include <\w+>)", re.M
)
_JSX = re.compile(r"return\s*\(?\s*<[A-Za-z>]|=>\s*\(?\s*<[A-Z]")


def language_of(path: str, text: str) -> str | None:
    """Return the language of a file by its suffix, and by content where that is shared."""
    dot = path.rfind(".")
    language = LANGUAGES.get(path[dot:].lower()) if dot >= 0 else None
    if language == "c" and path.endswith((".h", ".H")) and _CPP_HEADER.search(text):
        return "cpp"
    if (
        language == "javascript"
        and _JSX.search(text)
        and re.search(r"\bReact\b|from ['\"]react", text)
    ):
        return "react"
    return language


def decode(content: bytes) -> str | None:
    """Return the text with LF line ends and without byte order mark, or None if not UTF-8."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def wanted_path(path: str) -> bool:
    """Say whether the path has a known suffix and is no test, vendored copy or build product."""
    dot = path.rfind(".")
    known = dot >= 0 and path[dot:].lower() in LANGUAGES
    return known and not _UNWANTED_PATH.search(path)


def wanted_text(text: str) -> bool:
    """Say whether a file is hand-written, readable source under a permissive header."""
    if not MIN_BYTES <= len(text.encode()) <= MAX_BYTES or "\0" in text:
        return False
    lines = text.split("\n")
    if max(map(len, lines)) > 300 or len(text) / len(lines) > 70 or len(lines) < 6:
        return False
    head = text[:3000]
    if _GENERATED.search(head) or _NOT_PERMISSIVE.search(head):
        return False
    printable = sum(c.isascii() and (c.isprintable() or c in "\n\t") for c in text)
    letters = sum(c.isalpha() for c in text)
    return printable >= 0.98 * len(text) and letters >= 0.4 * len(text.replace(" ", ""))
