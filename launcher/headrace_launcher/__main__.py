"""The command `headrace`, also as `python -m headrace_launcher`."""

import sys

from headrace_schemas.installation import ExtraMissing, require_extra


def main() -> None:
    """Run the command line; without its packages, say which extra brings them."""
    try:
        require_extra("launcher")
    except ExtraMissing as error:
        sys.exit(f"ExtraMissing: {error.message}")
    from headrace_launcher.cli.app import app  # not before it is known that it can be

    app()


if __name__ == "__main__":
    main()
