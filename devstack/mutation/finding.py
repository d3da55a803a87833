"""The mutants of a file: mutmut's operators, applied wherever a test could tell the difference.

What no test should have to tell is left out by rule: texts for people (errors, log lines, any
literal of several words), the arguments of `raise`, what is only there for types or read once at
import (annotations, decorators, defaults, class bodies), the crash points, which `make crashtest`
is for, `__str__` and `__repr__`, and arguments that only guard or hurry (`LEFT_ALONE`).
"""

import difflib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import deep_replace
from mutmut.mutation.mutators import mutation_operators, operator_arg_removal

from devstack.mutation import CHECKOUT, Mutant

#: Keyword arguments that change nothing that can be seen: `strict` of zip never strikes in code
#: that is right, a row saved whole under its lock is the same row, and a batch is as good as two.
LEFT_ALONE = ("strict", "update_fields", "batch_size", "daemon")
_FOR_PEOPLE = ("__str__", "__repr__")
#: A line, and that of the function round it.
Place = tuple[int, int]
_SQL = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


def mutants_of(file: str, root: Path = CHECKOUT) -> Iterator["Change"]:
    """Every change to the file under `root`, in the order of its lines."""
    text = (root / file).read_text()
    wrapper = MetadataWrapper(cst.parse_module(text))
    finder = _Finder()
    wrapper.visit(finder)
    for place, old, new in finder.found:
        yield Change(file, text, wrapper.module, place, old, new)


class Change:
    """A mutant that is not written out yet: that takes a while, and most are never tried."""

    def __init__(
        self, file: str, text: str, module: cst.Module, place: "Place", old: cst.CSTNode,
        new: cst.CSTNode,
    ) -> None:  # fmt: skip
        self.file, self.line, self._within = file, *place
        self._text, self._module, self._old, self._new = text, module, old, new

    def lot(self, seed: int) -> bytes:
        """Its place in the draw: the same as long as the changed code is, whatever else of the
        project changes, so that a sample stays a sample."""
        code = self._module.code_for_node
        said = f"{seed} {self.file} {code(self._old)} {code(self._new)}"
        return hashlib.sha256(said.encode()).digest()

    def written(self) -> Mutant:
        """With its whole source."""
        changed = deep_replace(self._module, self._old, self._new)
        assert isinstance(changed, cst.Module)
        before, after = self._text.splitlines(), changed.code.splitlines()
        lines = list(difflib.unified_diff(before, after, lineterm="", n=0))[2:]
        return Mutant(
            self.file,
            self.line,
            self._within,
            self._text,
            changed.code,
            tuple(one[1:].strip() for one in lines if one.startswith("-")),
            tuple(one[1:].strip() for one in lines if one.startswith("+")),
        )


class _Finder(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        self.found: list[tuple[Place, cst.CSTNode, cst.CSTNode]] = []
        self._line = 0
        self._inside: list[tuple[cst.CSTNode, int]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        position = self.get_metadata(PositionProvider, node, None)
        self._line = position.start.line if position else self._line
        if _left_out(node) or self._in_class_body(node):
            return False
        if isinstance(node, cst.ClassDef | cst.FunctionDef):
            self._inside.append((node, self._line))
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                for new in operator(node):
                    if operator is not operator_arg_removal or _keeps(node, new):
                        self.found.append(((self._line, self._function), node, new))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if self._inside and self._inside[-1][0] is original_node:
            self._inside.pop()

    @property
    def _function(self) -> int:
        """The line of the outermost function round the node at hand."""
        lines = (line for node, line in self._inside if isinstance(node, cst.FunctionDef))
        return next(lines, 0)

    def _in_class_body(self, node: cst.CSTNode) -> bool:
        within = bool(self._inside) and isinstance(self._inside[-1][0], cst.ClassDef)
        return within and isinstance(node, cst.SimpleStatementLine)


def _left_out(node: cst.CSTNode) -> bool:
    match node:
        case cst.Annotation() | cst.Decorator() | cst.Parameters() | cst.Raise() | cst.Import():
            return True
        case cst.Assign(value=cst.Subscript() | cst.BinaryOperation(operator=cst.BitOr())):
            return True  # another name for a type
        case cst.FunctionDef(name=cst.Name(value=name)):
            return name in _FOR_PEOPLE
        case cst.ClassDef(bases=bases):
            return any(_name(base.value) in ("TypedDict", "NamedTuple") for base in bases)
        case cst.Call(func=func):
            called = _name(func)
            return called in ("reach", "getLogger") or called.startswith(("log.", "logging."))
        case cst.Arg(keyword=cst.Name(value=name)):
            return name in LEFT_ALONE
        case cst.SimpleString() | cst.ConcatenatedString():
            return _is_text(node)
    return False


def _keeps(node: cst.CSTNode, new: cst.CSTNode) -> bool:
    """Whether a call with one argument less or None still has every one that is left alone."""
    assert isinstance(node, cst.Call)
    assert isinstance(new, cst.Call)
    return all(
        one in new.args
        for one in node.args
        if _is_text(one.value) or (one.keyword and one.keyword.value in LEFT_ALONE)
    )


def _is_text(node: cst.CSTNode) -> bool:
    """A sentence, or part of one: words apart, and no SQL."""
    match node:
        case cst.SimpleString():
            words = str(node.evaluated_value).split()
        case cst.FormattedString():
            words = "".join(
                part.value if isinstance(part, cst.FormattedStringText) else "x"
                for part in node.parts
            ).split()
        case cst.ConcatenatedString(left=left, right=right):
            return _is_text(left) or _is_text(right)
        case _:
            return False
    return len(words) > 1 and words[0] not in _SQL


def _name(node: cst.CSTNode) -> str:
    match node:
        case cst.Name(value=value):
            return value
        case cst.Attribute(value=value, attr=cst.Name(value=name)):
            return f"{_name(value)}.{name}"
    return ""
