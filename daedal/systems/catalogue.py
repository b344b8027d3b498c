"""Which systems there are, and what each declares: read from the source by `ast`, so no torch is imported.

A system's name is its file's name in kebab case, and its entry repeats what the class says in literals
(`daedal.declare`): bases that are capabilities, `accepts`, `paper`, `recipe`, `variants`, and the keyword-only
parameters of `__init__` and `draw` with the help in the docstrings' `Options:` sections. A variant is an entry too.

>>> find("vae").capabilities[0]
'sample'
>>> find("vea")
Traceback (most recent call last):
    ...
daedal.systems.catalogue.UnknownSystem: No system is called 'vea'. Did you mean 'vae'?
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Union

from daedal import declare
from daedal.errors import UsageError, did_you_mean
from daedal.options import Kind, Option, kind_of, option_help

FOLDER = Path(__file__).parent
ANNOTATIONS = {"bool": bool, "str": str, "int": int, "float": float, "None": None, "tuple": tuple, "Literal": Literal}
CALLS = {"Paper": declare.Paper, "Recipe": declare.Recipe, "Variant": declare.Variant, "dict": dict}


class UnknownSystem(UsageError):
    """A name that no system has."""


@dataclass(frozen=True)
class Entry:
    """What a system declares. `overrides` are the options that a variant sets."""

    name: str
    module: str
    class_name: str
    family: str
    summary: str
    capabilities: tuple[str, ...]
    spaces: tuple[str, ...]
    paper: declare.Paper
    recipe: declare.Recipe
    options: tuple[Option, ...]
    sample_options: tuple[Option, ...] = ()
    variants: Mapping[str, declare.Variant] = field(default_factory=dict)
    variant_of: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)


def entries() -> dict[str, Entry]:
    """All systems and variants by name, families in alphabetical order."""
    return {name: entry for path in _files("*") for name, entry in _read(path).items()}


def find(name: str) -> Entry:
    """The entry of a name, 'vae' or 'beta-vae'. Raises UnknownSystem, with the nearest name."""
    wanted = name.strip().lower().replace("_", "-")
    for path in _files(wanted.replace("-", "_")):
        if wanted in (found := _read(path)):
            return found[wanted]
    known = entries()
    if wanted not in known:
        hint = did_you_mean(wanted, list(known)) or " See 'daedal list'."
        raise UnknownSystem(f"No system is called '{name}'.{hint}")
    return known[wanted]


def able(verb: str) -> list[str]:
    """Names of the systems that can do a verb, such as 'log_prob'. Raises UsageError for an unknown verb."""
    known = sorted(verbs().values())
    if verb not in known:
        raise UsageError(f"No capability is called '{verb}'.{did_you_mean(verb, known)} They are {', '.join(known)}.")
    return [name for name, entry in entries().items() if verb in entry.capabilities]


@functools.cache
def verbs() -> dict[str, str]:
    """Class name -> verb of each capability, in the order of `daedal.capabilities.VERBS`."""
    tree = ast.parse((FOLDER.parent / "capabilities.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict) and _name(node.target) == "VERBS":
            return {_name(k): ast.literal_eval(v) for k, v in zip(node.value.keys, node.value.values, strict=True)}
    raise LookupError("daedal/capabilities.py defines no VERBS")


# -- reading a file


def _files(stem: str) -> Iterator[Path]:
    if stem != "*" and not stem.isidentifier():
        return iter(())
    return (path for path in sorted(FOLDER.glob(f"*/{stem}.py")) if not path.name.startswith("_"))


@functools.cache
def _read(path: Path) -> dict[str, Entry]:
    """The entries of one file: its class and the class's variants; nothing where no class extends System."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and "System" in map(_name, node.bases):
            entry = _entry(node, path, _aliases(tree))
            return {entry.name: entry} | {name: variant(entry, name) for name in entry.variants}
    return {}


def _entry(node: ast.ClassDef, path: Path, aliases: Mapping[str, ast.expr]) -> Entry:
    assigned = dict(_assignments(node))
    bases = set(map(_name, node.bases))
    accepts = assigned.get("accepts")
    constructor, draw = _method(node, "__init__"), _method(node, "draw")
    return Entry(
        name=path.stem.replace("_", "-"),
        module=f"daedal.systems.{path.parent.name}.{path.stem}",
        class_name=node.name,
        family=path.parent.name,
        summary=summary(ast.get_docstring(node)),
        capabilities=tuple(verb for name, verb in verbs().items() if name in bases),
        spaces=tuple(map(_name, accepts.elts)) if isinstance(accepts, ast.Tuple) else ("Images", "Vectors"),
        paper=literal(assigned["paper"]) if "paper" in assigned else declare.Paper("", "", 0),
        recipe=literal(assigned["recipe"]) if "recipe" in assigned else declare.Recipe(),
        options=_options(constructor, option_help(ast.get_docstring(node)), aliases),
        sample_options=_options(draw, option_help(draw and ast.get_docstring(draw)), aliases),
        variants=literal(assigned["variants"]) if "variants" in assigned else {},
    )


def variant(entry: Entry, name: str) -> Entry:
    """The entry of a variant: other defaults, another paper."""
    chosen = entry.variants[name]
    options = tuple(replace(o, default=chosen.options.get(o.name, o.default)) for o in entry.options)
    changes = {"name": name, "paper": chosen.paper, "options": options, "overrides": dict(chosen.options)}
    return replace(entry, variants={}, variant_of=entry.name, **changes)


def _options(
    function: ast.FunctionDef | None, helps: Mapping[str, str], aliases: Mapping[str, ast.expr]
) -> tuple[Option, ...]:
    if function is None:
        return ()
    pairs = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return tuple(
        Option(a.arg, _kind(a.annotation, aliases), default and literal(default), helps.get(a.arg, ""))
        for a, default in pairs
    )


def _kind(annotation: ast.expr | None, aliases: Mapping[str, ast.expr]) -> Kind:
    if annotation is None:
        raise TypeError("an option lacks its annotation")
    return kind_of(_resolve(annotation, aliases))


def _resolve(node: ast.expr, aliases: Mapping[str, ast.expr]) -> Any:
    """The typing object that an annotation's source means, from the vocabulary of `daedal.declare` alone."""
    if isinstance(node, ast.Constant):
        return _resolve(ast.parse(node.value, mode="eval").body, aliases) if isinstance(node.value, str) else node.value
    if isinstance(node, ast.BinOp):
        return Union[_resolve(node.left, aliases), _resolve(node.right, aliases)]  # noqa: UP007
    if isinstance(node, ast.Subscript) and _name(node.value) == "Literal":
        return Literal[ast.literal_eval(node.slice)]
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        return tuple[_resolve(node.slice.elts[0], aliases), ...]
    name = _name(node)
    if name in aliases:
        return _resolve(aliases[name], {})
    return ANNOTATIONS[name] if name in ANNOTATIONS else getattr(declare, name)


# -- small readers


def literal(node: ast.expr) -> Any:
    """The value of a literal, in which calls of Paper, Recipe, Variant and dict with literal arguments may stand."""
    if isinstance(node, ast.Call):
        keywords = {k.arg: literal(k.value) for k in node.keywords if k.arg}
        return CALLS[_name(node.func)](*map(literal, node.args), **keywords)
    if isinstance(node, ast.Dict):
        return {literal(k): literal(v) for k, v in zip(node.keys, node.values, strict=True) if k is not None}
    return ast.literal_eval(node)


def summary(docstring: str | None) -> str:
    """The first paragraph of a docstring as one line."""
    return " ".join((docstring or "").split("\n\n")[0].split())


def _assignments(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for item in node.body:
        if isinstance(item, ast.Assign):
            yield _name(item.targets[0]), item.value
        elif isinstance(item, ast.AnnAssign) and item.value is not None:
            yield _name(item.target), item.value


def _aliases(tree: ast.Module) -> dict[str, ast.expr]:
    """Module-level names for annotations, such as `Likelihood = Literal["binomial", "categorical"]`."""
    return {
        _name(n.targets[0]): n.value
        for n in tree.body
        if isinstance(n, ast.Assign) and isinstance(n.value, ast.Subscript)
    }


def _method(node: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    return next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == name), None)


def _name(node: ast.expr | None) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
