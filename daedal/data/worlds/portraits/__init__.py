"""The world `portraits`; its parts are the modules beside this one."""

from daedal.data.worlds.portraits.portraits import Portraits

__all__ = ["Portraits"]
