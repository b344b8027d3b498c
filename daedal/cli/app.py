"""The commands, and which flags they take: those of the system that was named are among them."""

from __future__ import annotations

from collections.abc import Sequence

from cyclopts import App

from daedal.cli import browse, judge, make
from daedal.cli.command import register
from daedal.cli.flags import BUDGET, DATA, OUTPUT, TRAINING, Group
from daedal.cli.plugin import find_system
from daedal.version import VERSION

HELP = "Train, sample, compare and use deep generative models on your own data."
SHORT_HELP = ("--help", "-h")


def build(tokens: Sequence[str]) -> App:
    """The app for a command line. Raises UnknownSystem where it names a system that there is not."""
    app = App(
        name="daedal",
        help=HELP,
        version=VERSION,
        help_format="plaintext",
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        help_on_error=False,
        suppress_keyboard_interrupt=False,
    )
    command = next((token for token in tokens if not token.startswith("-")), None)
    register(app, "list", browse.list_systems)
    register(app, "info", browse.info)
    register(app, "cite", browse.cite)
    register(app, "data", make.data, [DATA])
    named, help = _system_options(tokens, command)
    register(app, "train", make.train, [named, BUDGET, TRAINING, DATA], help)
    register(app, "sample", make.sample, [_sample_options(tokens, command)])
    register(app, "evaluate", judge.evaluate, [DATA])
    register(app, "doctor", judge.doctor)
    register(app, "compare", judge.compare, [DATA])
    register(app, "reproduce", judge.reproduce)
    return app


def _system_options(tokens: Sequence[str], command: str | None) -> tuple[Group, str]:
    """The options of the system that `train NAME` names, and what the help says of it."""
    name = first_word(tokens, TRAIN_SWITCHES) if command == "train" else None
    if name is None:
        return NO_OPTIONS, ""
    entry, _ = find_system(name, value_of(tokens, "--plugin"))
    group = Group("options", f"Options of {entry.name}", entry.class_name, entry.options)
    return group, f"Train {entry.class_name} on a data source. {entry.summary}"


def _sample_options(tokens: Sequence[str], command: str | None) -> Group:
    """The options of `sample` of the system that the run of `sample RUN` holds."""
    run = first_word(tokens, SAMPLE_SWITCHES) if command == "sample" else None
    if run is None:
        return NO_OPTIONS
    plugin = value_of(tokens, "--plugin")
    entry, _ = find_system(make.system_in(run, plugin), plugin)
    return Group("options", f"Options of {entry.name}", f"{entry.class_name}.sample", entry.sample_options)


NO_OPTIONS = Group("options", "", "", ())
SAMPLE_SWITCHES = {option.flag for option in OUTPUT.options} | {"--overwrite"}
TRAIN_SWITCHES = {
    option.flag for group in (TRAINING, DATA, OUTPUT) for option in group.options if option.kind.type is bool
} | {"--overwrite"}


def first_word(tokens: Sequence[str], switches: set[str]) -> str | None:
    """The first word after the command that is neither a flag nor a flag's value; `switches` take no value.

    >>> first_word(["train", "--steps", "5", "--mirror", "vae", "digits"], {"--mirror"})
    'vae'
    """
    words = iter(tokens[[not token.startswith("-") for token in tokens].index(True) + 1 :])
    for word in words:
        if not word.startswith("-"):
            return word
        if word not in switches and word not in SHORT_HELP and "=" not in word:
            next(words, None)
    return None


def value_of(tokens: Sequence[str], flag: str) -> str | None:
    """What was typed for a flag: `--plugin x` or `--plugin=x`."""
    for i, token in enumerate(tokens):
        if token == flag:
            return tokens[i + 1] if i + 1 < len(tokens) else None
        if token.startswith(flag + "="):
            return token.partition("=")[2]
    return None
