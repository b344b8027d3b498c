"""Who takes part in a comparison: systems by name or made ones, checked before anything is trained."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daedal.data.base import Data
from daedal.errors import UsageError
from daedal.evaluate.handover import check_findable
from daedal.play.system import System
from daedal.systems import catalogue
from daedal.systems.factory import create, entry_of

DEFAULT = ("pca", "gmm", "vae", "pixelcnn", "realnvp", "gan", "wgan-gp", "ddpm")


Wanted = str | type[System] | System


@dataclass(frozen=True)
class Contender:
    """A system by name (or class) and options, or one that is made; `label` is its name in the table."""

    label: str
    name: str | None
    options: Mapping[str, Any]
    system: System | None
    about: Mapping[str, Any]
    kind: type[System] | None = None


def defaults(data: Data, x: str, given: Sequence[str]) -> list[str]:
    """Those of DEFAULT that can model the data."""
    return [name for name in DEFAULT if _can_model(name, data, x, given)]


def contenders(
    wanted: Wanted | Sequence[Wanted] | None,
    data: Data,
    x: str,
    given: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
) -> list[Contender]:
    """All systems, checked by making each once. Raises UsageError."""
    if wanted is None:
        wanted = defaults(data, x, given)
    wanted = [wanted] if isinstance(wanted, (str, System, type)) else list(wanted)
    if odd := [one for one in wanted if not _is_wanted(one)]:
        raise UsageError(f"compare takes names of systems or systems; got {odd[0]!r}.")
    if not wanted:
        raise UsageError("compare needs at least one system; `daedal list` shows all.")
    if unknown := sorted(set(options) - {_label(one) for one in wanted if not isinstance(one, System)}):
        raise UsageError(f"'options' of compare are for the systems compared; '{unknown[0]}' is none of them.")
    found: list[Contender] = []
    for one in wanted:
        label = _label(one)
        taken = [c.label for c in found]
        number = sum(1 for other in taken if other == label or re.fullmatch(rf"{re.escape(label)}-\d+", other))
        label = label if label not in taken else f"{label}-{number + 1}"
        found.append(_contender(one, label, data, x, given, options))
    return found


def _is_wanted(one: object) -> bool:
    return issubclass(one, System) if isinstance(one, type) else isinstance(one, (str, System))


def _label(one: Wanted) -> str:
    if isinstance(one, str):
        return one
    return entry_of(one).name if isinstance(one, type) else one.name


def _contender(one: Wanted, label: str, data: Data, x: str, given: Sequence[str], options: Any) -> Contender:
    if isinstance(one, System):
        check_findable(type(one))
        for name, space in {one.roles["x"]: one.x, **one.given}.items():
            if data.fields.get(name) != space:
                raise UsageError(
                    f"'{one.name}' models '{name}' {space}, and '{data.name}' has none such; make it anew."
                )
        return Contender(label, None, {}, one, _about(entry_of(type(one))))
    mine, kind = dict(options.get(_label(one), {})), one if isinstance(one, type) else None
    if kind is not None:
        check_findable(kind)
    create(one, data.fields, x=x, given=given, **mine)  # raises what it would raise in its process
    entry = catalogue.find(one) if isinstance(one, str) else entry_of(one)
    return Contender(label, _label(one), mine, None, _about(entry), kind)


def _can_model(name: str, data: Data, x: str, given: Sequence[str]) -> bool:
    try:
        create(name, data.fields, x=x, given=given)
    except catalogue.UnknownSystem:
        raise
    except (ValueError, TypeError):
        return False
    return True


def _about(entry: catalogue.Entry) -> dict[str, Any]:
    paper = entry.paper
    about = {"summary": entry.summary, "family": entry.family, "title": paper.title}
    return {**about, "authors": paper.authors, "year": paper.year}
