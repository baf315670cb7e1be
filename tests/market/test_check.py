"""Tests tests/market/check with programs that misread files: python3 -m unittest tests/market/test_check.py"""

import datetime
import json
import random
import sys
import tempfile
import unittest
from decimal import Decimal
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import compare
import dates
import judge
import kinds
import mutate
import number_styles
import vary
from draft import Draft
from truth import Row, Truth, decimal_text


DAY = datetime.date(2024, 1, 2)
RIGHT = '{"symbol":"A","trade_date":"2024-01-02","bar":"1d","close":1.50,"note":"x"}'
SUMMARY = "1 row read, 1 printed, 0 rejected, 0 blank; 9 B in 0.0 s"


class Misreading(unittest.TestCase):
    """Tests with a stand-in for the producer, which prints the output that the test gives it."""

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        row = Row("A", DAY, None, {"close": "1.50"})
        self.draft = Draft(random.Random(1), Truth([row], "1d", ["A"]))
        self.draft.symbol("Symbol")
        self.draft.date("Date", "iso")
        self.draft.price("Close", "close")
        self.draft.text("Note", ["x"])
        self.draft.settle()

    def judged(self, output, errors=SUMMARY, code=0, first=None):
        """Judges a producer that prints `output`. If `first` is given, the producer fails with it without options."""
        if first:
            ask = f"if [ $# -le 4 ]; then echo {json.dumps(first)} >&2; exit 1; fi\n"
        program = self.folder / "producer"
        (self.folder / "output").write_text(output)
        program.write_text(f"#!/bin/sh\n{ask if first else ''}cat {self.folder}/output\necho '{errors}' >&2\nexit {code}\n")
        program.chmod(0o755)
        return judge.judge(program, self.folder / "prices.csv", self.draft)

    def test_what_was_written_is_right(self):
        verdict = self.judged(RIGHT + "\n")
        self.assertEqual((verdict.outcome, verdict.why), (judge.RIGHT, ""))

    def test_each_change_of_a_value_is_wrong(self):
        for old, new in [("1.50", "1.51"), ("1.50", "null"), ("1.50", '"1.50"'), ('"A"', '"B"'), ("-02", "-03"),
                         ("1d", "tick"), ('"x"', '"X"'), ('"x"', "null"), ('"x"', "7"),
                         (',"note":"x"', ""), ('"note"', '"remark"'), ('"x"}', '"x","seq":2}'),
                         ('"bar":"1d"', '"bar":"1d","traded_at":"2024-01-02 09:30:00"'), ('"x"}', '"x","open":1}')]:
            self.assertIn(old, RIGHT)
            self.assertEqual(self.judged(RIGHT.replace(old, new) + "\n").outcome, judge.WRONG, (old, new))

    def test_a_missing_or_additional_record_is_wrong(self):
        self.assertEqual(self.judged("").outcome, judge.WRONG)
        self.assertEqual(self.judged(f"{RIGHT}\n{RIGHT}\n").outcome, judge.WRONG)

    def test_a_rejected_row_of_an_unharmed_file_is_wrong(self):
        errors = "2 rows read, 1 printed, 1 rejected, 0 blank; 9 B"
        self.assertEqual(self.judged(RIGHT + "\n", errors, 3).outcome, judge.WRONG)

    def test_a_question_must_be_one_that_the_file_leaves_open(self):
        question = "error: prices.csv: add --date-format mdy or --date-format dmy"
        self.assertEqual(self.judged(RIGHT + "\n", first=question).outcome, judge.NEEDLESS)
        self.draft.may_ask.add("--date-format")
        self.assertEqual(self.judged(RIGHT + "\n", first=question).outcome, judge.ASKED)
        self.assertEqual(self.judged(RIGHT.replace("1.50", "2") + "\n", first=question).outcome, judge.WRONG)

    def test_an_error_without_an_option_is_a_refusal(self):
        self.assertEqual(self.judged("", "error: prices.csv: no", 1).outcome, judge.REFUSED)

    def test_a_crash_is_wrong(self):
        self.assertEqual(self.judged("", "thread panicked", 101).outcome, judge.WRONG)


class Harm(unittest.TestCase):
    def test_only_harmed_lines_may_be_missing(self):
        lines = [[{"symbol": "A", "trade_date": f"2024-01-0{day}"}] for day in (2, 3, 4)]
        printed = [line[0] for line in lines]
        self.assertIsNone(compare.some_records(lines, {1}, printed))
        self.assertIsNone(compare.some_records(lines, {1}, [printed[0], printed[2]]))
        self.assertIsNotNone(compare.some_records(lines, {1}, printed[:2]))
        self.assertIsNotNone(compare.some_records(lines, {1}, printed[1:]))
        self.assertIsNotNone(compare.some_records(lines, {1}, [*printed, printed[2]]))
        other = {"symbol": "A", "trade_date": "2024-03-01"}
        self.assertIsNotNone(compare.some_records(lines, {1}, [printed[0], other, printed[2]]))

    def test_each_harm_changes_the_file(self):
        registry, seen = kinds.load(), set()
        for seed in range(400):
            rng = random.Random(seed)
            draft = vary.vary(registry[rng.choice(sorted(registry))][0](rng))
            mutant = mutate.mutate(draft, [])
            if mutant:
                seen.add(mutant.name.split()[0])
                if not mutant.name.startswith("mixed"):
                    self.assertNotEqual((mutant.header, mutant.body), draft.text_lines(), mutant.name)
        self.assertGreaterEqual(len(seen), 10, seen)


class Making(unittest.TestCase):
    def test_a_seed_gives_the_same_bytes(self):
        for name, (function, _) in kinds.load().items():
            made = []
            for _ in range(2):
                draft = vary.vary(function(random.Random(7)))
                made.append(draft.pack([line for part in draft.text_lines() for line in part]))
            self.assertEqual(made[0], made[1], name)

    def test_numbers_are_written_in_each_style(self):
        write = lambda style, text: number_styles.STYLES[style].write(text)
        self.assertEqual(write("dollar", "1234567.50"), "$1,234,567.50")
        self.assertEqual(write("rupee", "1234567.50"), "₹12,34,567.50")
        self.assertEqual(write("comma groups", "-1234.5"), "-1.234,5")
        self.assertEqual(write("float", "0.00002850"), "2.85e-05")
        self.assertEqual(write("bare point", "0.50"), ".5")
        self.assertEqual(decimal_text(-5, 3), "-0.005")
        for style in number_styles.STYLES.values():
            if style.decimal == "." and not style.before and not style.group:
                self.assertEqual(Decimal(style.write("1234.5678")), Decimal("1234.5678"), style.name)

    def test_magnitudes_state_what_they_round_to(self):
        for text in ("999", "57321", "57320000", "1499999999"):
            cell, stated = number_styles.with_magnitude(None, text)
            factor = {"K": 10**3, "M": 10**6, "B": 10**9}[cell[-1]]
            self.assertEqual(Decimal(cell[:-1]) * factor, Decimal(stated))

    def test_files_with_two_readings_are_known(self):
        self.assertEqual(dates.readings(["01/02/2024", "03/04/2024"]), {"mdy", "dmy"})
        self.assertEqual(dates.readings(["01/02/2024", "13/04/2024"]), {"dmy"})
        self.assertEqual(dates.readings(["11/09/17"]), {"mdy", "dmy", "yymmdd"})
        self.assertEqual(dates.readings(["2024-01-02"]), set())
        self.assertFalse(number_styles.is_decided(["1,234"]))
        self.assertTrue(number_styles.is_decided(["1,234", "1,234.5"]))
        self.assertTrue(number_styles.is_decided(["12", "13"]))

    def test_instants_with_an_offset_are_utc(self):
        row = Row("A", DAY, 34_200_000_000, {})
        self.assertEqual(dates.traded_at(row), "2024-01-02 09:30:00")
        row.offset = -18_000
        self.assertEqual(dates.traded_at(row), "2024-01-02 14:30:00")
        row.micros += 250_000
        self.assertEqual(dates.traded_at(row), "2024-01-02 14:30:00.25")


if __name__ == "__main__":
    unittest.main()
