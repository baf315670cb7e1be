"""Tests of tests/architecture/check with small workspaces: python3 -m unittest tests/architecture/test_check.py"""

import contextlib
import importlib.machinery
import importlib.util
import io
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("architecture_check", str(HERE / "check"))
check = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
loader.exec_module(check)

ALLOWED = """
[crates.low]
uses = []
[crates.high]
uses = ["low"]
tests = []
"""


class Workspace:
    """A workspace of two crates, `low` and `high`, in a temporary folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.write("Cargo.toml", '[workspace]\nresolver = "3"\nmembers = ["low", "high"]\n')
        self.manifest("low")
        self.manifest("high", '[dependencies]\nlow = { path = "../low" }\n')
        self.write("low/src/lib.rs", "")
        self.write("high/src/lib.rs", "")
        self.write("allowed.toml", ALLOWED)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def manifest(self, crate, dependencies=""):
        self.write(f"{crate}/Cargo.toml", f'[package]\nname = "{crate}"\nedition = "2024"\n\n{dependencies}')

    def modules(self, **sources):
        """Gives `high` a module for each name, with the text as its source."""
        self.write("high/src/lib.rs", "".join(f"mod {name};\n" for name in sources))
        for name, source in sources.items():
            self.write(f"high/src/{name}.rs", source)

    def check(self, *options):
        """The exit code and the lines that the check prints."""
        words = ["check", "--workspace", str(self.folder), "--allowed", str(self.folder / "allowed.toml"), *options]
        printed = io.StringIO()
        with mock.patch.object(sys, "argv", words), contextlib.redirect_stdout(printed):
            code = check.main()
        return code, printed.getvalue().splitlines()


class CheckTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.workspace = Workspace(folder.name)

    def assert_clean(self):
        code, printed = self.workspace.check()
        self.assertEqual((code, len(printed)), (0, 1), printed)

    def assert_found(self, *findings):
        code, printed = self.workspace.check()
        self.assertEqual((code, printed), (1, list(findings)))


class Crates(CheckTest):
    def test_the_allowed_direction_passes(self):
        self.assert_clean()

    def test_the_wrong_direction_is_found(self):
        self.workspace.manifest("low", '[dependencies]\nhigh = { path = "../high" }\n')
        self.workspace.manifest("high")
        self.assert_found("low: must not use high")

    def test_a_dependency_of_tests_is_found(self):
        self.workspace.manifest("low", '[dev-dependencies]\nhigh = { path = "../high" }\n')
        self.workspace.manifest("high")
        self.assert_found("low: must not use high in its tests")

    def test_tests_may_use_more(self):
        self.workspace.manifest("low", '[dev-dependencies]\nhigh = { path = "../high" }\n')
        self.workspace.manifest("high")
        self.workspace.write("allowed.toml", ALLOWED.replace("uses = []", 'uses = []\ntests = ["high"]', 1))
        self.assert_clean()

    def test_a_renamed_dependency_is_found(self):
        self.workspace.manifest("low", '[dependencies]\nupper = { package = "high", path = "../high" }\n')
        self.workspace.manifest("high")
        self.assert_found("low: must not use high")

    def test_a_star_allows_every_crate(self):
        self.workspace.write("allowed.toml", ALLOWED.replace('["low"]', '["*"]'))
        self.assert_clean()

    def test_an_unlisted_crate_is_found(self):
        self.workspace.write("allowed.toml", ALLOWED[: ALLOWED.index("[crates.high]")])
        self.assert_found("high: not in allowed.toml")

    def test_a_listed_crate_that_does_not_exist_is_found(self):
        self.workspace.write("allowed.toml", ALLOWED + "[crates.gone]\nuses = []\n")
        self.assert_found("allowed.toml: the workspace has no crate gone")

    def test_a_second_user_of_a_heavy_dependency_is_found(self):
        self.workspace.manifest("low", '[dependencies]\ns3s-fs = "1"\n')
        self.workspace.manifest("high", '[dependencies]\nlow = { path = "../low" }\ns3s-fs = "1"\n')
        self.workspace.write("allowed.toml", ALLOWED + '[heavy]\n"s3s-*" = "low"\n')
        self.assert_found("high: must not use s3s-fs, which only low knows")


class Modules(CheckTest):
    CYCLE = {"one": "use crate::two::Two;\npub struct One;", "two": "pub struct Two;\nfn f() { super::one::One; }"}

    def except_for(self, *edges):
        listed = ", ".join(f'"{edge}"' for edge in edges)
        self.workspace.write("allowed.toml", f"{ALLOWED}[exceptions]\nhigh = [{listed}]\n")

    def test_a_new_cycle_is_found(self):
        self.workspace.modules(**self.CYCLE)
        self.assert_found(
            "high: cycle of 2 modules: crate::one crate::two",
            "  crate::one -> crate::two (high/src/one.rs:1)",
            "  crate::two -> crate::one (high/src/two.rs:2)",
        )

    def test_a_listed_cycle_passes(self):
        self.workspace.modules(**self.CYCLE)
        self.except_for("crate::one -> crate::two", "crate::two -> crate::one")
        self.assert_clean()

    def test_a_cycle_that_grows_is_found(self):
        self.workspace.modules(**self.CYCLE, three="use crate::one::One;")
        self.workspace.write("high/src/two.rs", "pub struct Two;\nuse super::one::One;\nuse super::three::Three;")
        self.except_for("crate::one -> crate::two", "crate::two -> crate::one")
        self.assert_found(
            "high: cycle of 3 modules: crate::one crate::three crate::two",
            "  crate::three -> crate::one (high/src/three.rs:1)",
            "  crate::two -> crate::three (high/src/two.rs:3)",
        )

    def test_a_stale_exception_is_found(self):
        self.workspace.modules(one="use crate::two::Two;", two="pub struct Two;")
        self.except_for("crate::one -> crate::two")
        self.assert_found("allowed.toml: exception of high is stale: crate::one -> crate::two")

    def test_an_exception_of_an_unknown_crate_is_stale(self):
        self.workspace.write("allowed.toml", f'{ALLOWED}[exceptions]\ngone = ["crate::a -> crate::b"]\n')
        self.assert_found("allowed.toml: exception of gone is stale: crate::a -> crate::b")

    def test_a_parent_and_its_descendants_may_use_each_other(self):
        self.workspace.modules(parent="pub mod child;\nuse self::child::Child;\npub struct Parent;")
        self.workspace.write(
            "high/src/parent/child.rs", "use super::Parent;\npub struct Child;\nfn f() { crate::parent::Parent; }"
        )
        self.assert_clean()

    def test_a_re_export_counts_for_the_module_that_defines_the_name(self):
        self.workspace.write("high/src/lib.rs", "mod one;\nmod two;\npub use one::One;\npub use two::*;")
        self.workspace.write("high/src/one.rs", "use crate::Two;\npub struct One;")
        self.workspace.write("high/src/two.rs", "use super::{One as Other};\npub struct Two;")
        self.assert_found(
            "high: cycle of 2 modules: crate::one crate::two",
            "  crate::one -> crate::two (high/src/one.rs:1)",
            "  crate::two -> crate::one (high/src/two.rs:1)",
        )

    def test_code_of_tests_does_not_count(self):
        tests = "#[cfg(test)]\nmod tests { use crate::one::One; }\n#[cfg(test)]\nuse super::one::One;\npub struct Two;"
        self.workspace.modules(one="use crate::two::Two;\npub struct One;", two=tests)
        self.assert_clean()

    def test_comments_and_strings_do_not_count(self):
        text = '// crate::one::One\npub struct Two; /* super::one::One */ const T: &str = r#"use crate::one::One;"#;'
        self.workspace.modules(one="use crate::two::Two;\npub struct One;", two=text)
        self.assert_clean()

    def test_inline_modules_and_nested_use_trees_are_read(self):
        self.workspace.write(
            "high/src/lib.rs",
            "mod a { pub mod b { use crate::{c::{self, C}}; pub struct B; } }\n"
            "mod c { use super::a::b::B; pub struct C; }",
        )
        code, printed = self.workspace.check()
        self.assertEqual((code, printed[0]), (1, "high: cycle of 2 modules: crate::a::b crate::c"))


class Folders(CheckTest):
    def test_a_cycle_between_folders_is_printed(self):
        self.workspace.modules(a="pub mod x;\npub mod y;", b="pub struct B;\nuse crate::a::x::X;")
        self.workspace.write("high/src/a/x.rs", "pub struct X;")
        self.workspace.write("high/src/a/y.rs", "use crate::b::B;")
        self.assert_clean()
        code, printed = self.workspace.check("--folders")
        self.assertEqual((code, printed[0]), (0, "high: cycle of 2 folders: crate::a crate::b"))


class Picture(CheckTest):
    def test_the_crates_are_drawn(self):
        code, printed = self.workspace.check("--picture")
        self.assertEqual(code, 0)
        self.assertEqual(printed[:2], ["high", "└── low"])
        self.assertIn("    high --> low", printed)


if __name__ == "__main__":
    unittest.main()
