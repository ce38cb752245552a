"""Files in a folder of declarations that nothing would read, although someone put them there."""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from headrace_schemas.declarations.folder import CONTRACTS, MODELS, PIPELINES
from headrace_schemas.project_errors import DeclarationInvalid

KINDS = {"contracts": CONTRACTS, "pipelines": PIPELINES, "models": MODELS}

PLAIN = frozenset({".md", ".txt", ".rst"})
"""Notes for people."""

CODE = frozenset({".sql", ".py"})
"""What may lie beside pipelines."""


def stray_files(root: Path) -> Iterator[DeclarationInvalid]:
    """Each file that is not read, with the place where it would be."""
    for kind, pattern in KINDS.items():
        folder = root / kind
        read = set(folder.glob(pattern))
        for file in sorted(folder.rglob("*")):
            if file not in read and not is_meant(file, folder):
                yield DeclarationInvalid(
                    str(file),
                    1,
                    "file",
                    "nothing reads this file",
                    advice=f"Files here are called {kind}/{in_words(pattern)}.",
                )
    if root.is_dir():
        yield from beside(root)


def is_meant(file: Path, folder: Path) -> bool:
    """Whether a file is no declaration."""
    parts = file.relative_to(folder).parts
    if any(part.startswith((".", "__")) for part in parts) or file.is_dir():
        return True
    return file.suffix in PLAIN or (folder.name == "pipelines" and file.suffix in CODE)


def in_words(pattern: str) -> str:
    """A pattern for people."""
    return pattern.replace("*/*", "<layer>/<table>").replace("*", "<name>")


def beside(root: Path) -> Iterator[DeclarationInvalid]:
    """YAML files beside the folders, and folders that are nearly called as they should be."""
    for path in sorted(root.iterdir()):
        if path.is_file() and path.suffix in (".yaml", ".yml") and not path.name.startswith("."):
            yield DeclarationInvalid(
                str(path),
                1,
                "file",
                "nothing reads this file",
                advice="Put it into contracts/<layer>/, pipelines/ or models/.",
            )
        close = get_close_matches(path.name.lower(), KINDS, 1, 0.8)
        if path.is_dir() and close and path.name not in KINDS and any(path.rglob("*.y*ml")):
            yield DeclarationInvalid(
                str(path), 1, "folder", "nothing reads this folder", advice=f"Call it {close[0]}."
            )
