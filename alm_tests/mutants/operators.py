"""Small faults that a programmer makes, put into the syntax tree of a module one at a time.

Left alone: annotations, decorators, docstrings, texts, what is raised with (only the raising itself is taken away), and
bodies of protocols.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One fault: which node in walking order, which change, and how a person reads it."""

    module: str
    node: int
    change: str
    line: int
    code: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.change}: {self.code}"


def mutants_of(module: str, source: str) -> tuple[Mutant, ...]:
    """Return every fault of a module, in the order of its lines."""
    lines = source.splitlines()
    found = [
        Mutant(module=module, node=index, change=change, line=node.lineno, code=lines[node.lineno - 1].strip())
        for index, node in _mutable(ast.parse(source))
        for change in _changes(node)
    ]
    return tuple(sorted(found, key=lambda mutant: (mutant.line, mutant.node, mutant.change)))


def mutated(source: str, mutant: Mutant) -> ast.Module:
    """Return the tree of a module with one fault in it."""
    tree = ast.parse(source)
    wanted = dict(_mutable(tree))[mutant.node]
    changed = _changes(wanted)[mutant.change]()
    if changed is not wanted:
        _Swap(wanted, changed).visit(tree)
    return ast.fix_missing_locations(tree)


def is_in_function(mutant: Mutant, source: str) -> bool:
    """Whether a fault is in what a function does, and not in what is made when its module is imported."""
    tree = ast.parse(source)
    wanted = dict(_mutable(tree))[mutant.node]
    bodies = [line for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for line in node.body]
    return any(node is wanted for line in bodies for node in ast.walk(line))


class _Swap(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old = old
        self._new = new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._old:
            return ast.copy_location(self._new, node)
        return self.generic_visit(node)


def _mutable(tree: ast.Module) -> Iterator[tuple[int, ast.expr | ast.stmt]]:
    left_alone = set[int]()
    for node in ast.walk(tree):
        for alone in _left_alone(node):
            left_alone.update(id(inner) for inner in ast.walk(alone))
    for index, node in enumerate(ast.walk(tree)):
        if isinstance(node, (ast.expr, ast.stmt)) and id(node) not in left_alone:
            yield index, node


def _left_alone(node: ast.AST) -> list[ast.AST]:
    match node:
        case ast.FunctionDef():
            arguments = (
                *node.args.posonlyargs,
                *node.args.args,
                *node.args.kwonlyargs,
                node.args.vararg,
                node.args.kwarg,
            )
            own = [*node.decorator_list, *(one.annotation for one in arguments if one)]
            return [one for one in (*own, node.returns) if one is not None]
        case ast.ClassDef() if any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases):
            return [node]
        case ast.ClassDef():
            return [*node.decorator_list, *node.bases, *(word.value for word in node.keywords)]
        case ast.AnnAssign():
            return [node.annotation]
        case ast.JoinedStr():
            return [node]
        case ast.Raise() if node.exc is not None:
            return [node.exc, *([node.cause] if node.cause else [])]
        case ast.If() if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return [node]
        case ast.Expr() if isinstance(node.value, ast.Constant):
            return [node]
        case ast.Call() if isinstance(node.func, ast.Name) and node.func.id in ("cast", "TypeVar", "TypeAdapter"):
            return [node]
        case _:
            return []


def _changes(node: ast.AST) -> dict[str, Callable[[], ast.AST]]:
    match node:
        case ast.Compare() if len(node.ops) == 1:
            return {
                f"{type(node.ops[0]).__name__} becomes {new.__name__}": _with(node, "ops", [new()])
                for new in _COMPARED[type(node.ops[0])]
            }
        case ast.BoolOp():
            new = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            return {f"{type(node.op).__name__} becomes {type(new).__name__}": _with(node, "op", new)}
        case ast.BinOp() if type(node.op) in _COUNTED and not _is_text(node):
            counted = _COUNTED[type(node.op)]
            return {f"{type(node.op).__name__} becomes {counted.__name__}": _with(node, "op", counted())}
        case ast.UnaryOp() if isinstance(node.op, ast.Not):
            return {"not is dropped": lambda: node.operand}
        case ast.UnaryOp() if isinstance(node.op, ast.USub):
            return {"minus is dropped": lambda: node.operand}
        case ast.Constant():
            return _constants(node)
        case ast.If() | ast.IfExp() | ast.While():
            return {
                f"condition is {value}": _with(node, "test", ast.copy_location(ast.Constant(value=value), node.test))
                for value in ((True, False) if not isinstance(node, ast.While) else (False,))
            }
        case ast.Return() if node.value is not None and not _is_none(node.value):
            return {"returns None": _with(node, "value", ast.Constant(value=None))}
        case ast.Raise() | ast.AugAssign() | ast.Continue() | ast.Break():
            return {f"{type(node).__name__.lower()} is left out": ast.Pass}
        case ast.Expr() if isinstance(node.value, (ast.Call, ast.Yield, ast.YieldFrom)):
            return {"call is left out": ast.Pass} if isinstance(node.value, ast.Call) else {}
        case _:
            return {}


def _constants(node: ast.Constant) -> dict[str, Callable[[], ast.AST]]:
    if isinstance(node.value, bool):
        return {f"{node.value} becomes {not node.value}": _with(node, "value", not node.value)}
    if isinstance(node.value, int):
        return {
            f"{node.value} becomes {value}": _with(node, "value", value) for value in (node.value + 1, node.value - 1)
        }
    if isinstance(node.value, float):
        return {f"{node.value} becomes {node.value * 1.01 + 0.01:g}": _with(node, "value", node.value * 1.01 + 0.01)}
    return {}


def _with(node: ast.AST, name: str, value: object) -> Callable[[], ast.AST]:
    def change() -> ast.AST:
        setattr(node, name, value)
        return node

    return change


def _is_text(node: ast.BinOp) -> bool:
    return any(
        isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, (str, bytes)))
        for side in (node.left, node.right)
    )


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
