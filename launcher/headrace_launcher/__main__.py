"""`python -m headrace_launcher` is the command `headrace`."""

from headrace_launcher.cli.app import app

app()
