"""The world `streets`; its parts are the modules beside this one."""
