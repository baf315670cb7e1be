"""The graph of a crate's modules: which module names something that another one defines, read from the source.

Paths that begin with `crate`, `self` or `super` count, in `use` declarations and in code. A name that a module only
re-exports counts for the module that defines it. Code that only tests are built with is left out.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import rust_tokens

ITEM_WORDS = "struct enum union trait type fn const static".split()
STARTS = ("crate", "self", "super")


class Module:
    """One module: its path (`("crate", "a", "b")`), what it defines, and the paths that it uses."""

    def __init__(self, path, file):
        self.path, self.file = path, file
        self.items = set()
        self.names = {}  # an imported name -> the path that it stands for
        self.globs = []  # paths of `use a::b::*`
        self.uses = []  # (path, line)


class Crate:
    """The modules of one crate, from its root file (`src/lib.rs` or `src/main.rs`) on."""

    def __init__(self, root):
        self.modules = {}
        self.read_file(("crate",), Path(root), Path(root).parent)

    def read_file(self, path, file, folder):
        """Reads a module's file; `folder` is where the files of its own modules are."""
        code = rust_tokens.without_comments(rust_tokens.tokens(file.read_text()))
        code, _ = rust_tokens.without_tests(code)
        self.read_module(path, code, file, folder)

    def read_module(self, path, code, file, folder):
        module = self.modules[path] = Module(path, file)
        index, depth, custom = 0, 0, None
        while index < len(code):
            token = code[index]
            end = rust_tokens.attribute_at(code, index)
            if end is not None:
                words = [each.text for each in code[index:end]]
                if words[2:4] == ["path", "="]:
                    custom = words[4].strip('"')
                index = end
                continue
            if token.text == "use" and token.kind == "word":
                index = self.read_use(module, code, index + 1)
                continue
            follows = code[index + 1] if index + 1 < len(code) else token
            after = code[index + 2].text if index + 2 < len(code) else ""
            if token.text == "mod" and token.kind == "word" and follows.kind == "word" and after in (";", "{"):
                self.read_child(module, code, index, folder, custom)
                custom = None
                index = rust_tokens.group_end(code, index + 2) if after == "{" else index + 3
                continue
            if depth == 0 and token.kind == "word" and token.text in ITEM_WORDS and follows.kind == "word":
                module.items.add(follows.text)
            if token.text == "macro_rules" and follows.text == "!":
                module.items.add(after)
            if token.kind == "word" and token.text in STARTS and (index == 0 or code[index - 1].text != "::"):
                segments, index = path_at(code, index)
                if len(segments) > 1:
                    module.uses.append((segments, token.line))
                continue
            if token.kind == "sign":
                depth += (token.text in rust_tokens.OPENING) - (token.text in rust_tokens.CLOSING)
            index += 1

    def read_child(self, module, code, index, folder, custom):
        name = code[index + 1].text.removeprefix("r#")
        path = module.path + (name,)
        if code[index + 2].text == "{":
            end = rust_tokens.group_end(code, index + 2)
            self.read_module(path, code[index + 3 : end - 1], module.file, folder / name)
            return
        candidates = [folder / f"{name}.rs", folder / name / "mod.rs"]
        if custom is not None:
            candidates = [module.file.parent / custom]
        file = next((each for each in candidates if each.exists()), None)
        if file is not None:
            self.read_file(path, file, file.parent if file.name == "mod.rs" or custom else folder / name)

    def read_use(self, module, code, index):
        line = code[index].line
        entries, index = use_tree(code, index, ())
        for segments, alias in entries:
            if (
                segments[0] not in STARTS
                and module.path + segments[:1] not in self.modules
                and (segments[0] not in declared(code))
            ):
                continue
            segments = segments if segments[0] in STARTS else ("self",) + segments
            if alias == "*":
                module.globs.append(segments)
            else:
                module.names[alias] = segments
            module.uses.append((segments, line))
        return index + 1

    def absolute(self, module, segments):
        """A path from the crate's root on."""
        at, rest = module, list(segments)
        if rest[0] == "crate":
            at, rest = ("crate",), rest[1:]
        while rest and rest[0] in ("self", "super"):
            if rest[0] == "super":
                at = at[:-1]
            rest = rest[1:]
        return at, tuple(rest)

    def resolve(self, module, segments, seen=()):
        """The module that defines what a path names; the last one that exists if that cannot be found."""
        at, rest = self.absolute(module, segments)
        if not at:
            return None
        while rest and at + rest[:1] in self.modules:
            at, rest = at + rest[:1], rest[1:]
        if not rest or at not in self.modules or (at, rest) in seen:
            return at if at in self.modules else None
        seen += ((at, rest),)
        here, name = self.modules[at], rest[0]
        if name in here.items:
            return at
        if name in here.names:
            return self.resolve(at, here.names[name] + rest[1:], seen) or at
        for glob in here.globs:
            target = self.resolve(at, glob, seen)
            if target and target != at and self.defines(target, name):
                return self.resolve(target, ("self",) + rest, seen) or target
        return at

    def defines(self, path, name):
        module = self.modules[path]
        return name in module.items or name in module.names or path + (name,) in self.modules

    def edges(self):
        """`{module: {used module: (file, line)}}`, less those between a module and its own descendants."""
        graph = {path: {} for path in self.modules}
        for path, module in self.modules.items():
            for segments, line in module.uses:
                target = self.resolve(path, segments[:-1] if segments[-1] == "*" else segments)
                if target and not related(path, target):
                    graph[path].setdefault(target, (module.file, line))
        return graph


def declared(code):
    """The names of the modules that `code` declares."""
    return {code[at + 1].text for at, token in enumerate(code[:-1]) if token.text == "mod" and token.kind == "word"}


def related(one, other):
    """True if one module contains the other, or both are the same."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def path_at(code, index):
    """The segments of the path that begins at `index`, and the index after it."""
    segments = [code[index].text]
    index += 1
    while index + 1 < len(code) and code[index].text == "::" and code[index + 1].kind == "word":
        segments.append(code[index + 1].text.removeprefix("r#"))
        index += 2
    return tuple(segments), index


def use_tree(code, index, prefix):
    """The `(path, name)` pairs of a use tree, and the index after it; a glob has the name `*`."""
    segments = prefix
    while index < len(code):
        token = code[index]
        if token.kind == "word" and token.text != "as":
            segments += (token.text.removeprefix("r#"),)
        elif token.text == "*":
            return [(segments, "*")], index + 1
        elif token.text == "{":
            found, index = [], index + 1
            while code[index].text != "}":
                entries, index = use_tree(code, index, segments)
                found += entries
                if code[index].text == ",":
                    index += 1
            return found, index + 1
        elif token.text == "as":
            return [(segments, code[index + 1].text)], index + 2
        elif token.text != "::":
            break
        index += 1
    if len(segments) > 1 and segments[-1] == "self":
        segments = segments[:-1]
    return ([(segments, segments[-1])] if segments else []), index


def components(graph):
    """The sets of two and more modules that reach each other (Tarjan)."""
    order, low, stack, on_stack, found = {}, {}, [], set(), []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        on_stack.add(node)
        for target in graph[node]:
            if target not in order:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in on_stack:
                low[node] = min(low[node], order[target])
        if low[node] == order[node]:
            component = set()
            while node not in component:
                component.add(stack.pop())
            on_stack.difference_update(component)
            if len(component) > 1:
                found.append(component)

    for node in graph:
        if node not in order:
            visit(node)
    return found


def cycles(graph):
    """`(modules, edges)` of each cycle; the edges are `{"crate::a -> crate::b": (file, line)}`, sorted."""
    for component in components(graph):
        edges = {
            f"{'::'.join(source)} -> {'::'.join(target)}": where
            for source in component
            for target, where in graph[source].items()
            if target in component
        }
        yield sorted("::".join(path) for path in component), dict(sorted(edges.items()))


def folders(graph):
    """The graph with each module's subtree drawn together: edges between the children of one module."""
    drawn = {}
    for source, targets in graph.items():
        for target, where in targets.items():
            shared = next(at for at, (one, other) in enumerate(zip(source, target)) if one != other)
            one, other = source[: shared + 1], target[: shared + 1]
            drawn.setdefault(one, {}).setdefault(other, where)
            drawn.setdefault(other, {})
    return drawn
