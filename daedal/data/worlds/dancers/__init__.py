"""The world `dancers`; its parts are the modules beside this one."""

from daedal.data.worlds.dancers.dancers import Dancers
from daedal.data.worlds.dancers.transfer import Film, normalised, transferred

__all__ = ["Dancers", "Film", "normalised", "transferred"]
