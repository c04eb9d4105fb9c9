"""``python -m motley`` is the ``motley`` command."""

from .command_line import main

main()
