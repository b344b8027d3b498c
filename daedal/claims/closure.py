"""Which source a claim's numbers depend on: the modules that its file imports at their heads, and those that they do.

What is imported within a function is used by some and not by others (a reader of one sort of data among many), so it
counts where it has been loaded while a claim was measured.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
ASKING = ("daedal.cli.", "daedal.claims.")  # what asks for measurements; a claim's own module is named


def closure(*modules: str) -> list[str]:
    """Every module of the package that `modules` (such as daedal.claims.vae) depend on, themselves included."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if name in found or path is None:
            continue
        found.add(name)
        waiting += _imports(path)
    return sorted(found)


def loaded() -> list[str]:
    """Every module of the package that this process has loaded, but those that ask for measurements."""
    mine = (name for name in list(sys.modules) if name.split(".")[0] == PACKAGE.name)
    return [name for name in mine if not f"{name}.".startswith(ASKING)]


def source_hash(modules: Iterable[str]) -> str:
    """Hex digest of the code of these modules; comments and docstrings measure nothing and are left out."""
    digest = hashlib.blake2b(digest_size=16)
    for name in modules:
        path = _file(name)
        digest.update(f"{name}\0{_code(path.read_text()) if path else ''}\0".encode())
    return digest.hexdigest()


def changed_since(modules: Iterable[str], moment: float) -> list[str]:
    """Those of these modules whose files have been written after a moment (seconds since the epoch)."""
    return [name for name in modules if (path := _file(name)) and path.stat().st_mtime > moment]


def _code(source: str) -> str:
    """The source without comments and docstrings, laid out anew."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return ast.unparse(tree)


def _file(name: str) -> Path | None:
    if name.split(".")[0] != PACKAGE.name:
        return None
    path = PACKAGE.joinpath(*name.split(".")[1:])
    candidates = (path.with_suffix(".py"), path / "__init__.py") if path != PACKAGE else (path / "__init__.py",)
    return next((p for p in candidates if p.is_file()), None)


def _imports(path: Path) -> list[str]:
    names: list[str] = []
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _only_for_types(node):
            waiting += ast.iter_child_nodes(node)
    return names


def _only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
