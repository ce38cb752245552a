"""What a project is deployed from: compose file or Kubernetes' values, Dockerfile, and what these name.

The files are the package's own, fitted to the project: its name, its folders, and the version of
Headrace that is installed. From then on they are the project's, in its version control.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from headrace_launcher.errors import FilesDiffer
from headrace_schemas.project import Project

PACKAGED = Path(__file__).parents[1] / "deploy"
"""The package's own files. A wheel has in it what a checkout keeps at its top."""

CHECKOUT = Path(__file__).parents[3]

COMPOSE = "docker-compose.yml"
OWN_NAMES = {"Dockerfile": "Dockerfile", ".dockerignore": "dockerignore"}
"""Written names and packaged names of what only a project has: a checkout has others at its top."""

FOLDER = "deploy"

KUBERNETES = f"{FOLDER}/kubernetes/"
"""What a Docker host has no use for."""

INSIDE = "/opt/headrace"
"""Where a project lies in its images, as this repository does in its own."""


def write_deployment(files: Mapping[str, str], folder: Path, force: bool = False) -> list[Path]:
    """Write the files into a folder; those that were not there as they should be, are returned.

    Args:
        files: Each file's path in the project, and what it says there.
        folder: Where the project's `pyproject.toml` lies.
        force: Replace files that say something else.

    Raises:
        FilesDiffer: Files are there that say something else; nothing is written.
    """
    texts = {name: text.encode() for name, text in files.items()}
    found = {name: (folder / name).read_bytes() for name in texts if (folder / name).exists()}
    due = [name for name in texts if found.get(name) != texts[name]]
    if not force and (differing := [name for name in due if name in found]):
        raise FilesDiffer(str(folder), differing)
    for name in due:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(texts[name])
        if texts[name].startswith(b"#!"):
            file.chmod(file.stat().st_mode | 0o111)
    return [folder / name for name in due]


def compose_deployment(project: Project) -> dict[str, str]:
    """What a Docker host needs: each file's path in the project, and what it says there."""
    table = project.table
    compose = source(COMPOSE).read_text(encoding="utf-8")
    compose = re.sub(r"^name: headrace$", f"name: {project.name}", compose, flags=re.MULTILINE)
    compose = re.sub(
        r":-headrace/(spark|airflow):[\w.]+",
        rf":-{project.name}/\1:{version('headrace')}",
        compose,
    )
    compose = compose.replace(f"{INSIDE}/dags\n", f"{INSIDE}/{table.dags}\n")
    compose = compose.replace(f"{INSIDE}/plugins\n", f"{INSIDE}/{table.plugins}\n")
    folder = {name: text for name, text in _folder() if not name.startswith(KUBERNETES)}
    return {COMPOSE: compose, **images(project), **folder}


def kubernetes_deployment(project: Project) -> dict[str, str]:
    """What Airflow's Helm chart needs, in the same form; the release's namespace has the project's name."""
    table, files = project.table, dict(_folder())
    values = files[f"{KUBERNETES}values.yaml"]
    values = re.sub(
        r"\bheadrace/(spark|airflow)(:|, tag: )[\w.]+",
        rf"{project.name}/\1\g<2>{version('headrace')}",
        values,
    )
    values = values.replace(
        '.namespace": "headrace"', f'.namespace": "{project.name.replace("_", "-")}"'
    )
    values = values.replace(f"{INSIDE}/dags\n", f"{INSIDE}/{table.dags}\n")
    values = values.replace(f"{INSIDE}/plugins\n", f"{INSIDE}/{table.plugins}\n")
    return {**images(project), **files, f"{KUBERNETES}values.yaml": values}


def images(project: Project) -> dict[str, str]:
    """What the two images are built from."""
    table = project.table
    dockerfile = source(OWN_NAMES["Dockerfile"]).read_text(encoding="utf-8")
    dockerfile = re.sub(
        r"^(ARG HEADRACE_VERSION)=.*$",
        rf"\1={version('headrace')}",
        dockerfile,
        flags=re.MULTILINE,
    )
    packages = ":".join(f"{INSIDE}/{package}" for package in table.packages)
    dockerfile = dockerfile.replace(f"PYTHONPATH={INSIDE}/jobs ", f"PYTHONPATH={packages} ")
    ignored = source(OWN_NAMES[".dockerignore"]).read_text(encoding="utf-8")
    folders = dict.fromkeys((table.schemas, *table.packages, table.plugins, table.dags))
    allowed = "".join(f"!{folder}\n" for folder in folders)
    ignored = ignored.replace("!schemas\n!jobs\n!plugins\n!dags\n", allowed)
    return {"Dockerfile": dockerfile, ".dockerignore": ignored}


def source(name: str) -> Path:
    """Where a file or folder of the deployment is kept: in the package, or atop a checkout."""
    packaged = PACKAGED / name
    return packaged if packaged.exists() else CHECKOUT / name


def _folder() -> Iterator[tuple[str, str]]:
    root = source(FOLDER)
    for file in sorted(root.rglob("*")):
        if file.is_file() and file.parent.name != "__pycache__":
            name = f"{FOLDER}/{file.relative_to(root).as_posix()}"
            yield name, file.read_text(encoding="utf-8")
