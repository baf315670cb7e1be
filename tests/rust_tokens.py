"""Splits Rust source into tokens, for the checks that read it: tests/prose and tests/architecture.

A parser of the whole language is not needed: both checks ask where comments, strings and paths are. Every token keeps
the line on which it starts.
"""

import re
from typing import NamedTuple

TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<line>//[^\n]*)
    | (?P<block>/\*)
    | (?P<raw>[bc]?r(?P<hashes>\#*)"(?:.*?)"(?P=hashes))
    | (?P<string>[bc]?"(?:[^"\\]|\\.)*")
    | (?P<char>b?'(?:[^'\\\n]|\\(?:u\{[^}]*\}|x[0-9A-Fa-f]{2}|.))')
    | (?P<lifetime>'[^\W\d]\w*)
    | (?P<word>(?:r\#)?[^\W\d]\w*)
    | (?P<number>\d\w*(?:\.\d\w*)?)
    | (?P<sign>::|=>|->|.)
    """,
    re.VERBOSE | re.DOTALL,
)
BLOCK_EDGE = re.compile(r"/\*|\*/")


class Token(NamedTuple):
    """`kind` is doc, inner, comment, string, raw, char, lifetime, word, number or sign."""

    kind: str
    text: str
    line: int


def tokens(source):
    """The tokens of `source` in order, comments included, white space left out."""
    found, at, line = [], 0, 1
    while at < len(source):
        match = TOKEN.match(source, at)
        kind, text = match.lastgroup, match.group()
        if kind == "hashes":
            kind = "raw"
        if kind == "block":
            text = source[at : block_end(source, at)]
        if kind in ("line", "block"):
            kind = comment_kind(text)
        if kind != "space":
            found.append(Token(kind, text, line))
        at += len(text)
        line += text.count("\n")
    return found


def block_end(source, start):
    """The end of the block comment that begins at `start`; block comments nest."""
    depth = 0
    for edge in BLOCK_EDGE.finditer(source, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(source)


def comment_kind(text):
    if text.startswith(("//!", "/*!")):
        return "inner"
    if text.startswith("///") and not text.startswith("////"):
        return "doc"
    if text.startswith("/**") and not text.startswith(("/***", "/**/")):
        return "doc"
    return "comment"


OPENING, CLOSING = "([{", ")]}"


def group_end(code, start):
    """The index after the bracket that closes the one at `start`."""
    depth = 0
    for index in range(start, len(code)):
        if code[index].kind == "sign":
            if code[index].text in OPENING:
                depth += 1
            elif code[index].text in CLOSING:
                depth -= 1
                if depth == 0:
                    return index + 1
    return len(code)


def item_end(code, start):
    """The index after the item that begins at `start`: its `;`, its body, or the `,` or bracket that ends a field."""
    index, angles = start, 0
    while index < len(code):
        token = code[index]
        if token.kind == "sign":
            if token.text == "{":
                return group_end(code, index)
            if token.text in "([":
                index = group_end(code, index)
                continue
            if token.text == ";" or token.text in CLOSING:
                return index + (token.text == ";")
            if token.text == "," and angles == 0:
                return index + 1
            if token.text in "<>":
                angles += 1 if token.text == "<" else -1
        index += 1
    return index


def attribute_at(code, index):
    """The index after the attribute that begins at `index`, or None if another token is there."""
    if code[index].text != "#":
        return None
    start = index + 1
    if start < len(code) and code[start].text == "!":
        start += 1
    if start < len(code) and code[start].text == "[":
        return group_end(code, start)
    return None


def is_test_only(attribute):
    """Returns True for the tokens of `#[cfg(test)]`, `#[cfg(all(test, ...))]` or `#[test]`."""
    words = [token.text for token in attribute if token.kind == "word"]
    return words[:2] == ["cfg", "test"] or words[:3] == ["cfg", "all", "test"] or words in (["test"], ["tokio", "test"])


def without_comments(found):
    return [token for token in found if token.kind not in ("doc", "inner", "comment")]


def without_tests(code):
    """`code` (without comments) less the items that only tests are built with, and the names of their modules."""
    kept, test_modules, index = [], [], 0
    while index < len(code):
        end = attribute_at(code, index)
        if end is None:
            kept.append(code[index])
            index += 1
            continue
        if is_test_only(code[index:end]) and code[index + 1].text != "!":
            while (further := attribute_at(code, end) if end < len(code) else None) is not None:
                end = further
            stop = item_end(code, end)
            words = [token.text for token in code[end:stop]]
            if "mod" in words[:4] and words[-1:] == [";"]:
                test_modules.append(words[words.index("mod") + 1])
            index = stop
        else:
            kept.extend(code[index:end])
            index = end
    return kept, test_modules
