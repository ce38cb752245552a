"""`python -m headrace_launcher` is the command `headrace`."""

from headrace_launcher.cli import app

app()
