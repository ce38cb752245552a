"""What Headrace is made of, as a CycloneDX document: the packages of uv.lock and the locked jars."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from headrace_launcher.errors import ToolMissing
from headrace_launcher.spark.jars import Jar, read_lock

OF_ONE_EXPORT = ("serialNumber", "timestamp")
"""What differs each time: the same lock gives the same document without it."""


def bill_of_materials(project: Path) -> dict[str, Any]:
    """Everything that is installed for use, with versions and digests; not what only tests need.

    Raises:
        ToolMissing: There is no uv, which knows the packages.
    """
    own = project / ".tools" / "uv" / "bin" / "uv"
    uv = str(own) if own.exists() else shutil.which("uv")
    if uv is None:
        raise ToolMissing("uv", "`make setup` installs it into .tools/")
    command = [
        uv,
        "export",
        "--frozen",
        "--all-extras",
        "--no-dev",
        "--no-group",
        "flights",
        "--quiet",
        "--format",
        "cyclonedx1.5",
        "--preview-features",
        "sbom-export",
    ]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    document: dict[str, Any] = json.loads(done.stdout)
    for part in (document, document["metadata"]):
        for name in OF_ONE_EXPORT:
            part.pop(name, None)
    document["components"] += [component(jar) for jar in read_lock()]
    return document


def component(jar: Jar) -> dict[str, Any]:
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
