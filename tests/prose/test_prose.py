"""That each rule finds what it is for and leaves good English alone, and that texts are taken from where they are.

python3 -m unittest tests/prose/test_prose.py      needs Vale: tests/prose/check --install
"""

import contextlib
import importlib.machinery
import importlib.util
import io
import re
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

import passages

loader = importlib.machinery.SourceFileLoader("prose_check", str(HERE / "check"))
check = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
loader.exec_module(check)

# For each rule: the kind of the text, texts with a finding, texts without.
RULES = {
    "Anew": ("comment", ["The ledger is made anew."], ["The ledger is recreated."]),
    "BeHad": (
        "comment",
        ["There is no port to be had.", "The folder cannot be made, and the run ends."],
        ["The folder cannot be made smaller.", "No port is available."],
    ),
    "ErrorText": (
        "error",
        ["Failed to open the file", "failed to open the file."],
        ["failed to open {path}", "Kafka has no topic {topic}", "S3 refused the request", "--resume needs --seed N"],
    ),
    "NotToBe": (
        "comment",
        ["Not to be called after the end.", "The value is not to be stored."],
        ["This must not be called after the end.", "It is not to be confused with a topic.", "It is not the first."],
    ),
    "None": (
        "comment",
        ["There is none.", "An event that is none.", "One of none where it matters."],
        [
            "None of the rows is stored.",
            "It is none of these.",
            "It is none the worse.",
            "-1 if the record has none.",
            "Returns `None` if no object exists.",
        ],
    ),
    "OfItsOwn": (
        "comment",
        ["It runs in a process of its own.", "A crate of ours."],
        ["It runs in its own process.", "Each of its own fields is checked."],
    ),
    "OldCommands": (
        "comment",
        ["Run `tickerlake trigger --redrive DIR`.", "Only `audit --repair` writes."],
        [
            "`trigger --redrive` is replaced by `tickerlake redrive`.",
            "`audit --repair`, the old spelling, still works.",
            "Run `tickerlake redrive DIR`.",
        ],
    ),
    "OldWords": (
        "comment",
        ["A poison record.", "A doubtful record.", "The refusal names it.", "The usual reader stops."],
        ["The lock is poisoned.", "The connection was refused.", "As usual, the batch ends.", "A lock poison error."],
    ),
    "Plural": ("error", ["{n} row(s) rejected"], ["{n} rows rejected", "type Timestamp(ns)"]),
    "Quaint": (
        "comment",
        ["What mends it is a retry.", "The record is put aside.", "Blank lines are passed over."],
        [
            "A retry fixes it.",
            "One pass over the rows.",
            "Besides, it is fast.",
            "The state is passed to the function.",
        ],
    ),
    "Returns": (
        "fn-doc",
        ["Whether the value is valid.", "How many rows were read."],
        ["Returns `true` if the value is valid.", "Reads rows. How? By name."],
    ),
    "Riddle": (
        "comment",
        ["Somebody else has the lock.", "Adds noughts.", "Whoever reads it.", "I/O at the rim."],
        ["Another writer has the lock.", "Adds zeros.", "Trims the line."],
    ),
    "Said": ("comment", ["Nothing is said of it."], ["S3 is said to be consistent.", "The page says so."]),
    "SoMany": (
        "comment",
        ["Keeps so many records.", "Waits for so long."],
        ["So far so good.", "So many rows that memory ends.", "As long as it runs, so long as it can."],
    ),
    "Stand": (
        "comment",
        ["The value stands in the header.", "Where it stood."],
        ["A dash stands for standard input.", "moto stands in for AWS.", "A stand-in."],
    ),
    "Tell": (
        "comment",
        ["The name tells the offset.", "As it is told in the header.", "A telling answer of the check."],
        [
            "This tells the broker to wait.",
            "It tells you why.",
            "As far as the lake can tell.",
            "They cannot be told apart.",
            "An error cannot be told from a delay.",
            "Unless told otherwise.",
        ],
    ),
    "What": (
        "doc",
        ["What a row is.", "From where rows come."],
        ["What is a row?", "Counters to display.", "Reads what the broker sent.", "What follows is a list."],
    ),
}


def findings(name, source):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_text(source)
        found = list(check.read([path]))
        return sorted(set([*check.vale_findings(found), *check.own_findings(found)]))


class Rules(unittest.TestCase):
    def texts(self, kind, sentences):
        return [passages.Passage(kind, f"{at}.rs", [(1, text)]) for at, text in enumerate(sentences)]

    def test_every_rule_has_examples(self):
        self.assertEqual({path.stem for path in (HERE / "styles/Tickerlake").glob("*.yml")}, set(RULES))

    def test_each_rule_finds_its_turns_of_phrase(self):
        for rule, (kind, wrong, _) in RULES.items():
            found = {each.file for each in check.vale_findings(self.texts(kind, wrong)) if each.rule == rule}
            missed = [text for at, text in enumerate(wrong) if f"{at}.rs" not in found]
            self.assertEqual(missed, [], rule)

    def test_no_rule_finds_anything_in_good_english(self):
        for rule, (kind, _, right) in RULES.items():
            found = [
                (each.rule, right[int(each.file[0])])
                for each in check.vale_findings(self.texts(kind, right))
                if each.rule == rule
            ]
            self.assertEqual(found, [], rule)

    def test_code_in_backticks_is_left_alone(self):
        self.assertEqual(list(check.vale_findings(self.texts("comment", ["The variant `poison` is renamed."]))), [])

    def test_the_names_of_arguments_are_left_alone(self):
        self.assertEqual(list(check.vale_findings(self.texts("error", ["there and back: {told:?}"]))), [])


RUST = """//! The module, anew.

/// The topic.
pub struct Topic {
    /// Partitions, in order
    partitions: Vec<u8>, // a tail, anew
}

/// Reads so many rows,
/// and no more.
#[must_use]
pub(crate) async fn rows(n: usize) -> Vec<u8> {
    warn!(n, "rows are read anew");
    bail!("the file {n} \\
        stands there")
}

#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("{0} is poison, and so is \\"it\\"")]
    One(u8),
}

#[derive(clap::Args)]
struct Arguments {
    /// Rows to read
    rows: u8,
}

#[cfg(test)]
mod tests {
    // in a test
}
"""


class Rust(unittest.TestCase):
    def passages(self):
        return {passage.line: passage for passage in passages.of_rust("a/lib.rs", RUST)}

    def test_kinds_and_lines(self):
        kinds = {line: passage.kind for line, passage in self.passages().items()}
        expected = {
            1: "doc",
            3: "doc",
            5: "doc",
            6: "comment",
            9: "fn-doc",
            13: "log",
            14: "error",
            20: "error",
            26: "doc",
            32: "comment",
        }
        self.assertEqual(kinds, expected)

    def test_a_doc_comment_knows_its_item(self):
        found = self.passages()
        self.assertEqual([found[3].name, found[5].name, found[9].name], ["Topic", "partitions", "rows"])

    def test_help_and_tests_are_marked(self):
        found = self.passages()
        self.assertEqual([line for line, passage in found.items() if passage.help], [26])
        self.assertEqual([line for line, passage in found.items() if passage.tests], [32])

    def test_a_string_over_two_lines_is_one_text(self):
        self.assertEqual(self.passages()[14].text, "the file {n}\nstands there")

    def test_findings_have_the_lines_of_the_source(self):
        found = {(each.line, each.rule) for each in findings("lib.rs", RUST)}
        expected = {
            (1, "Anew"),
            (3, "Echo"),
            (5, "FullStop"),
            (6, "Anew"),
            (9, "SoMany"),
            (13, "Anew"),
            (15, "Stand"),
            (20, "OldWords"),
        }
        self.assertEqual(found, expected)


    def test_functions_are_described_by_a_verb(self):
        def rules(comment):
            source = f"/// {comment}\npub fn first() -> u8 {{\n    0\n}}\n"
            return [each.rule for each in check.own_findings(passages.of_rust("a/lib.rs", source))]

        self.assertEqual(rules("The first offset that is stored."), ["Verb"])
        self.assertEqual(rules("`n` is the first offset."), ["Verb"])
        self.assertEqual(rules("Returns the first offset."), [])
        self.assertEqual(rules("Percent-encodes the first offset."), [])
        self.assertEqual(rules("See [`last`]."), [])


class Others(unittest.TestCase):
    def lines(self, name, source, kind="comment"):
        return [(each.line, each.text) for each in passages.of_file(name, source) if each.kind == kind]

    def test_comments_of_sql(self):
        self.assertEqual(self.lines("a.sql", "-- One\n-- two\nSELECT 1  -- three\n"), [(1, "One\ntwo"), (3, "three")])

    def test_comments_of_shell(self):
        self.assertEqual(self.lines("check", "#!/bin/sh\n# One\necho '#no' # no\n"), [(2, "One")])

    def test_comments_and_docstrings_of_python(self):
        source = '"""The module."""\nx = "# no"  # yes\n'
        self.assertEqual(self.lines("a.py", source), [(1, "The module."), (2, "yes")])

    def test_descriptions_of_a_template(self):
        source = "A:\n  Description: One two\nB:\n  Description: >-\n    Three\n    four\n  Type: String\n"
        self.assertEqual(self.lines("t.yaml", source, "description"), [(2, "One two"), (5, "Three\nfour")])

    def test_markdown_is_one_page_less_its_code(self):
        found = findings("page.md", "# Page\n\nMade anew.\n\n```\nmade anew\n```\n")
        self.assertEqual([(each.line, each.rule) for each in found], [(3, "Anew")])


class Command(unittest.TestCase):
    def test_findings_end_with_exit_code_1(self):
        with tempfile.TemporaryDirectory() as folder:
            for text, code in (("Made anew.", 1), ("Recreated.", 0)):
                Path(folder, "page.md").write_text(text)
                sys.argv = ["check", folder]
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
                    self.assertEqual(check.main(), code)
                self.assertEqual(len(re.findall(r"page\.md:1: Anew: ", printed.getvalue())), code)


if __name__ == "__main__":
    unittest.main()
