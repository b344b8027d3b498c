"""Which source a claim's numbers depend on: the modules that its file imports, and those that they import."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

PACKAGE = Path(__file__).parent.parent


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


def source_hash(*modules: str) -> str:
    """Hex digest of the code of the modules' closure; comments and docstrings measure nothing and are left out."""
    digest = hashlib.blake2b(digest_size=16)
    for name in closure(*modules):
        path = _file(name)
        digest.update(f"{name}\0{_code(path.read_text()) if path else ''}\0".encode())
    return digest.hexdigest()


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
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names
