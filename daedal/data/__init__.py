"""Data: sources, splits and the spaces of their fields."""

from daedal.data.base import Data
from daedal.data.load import load_data

__all__ = ["Data", "load_data"]
