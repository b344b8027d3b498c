"""Options that do nothing for the space or beside the others: refused where they are given, and resolved to None.

>>> without("couplings", None, "RealNVP", "over images")
>>> without("couplings", 4, "RealNVP", "over images")
Traceback (most recent call last):
    ...
daedal.errors.UsageError: 'couplings' of RealNVP does nothing over images; leave it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daedal.errors import UsageError


def without(
    option: str, value: Any, owner: str, where: str, *stored: Any, paper: Mapping[str, Any] | None = None
) -> None:
    """None, which `option` of `owner` resolves to where it does nothing. Raises UsageError where it was given.

    What nobody typed is let pass: the values that were once `stored` in runs there, and the one of the paper's
    options, which are for another space.
    """
    silent = [None, *stored, (paper or {}).get(option)]
    if (tuple(value) if isinstance(value, list) else value) not in silent:
        raise UsageError(f"'{option}' of {owner} does nothing {where}; leave it out.")
