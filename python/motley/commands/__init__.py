"""The verbs of the ``motley`` command: each module has VERB, HELP, ``add_arguments`` and ``run``."""
