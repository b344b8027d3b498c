"""Data: sources, splits and the spaces of their fields."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daedal.data.base import Data
    from daedal.data.load import load_data

__all__ = ["Data", "load_data"]


def __getattr__(name: str) -> Any:
    """Imported when it is asked for: the command line reads `daedal.data.sources` without torch."""
    if name == "load_data":
        from daedal.data.load import load_data

        return load_data
    if name == "Data":
        from daedal.data.base import Data

        return Data
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
