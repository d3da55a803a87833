"""Planting a mutant in a process that has imported the code already.

A function's code is exchanged where the function lives, so whoever holds it, under whatever
decorator or name, calls the mutant. A constant's statement runs once more, and with it those that
build on it; whoever imported the old value gets the new one.
"""

import ast
import functools
import gc
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from devstack.mutation import CHECKOUT, Mutant

Live = dict[tuple[str, str], list[FunctionType]]


def live_functions() -> Live:
    """Every function of this process by file and qualified name. Taken once, before the forks."""
    found: Live = {}
    for one in gc.get_objects():
        if type(one) is FunctionType:
            code = one.__code__
            found.setdefault((code.co_filename, code.co_qualname), []).append(one)
    return found


def plant(mutant: Mutant, live: Live) -> None:
    """Make this process run the mutant from now on."""
    path = str(CHECKOUT / mutant.file)
    module = next(one for one in list(sys.modules.values()) if _file(one) == path)
    before = _codes(mutant.original, path)
    changed = set()
    for name, code in _codes(mutant.source, path).items():
        if name in before and not _same(before[name], code):
            for function in live.get((path, name), []):
                if len(function.__code__.co_freevars) == len(code.co_freevars):
                    function.__code__ = code
                    changed.add(function)
    _forget(changed)
    _rebuild(module, mutant)


def _codes(source: str, path: str) -> dict[str, CodeType]:
    """The code of every function in a source, by qualified name. What has no name of its own
    (a lambda, a comprehension) is made anew by the function round it."""
    return {
        code.co_qualname: code
        for code in _inner(compile(source, path, "exec"))
        if not code.co_name.endswith(">")
    }


def _inner(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inner(constant)


def _same(one: CodeType, other: CodeType) -> bool:
    """Whether they do the same; on which lines does not matter."""
    return bool(_gist(one) == _gist(other))


def _gist(code: CodeType) -> Any:
    constants = [_gist(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return (code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars,
            code.co_cellvars)  # fmt: skip


def _forget(changed: set[FunctionType]) -> None:
    """Whatever was computed by the old code and kept. Types are looked at, as `isinstance` would
    wake up objects that are made when they are first asked for anything."""
    for one in gc.get_objects():
        kind = type(one)
        if kind is functools._lru_cache_wrapper and one.__wrapped__ in changed:
            one.cache_clear()
        for name, held in () if issubclass(kind, type) else vars(kind).items():
            if type(held) is functools.cached_property and held.func in changed:
                vars(one).pop(name, None)


def _rebuild(module: ModuleType, mutant: Mutant) -> None:
    old = ast.parse(mutant.original).body
    new = ast.parse(mutant.source).body
    fresh: set[str] = set()
    for before, after in zip(old, new, strict=True):
        if not isinstance(after, ast.Assign | ast.AnnAssign):
            continue
        read = {one.id for one in ast.walk(after) if isinstance(one, ast.Name)}
        if ast.dump(before) != ast.dump(after) or read & fresh:
            was = dict(vars(module))
            exec(compile(ast.Module([after], []), str(module.__file__), "exec"), vars(module))
            names = {one for one in read if vars(module).get(one) is not was.get(one)}
            fresh |= names
            for name in names:
                _hand_on(name, was.get(name), vars(module)[name])


def _hand_on(name: str, old: object, new: object) -> None:
    """To every module that has imported it."""
    for module in list(sys.modules.values()):
        if vars(module).get(name) is old:
            setattr(module, name, new)


def _file(module: ModuleType) -> str | None:
    return getattr(module, "__file__", None)
