"""The command line: the front door's verbs, with every option of a system as a real flag."""
