"""Runs the producer on a file, answers its questions, and decides whether it read the file correctly."""

import os
import re
import subprocess
from pathlib import Path

import compare

RIGHT, ASKED, NEEDLESS, WARNED, REFUSED, WRONG = "right", "asked", "needless", "warned", "refused", "wrong"
OUTCOMES = [RIGHT, ASKED, NEEDLESS, WARNED, REFUSED, WRONG]
OPTION = re.compile(r"(--[a-z][a-z-]+)")
SUMMARY = re.compile(r"([\d,]+) rows? read, ([\d,]+) printed, ([\d,]+) rejected, ([\d,]+) blank")
NO_CLOSE = "no column holds a close"
TWO_ORDERS = "a date that is valid as both is read as"
# The options of a list answer the same question; the first one that the file has an answer for is used.
ALTERNATIVES = [["--symbol-column", "--symbol"], ["--columns"], ["--date-format"], ["--decimal"], ["--date"],
                ["--date-column"], ["--encoding"], ["--bar"]]


class Run:
    """A run of the producer and its output."""

    def __init__(self, producer, path, options):
        self.command = [str(producer), str(path), "--dry-run", "--rejects", str(Path(path).parent), *options]
        environment = {**os.environ, "RUST_BACKTRACE": "0", "NO_COLOR": "1"}
        done = subprocess.run(self.command, capture_output=True, env=environment, timeout=120, check=False)
        self.code, self.errors = done.returncode, done.stderr.decode("utf-8", "replace")
        self.output = done.stdout.decode("utf-8")
        summary = SUMMARY.search(self.errors)
        self.counts = [int(number.replace(",", "")) for number in summary.groups()] if summary else None

    def message(self):
        """Returns the first error line, or the first line on standard error if none is an error."""
        lines = [line for line in self.errors.split("\n") if line]
        errors = [line for line in lines if line.startswith("error")]
        return (errors or lines or [""])[0]


class Verdict:
    """How a file was read: the outcome, the reason, the decisive run, and the options."""

    def __init__(self, outcome, why="", run=None, options=()):
        self.outcome, self.why, self.run, self.options = outcome, why, run, list(options)


def judge(producer, path, draft):
    """Judges how an intact file is read."""
    lines = draft.records()
    ignored = () if draft.knows_bar() else ("bar",)
    options, asked = [], set()
    while True:
        run = Run(producer, path, options)
        if run.code not in (0, 1, 3):
            return Verdict(WRONG, f"exit code {run.code}: {run.message()}", run, options)
        if run.code == 1:
            answers = answers_to(run.message(), draft, options)
            if not answers:
                outcome = ASKED if draft.is_unknown else REFUSED
                return Verdict(outcome, run.message(), run, options)
            asked.update(set(answers[::2]) - {"--skip-lines", "--delimiter"})
            options += answers
            continue
        printed = compare.parse(run.output)
        found = fault(draft, lines, printed, ignored, run)
        if found and NO_CLOSE in run.errors:
            return warned(producer, path, draft, lines, run, found, options, ignored)
        if found:
            return Verdict(WRONG, found, run, options)
        if not asked:
            return Verdict(RIGHT, "", run, options)
        needless = asked - draft.may_ask
        why = f"{', '.join(sorted(needless))}: {Run(producer, path, []).message()}" if needless else ""
        return Verdict(NEEDLESS if needless else ASKED, why, run, options)


def warned(producer, path, draft, lines, run, found, given, ignored):
    """Judges a file after a warning that no close was recognised: with --columns, it must be read correctly."""
    if "--columns" in given or "--columns" not in draft.answers:
        return Verdict(REFUSED, f"no option names the close: {found}", run, given)
    skipped = len(draft.text_lines()[0])
    options = ["--skip-lines", str(skipped), "--columns", draft.answers["--columns"], "--delimiter", delimiter_of(draft)]
    # Options that name columns refer to the titles of the header, which is skipped now.
    options += [part for pair in zip(given[::2], given[1::2]) if not pair[0].endswith("column") for part in pair]
    again = Run(producer, path, options)
    if "--encoding" not in options:
        options += ["--encoding", draft.answers["--encoding"]]
    answers = answers_to(again.message(), draft, options) if again.code == 1 else []
    again = Run(producer, path, options + answers)
    worse = again.message() if again.code not in (0, 3) else compare.all_records(lines, compare.parse(again.output), ignored)
    if worse:
        return Verdict(WRONG, f"after the warning, with {' '.join(options + answers)}: {worse}", again, options)
    return Verdict(WARNED, found, run, given)


def fault(draft, lines, printed, ignored, run):
    """Returns the first fault of the printed records or of the summary, or None."""
    if draft.late:
        return compare.some_records(lines, draft.late, printed, ignored, lenient=True)
    return compare.all_records(lines, printed, ignored) or count_fault(run, lines)


def count_fault(run, lines):
    """Compares the summary with the file's content. An intact file has no row to reject."""
    if run.counts is None:
        return "no summary"
    records = sum(len(line) for line in lines)
    if run.counts[1] != records or run.counts[2] != 0 or run.code != 0:
        return f"summary {run.counts} and exit code {run.code} for {len(lines)} rows and {records} records"
    return None


def answers_to(message, draft, given):
    """Returns the options that correctly answer the questions of a message."""
    named = set(OPTION.findall(message.partition("; try: ")[0]))
    named -= {"--symbol-column", "--date-column"} if "--columns" in given else set()
    answers = []
    for alternatives in ALTERNATIVES:
        if any(option in given for option in alternatives):
            continue
        answer = next((option for option in alternatives if option in named and option in draft.answers), None)
        if answer:
            answers += [answer, draft.answers[answer]]
        if answer == "--columns" and draft.text_lines()[0]:
            # The names replace the header of the file.
            answers += ["--skip-lines", str(len(draft.text_lines()[0])), "--delimiter", delimiter_of(draft)]
    return answers


def delimiter_of(draft):
    return "tab" if draft.delimiter == "\t" else draft.delimiter


def judge_mutant(producer, path, mutant):
    """Judges how a corrupted file is read: printed records must be right; questions and rejected rows are allowed."""
    run = Run(producer, path, mutant.options)
    if run.code not in (0, 1, 3):
        return Verdict(WRONG, f"exit code {run.code}: {run.message()}", run, mutant.options)
    if run.code == 1:
        return Verdict(ASKED, run.message(), run, mutant.options)
    printed = compare.parse(run.output)
    found = compare.some_records(mutant.lines, mutant.optional, printed, mutant.ignored, lenient=True)
    if found and (NO_CLOSE in run.errors or TWO_ORDERS in run.errors):
        return Verdict(WARNED, found, run, mutant.options)
    if found:
        return Verdict(WRONG, found, run, mutant.options)
    return Verdict(RIGHT, "", run, mutant.options)
