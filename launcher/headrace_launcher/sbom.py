"""What a project runs on, as a CycloneDX document: Python's packages and the locked jars.

A project with `uv.lock` runs on what that locks, with the digest of each file; any other on what is
installed beside this Headrace, of which an installation keeps no digest of the files it came in.
"""

import json
import shutil
import subprocess
from importlib.metadata import Distribution, distributions
from typing import Any

from packaging.utils import canonicalize_name

from headrace_launcher.errors import ToolMissing
from headrace_launcher.spark.jars import Jar, read_lock
from headrace_schemas.project import Project

FORMAT = "1.5"
"""Of CycloneDX: the newest that uv writes."""

OF_ONE_EXPORT = ("serialNumber", "timestamp")
"""What differs each time: the same lock gives the same document without it."""


def bill_of_materials(project: Project) -> dict[str, Any]:
    """Everything that is installed for use, with versions; the same environment gives the same document.

    Raises:
        ToolMissing: The project has a lock, and there is no uv to read it.
    """
    document = locked(project) if (project.root / "uv.lock").exists() else installed(project)
    document["components"] += [jar_component(jar) for jar in read_lock()]
    return document


def locked(project: Project) -> dict[str, Any]:
    """The packages of the project's lock with all extras, but not what only its development needs."""
    own = project.root / ".tools" / "uv" / "bin" / "uv"
    uv = str(own) if own.exists() else shutil.which("uv")
    if uv is None:
        raise ToolMissing("uv", f"It reads {project.root / 'uv.lock'}: pip install uv")
    command = [
        uv,
        "export",
        "--frozen",
        "--all-extras",
        "--no-default-groups",
        "--quiet",
        "--format",
        f"cyclonedx{FORMAT}",
        "--preview-features",
        "sbom-export",
    ]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=True)
    document: dict[str, Any] = json.loads(done.stdout)
    for part in (document, document["metadata"]):
        for name in OF_ONE_EXPORT:
            part.pop(name, None)
    return document


def installed(project: Project) -> dict[str, Any]:
    """The distributions that this Python would import, tools of development among them."""
    found: dict[str, dict[str, Any]] = {}
    for one in distributions():
        found.setdefault(canonicalize_name(one.name), package_component(one))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": FORMAT,
        "version": 1,
        "metadata": {
            "component": {"type": "application", "bom-ref": project.name, "name": project.name}
        },
        "components": [found[name] for name in sorted(found)],
    }


def package_component(package: Distribution) -> dict[str, Any]:
    """An installed distribution as CycloneDX names it, with its licence where that is an SPDX expression."""
    purl = f"pkg:pypi/{canonicalize_name(package.name)}@{package.version}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
    }
    if licence := package.metadata.get("License-Expression"):
        component["licenses"] = [{"expression": licence}]
    return component


def jar_component(jar: Jar) -> dict[str, Any]:
    """A jar as CycloneDX names it."""
    module = jar.module
    purl = f"pkg:maven/{module.organisation}/{module.name}@{module.version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "group": module.organisation,
        "name": module.name,
        "version": module.version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": jar.sha256}],
    }
