"""The world `streets`: a drive along a street, in any weather, at any hour, in two seasons."""

from daedal.data.worlds.streets.streets import Streets

__all__ = ["Streets"]
