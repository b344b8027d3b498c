"""From a plain function to a command: its keyword-only parameters and groups of options become flags.

A command is a function `(positionals, *, own options, one dict a group) -> Answer`, documented like a system: its first
sentence is the help, `Arguments:` and `Options:` sections describe what can be typed. Flags take the same kinds,
words and checks as options of systems.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter
from cyclopts import Group as HelpGroup

from daedal.cli.answer import Answer
from daedal.cli.flags import OUTPUT, Group, typed_options
from daedal.options import Option, option_help

Command = Callable[..., Answer]


def register(app: App, name: str, function: Command, groups: Sequence[Group] = (), help: str = "") -> None:
    """Add a command to an app; what was typed of each group reaches the function as a dict under the group's key.

    The group 'options', a system's, comes first in the help; `help` takes the place of the function's first sentence.
    """
    groups = [*groups, OUTPUT]
    keys = {group.key for group in groups}
    document = inspect.getdoc(function) or ""
    own = own_options(function, keys, document)
    first = [group for group in groups if group.key == "options"]
    sections = [*first, Group("", "Options", name, own), *(group for group in groups if group not in first)]
    flags = [_flag(option, section, i) for i, section in enumerate(sections) for option in section.options]
    names = {key: [o.name for group in groups if group.key == key for o in group.options] for key in keys}

    def run(*args: Any, **typed: Any) -> Answer:
        chosen = {key: {n: typed.pop(n) for n in list(typed) if n in names[key]} for key in names}
        chosen.pop(OUTPUT.key)
        return function(*args, **typed, **chosen)

    parameters = [*_places(function, document), *flags]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__doc__ = help or document.split("\n\n")[0]
    app.command(run, name=name)


def own_options(function: Command, keys: Collection[str], document: str) -> tuple[Option, ...]:
    """The command's keyword-only parameters but those that are groups of flags."""
    parameters = inspect.signature(function).parameters.values()
    kept = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in {*keys, "options"}]
    stub = types.FunctionType((lambda: None).__code__, function.__globals__)
    stub.__signature__ = inspect.Signature(kept)  # type: ignore[attr-defined]
    return typed_options(stub, document)


def arguments(function: Command, document: str) -> list[tuple[str, bool, str]]:
    """The command's positional parameters: name, whether it must be there, help."""
    helps = option_help(document.replace("Arguments:\n", "Options:\n", 1)) if "Arguments:\n" in document else {}
    places = [p for p in inspect.signature(function).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    return [(p.name, p.default is p.empty, helps.get(p.name, "")) for p in places]


def _places(function: Command, document: str) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_ONLY,
            default=inspect.Parameter.empty if needed else None,
            annotation=Annotated[str if needed else str | None, Parameter(help=help)],
        )
        for name, needed, help in arguments(function, document)
    ]


def _flag(option: Option, section: Group, order: int) -> inspect.Parameter:
    kind = option.kind

    def convert(type_: Any, tokens: Sequence[Any]) -> Any:
        return option.parse([token.value for token in tokens], section.owner)

    parameter = Parameter(
        name=option.flag,
        help=option.help,
        group=HelpGroup(section.title, sort_key=order) if section.title else None,
        converter=None if kind.type is bool and not kind.many else convert,
        negative=() if option.default is False or kind.type is not bool else None,
        show_default=not (option.default is None or option.default is False or option.default == ()),
        show_choices=True,
    )
    hint = Annotated[_hint(option), parameter]
    return inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=option.default, annotation=hint)


def _hint(option: Option) -> Any:
    kind = option.kind
    base = Literal[kind.choices] if kind.choices else kind.type
    base = tuple[base, ...] if kind.many and kind.type is not str else list[base] if kind.many else base
    return typing.Optional[base] if kind.optional or option.default is None else base  # noqa: UP045
