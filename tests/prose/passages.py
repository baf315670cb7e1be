"""Takes the prose out of the sources: comments, doc comments, error texts, log messages, help, descriptions.

A passage knows its kind and the line on which each of its own lines stands in the source. The kinds:

    page         Markdown
    doc, fn-doc  Rust doc comments: of a function (`fn-doc`), and of anything else
    comment      other comments in Rust, SQL, shell, Python, YAML and TOML; docstrings
    error        Rust error texts
    log          what the `tracing` macros log
    help         help of a command's arguments
    text         other string literals that read as prose
    description  what template.yaml says of its parameters and resources
"""

import ast
import io
import re
import sys
import tokenize
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import rust_tokens

ERRORS = {"error", "bail!", "anyhow!", "ensure!", "context", "with_context", "Err", "ok_or", "ok_or_else", "Error"}
LOGS = {"trace!", "debug!", "info!", "warn!", "error!", "event!", "info_span!", "debug_span!", "error_span!"}
HELP_ATTRIBUTES = {"arg", "command", "value", "group"}
HELP_KEYS = {"help", "long_help", "about", "long_about", "after_help", "before_help", "next_help_heading"}
CLAP_DERIVES = {"Args", "Parser", "Subcommand", "ValueEnum"}
PROSE = re.compile(r"[a-z]{2,} [a-z]+ [a-z]{2,}")
CODE = re.compile(r'[{"]\w+"?\s*:\s*["{\[\d]|\bSELECT\b|\bCREATE\b|</?\w+>|\\n.*\\n.*\\n')
DESCRIPTION = re.compile(r"^(?P<indent> *)(?:- )?(?:\w*Description): *(?P<text>.*)$")


@dataclass
class Passage:
    kind: str
    file: str
    lines: list  # (line of the source, text)
    name: str = ""  # the item that a doc comment describes
    item: str = ""  # the code that follows a doc comment, on one line
    tests: bool = False  # in code that only tests are built with
    help: bool = False  # a doc comment that clap prints

    @property
    def line(self):
        return self.lines[0][0]

    @property
    def text(self):
        return "\n".join(text for _, text in self.lines)


def of_file(file, source):
    """The passages of a file, by its name or, if that has no suffix, by its first line."""
    suffix = Path(file).suffix
    first = source.split("\n", 1)[0]
    if suffix == ".md":
        return [Passage("page", file, list(enumerate(source.split("\n"), 1)))]
    if suffix == ".rs":
        return of_rust(file, source)
    if suffix == ".py" or "python" in first and first.startswith("#!"):
        return of_python(file, source)
    if suffix == ".sql":
        return of_line_comments(file, source, "--")
    if suffix in (".sh", ".toml") or first.startswith("#!") or Path(file).name in ("justfile", ".gitignore"):
        return of_line_comments(file, source, "#")
    if suffix in (".yaml", ".yml"):
        return of_line_comments(file, source, "#") + of_descriptions(file, source)
    return []


# Rust


def of_rust(file, source):
    found = rust_tokens.tokens(source)
    in_tests = test_lines(found)
    helps = help_lines(found)
    passages = []
    for passage in comments_of_rust(file, found) + strings_of_rust(file, found):
        passage.tests = passage.line in in_tests or re.search(r"(^|/)(tests?|testing)(/|\.rs$)", file) is not None
        passage.help = passage.kind in ("doc", "fn-doc") and passage.line in helps
        passages.append(passage)
    return sorted(passages, key=lambda passage: passage.line)


def comments_of_rust(file, found):
    passages, index = [], 0
    while index < len(found):
        token = found[index]
        if token.kind not in ("doc", "inner", "comment"):
            index += 1
            continue
        lines, line = [], token.line
        while index < len(found) and found[index].kind == token.kind and found[index].line <= line + 1:
            trailing = index > 0 and found[index - 1].line == found[index].line
            if lines and trailing:
                break
            lines += comment_lines(found[index])
            line = lines[-1][0]
            index += 1
        kind, name, item = "comment", "", ""
        if token.kind == "doc":
            kind, name, item = described(found, index)
        elif token.kind == "inner":
            kind, name = "doc", Path(file).stem
        if any(text.strip() for _, text in lines):
            passages.append(Passage(kind, file, lines, name, item))
    return passages


def comment_lines(token):
    if token.text.startswith("//"):
        text = token.text.lstrip("/").removeprefix("!")
        return [(token.line, text.removeprefix(" ").rstrip())]
    body = token.text.removeprefix("/*").removesuffix("*/").lstrip("*!")
    return [(token.line + at, text.strip().removeprefix("* ").strip()) for at, text in enumerate(body.split("\n"))]


def described(found, index):
    """The kind of a doc comment, the name of the item that follows it, and that item's first line."""
    code = rust_tokens.without_comments(found[index : index + 400])
    start = 0
    while start < len(code) and (end := rust_tokens.attribute_at(code, start)) is not None:
        start = end
    words = [token.text for token in code[start : start + 60]]
    item = in_one_line(words)
    for at, word in enumerate(words[:8]):
        if word == "fn":
            return "fn-doc", words[at + 1], item
        if word in (
            "struct",
            "enum",
            "trait",
            "mod",
            "type",
            "const",
            "static",
            "macro_rules",
            "union",
        ) and at + 1 < len(words):
            return "doc", words[at + 1].removeprefix("!"), item
        if word not in ("pub", "(", "crate", "super", ")", "async", "unsafe", "extern", "default"):
            return "doc", word, item
    return "doc", "", item


def in_one_line(words):
    """An item's tokens up to its body or its end, spaced about as in the source."""
    depth, kept = 0, []
    for word in words:
        if depth == 0 and word in ("{", ";", ",", "}", ")"):
            break
        depth += (word in ("(", "[", "<")) - (word in (")", "]", ">"))
        kept.append(word)
    text = re.sub(
        r" ?(::|[.?!]) ?| (?=[(),:;>\]\[])|(?<=[(<&\[]) | (?=<)", lambda match: match[1] or "", " ".join(kept)
    )
    return re.sub(r"(?<=[\w>]) ?, ?", ", ", text)


def strings_of_rust(file, found):
    """Passages of string literals, by the innermost call or macro that each is in."""
    code = rust_tokens.without_comments(found)
    passages, stack = [], []
    for index, token in enumerate(code):
        if token.kind == "sign" and token.text in rust_tokens.OPENING:
            stack.append(head(code, index))
        elif token.kind == "sign" and token.text in rust_tokens.CLOSING:
            if stack:
                stack.pop()
        elif token.kind in ("string", "raw"):
            kind = kind_of_string(code, index, stack)
            lines = string_lines(token)
            text = " ".join(line for _, line in lines)
            if kind in ("error", "log", "help") and re.search(r"[A-Za-z]{2}", text) and not CODE.search(token.text):
                if kind != "error" or " " in text:
                    passages.append(Passage(kind, file, lines))
            elif kind == "text" and token.kind == "string" and PROSE.search(text) and not CODE.search(token.text):
                passages.append(Passage(kind, file, lines))
    return passages


def head(code, index):
    """The name before an opening bracket, with `!` for a macro, `#` for an attribute."""
    before = code[index - 1] if index else None
    if before is None:
        return ""
    if before.text == "!" and index > 1:
        return "#" if code[index - 2].text == "#" else code[index - 2].text + "!"
    return before.text if before.kind == "word" or before.text == "#" else ""


def kind_of_string(code, index, stack):
    if len(stack) > 1 and "#" in stack:
        attribute = stack[stack.index("#") + 1] if stack.index("#") + 1 < len(stack) else ""
        if attribute == "error":
            return "error"
        key = code[index - 2].text if code[index - 1].text == "=" else ""
        return "help" if attribute in HELP_ATTRIBUTES and key in HELP_KEYS else ""
    for name in reversed(stack):
        if name in LOGS:
            return "log"
        if name in ERRORS:
            return "error"
        if name in ("include_str!", "include_bytes!", "env!", "concat!"):
            return ""
        if name and name not in ("format!", "Some", "from", "into", "to_owned", "String"):
            break
    return "text"


def string_lines(token):
    text = re.sub(r'^[bc]?r?#*"|"#*$', "", token.text)
    lines = []
    for at, line in enumerate(text.split("\n")):
        if token.kind == "string":
            line = (
                line.removesuffix("\\")
                .replace('\\"', '"')
                .replace("\\n", " ")
                .replace("\\t", " ")
                .replace("\\\\", "\\")
            )
        lines.append((token.line + at, line.strip().replace("{{", "{").replace("}}", "}")))
    return lines


def test_lines(found):
    """The lines of code that only tests are built with."""
    code = rust_tokens.without_comments(found)
    lines, index = set(), 0
    while index < len(code):
        end = rust_tokens.attribute_at(code, index)
        if end is None:
            index += 1
        elif rust_tokens.is_test_only(code[index:end]) and end < len(code):
            stop = rust_tokens.item_end(code, end)
            lines.update(range(code[index].line, code[stop - 1].line + 1))
            index = stop
        else:
            index = end
    return lines


def help_lines(found):
    """The lines of structs and enums that clap makes help of."""
    code = rust_tokens.without_comments(found)
    lines, index = set(), 0
    while index < len(code):
        end = rust_tokens.attribute_at(code, index)
        if end is None:
            index += 1
            continue
        words = {token.text for token in code[index:end]}
        if "derive" in words and words & CLAP_DERIVES:
            after = end
            while after < len(code) and (further := rust_tokens.attribute_at(code, after)) is not None:
                after = further
            stop = rust_tokens.item_end(code, after)
            lines.update(range(code[index].line, code[stop - 1].line + 1))
        index = end
    return lines


# Python, shell, SQL, YAML, TOML


def of_python(file, source):
    passages = of_line_comments(file, source, "#", python_comments(source))
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return passages
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                lines = first.value.value.split("\n")
                passages.append(
                    Passage("comment", file, [(first.lineno + at, text.rstrip()) for at, text in enumerate(lines)])
                )
        if isinstance(node, ast.keyword) and node.arg in ("help", "description", "epilog"):
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                passages.append(Passage("help", file, [(node.value.lineno, node.value.value)]))
    return sorted(passages, key=lambda passage: passage.line)


def python_comments(source):
    try:
        found = tokenize.generate_tokens(io.StringIO(source).readline)
        return {token.start[0]: token.start[1] for token in found if token.type == tokenize.COMMENT}
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return {}


def of_line_comments(file, source, sign, columns=None):
    """Comments from `sign` to the end of a line; those on successive lines are one passage.

    `columns` gives the column of each line's comment, where a parser knows it; otherwise the sign counts at the
    beginning of a line and after two blanks.
    """
    pattern = re.compile(rf"^\s*{re.escape(sign)}(?P<own>.*)|\s\s{re.escape(sign)} (?P<after>.*)")
    passages, last = [], None
    for number, line in enumerate(source.split("\n"), 1):
        if columns is not None:
            at = columns.get(number)
            text = None if at is None else line[at + 1 :]
            own = at is not None and not line[:at].strip()
        else:
            match = None if number == 1 and line.startswith("#!") else pattern.search(line)
            own = match is not None and match["own"] is not None
            text = None if match is None else match["own"] if own else match["after"]
        if text is None or number == 1 and line.startswith("#!"):
            last = None
            continue
        text = text.lstrip(sign[0]).removeprefix(" ").rstrip()
        if own and last is not None:
            last.lines.append((number, text))
        else:
            passages.append(Passage("comment", file, [(number, text)]))
            last = passages[-1] if own else None
    return [passage for passage in passages if passage.text.strip()]


def of_descriptions(file, source):
    """The texts of `Description:` and its like, plain, quoted or folded."""
    passages, lines = [], source.split("\n")
    for at, line in enumerate(lines):
        match = DESCRIPTION.match(line)
        if match is None:
            continue
        text = match["text"].strip()
        found = [(at + 1, text.strip("'\"").replace("''", "'"))]
        if text in (">-", ">", "|", "|-", ""):
            found = []
            for further in range(at + 1, len(lines)):
                if lines[further].strip() and len(lines[further]) - len(lines[further].lstrip()) <= len(
                    match["indent"]
                ):
                    break
                found.append((further + 1, lines[further].strip()))
        if any(re.search(r"[a-z]", text) for _, text in found):
            passages.append(Passage("description", file, found))
    return passages
