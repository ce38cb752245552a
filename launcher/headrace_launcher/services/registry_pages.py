"""Starts MLflow's pages over the registry for who wants to look: nothing listens until then."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from headrace_launcher.services.ports import LOOPBACK, free_port
from headrace_launcher.services.secrets import Secrets
from headrace_launcher.services.settings import Settings

USUAL_PORT = 5000


def show(settings: Settings, tell: Callable[[str], None]) -> int:
    """Serve the pages until they are interrupted; the exit code of the server.

    Args:
        tell: Hears where they are.
    """
    port = free_port(USUAL_PORT)
    secrets = Secrets(settings.secrets)
    environment = {
        **os.environ,
        "MLFLOW_BACKEND_STORE_URI": settings.registry,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Its job runner, for evaluations of language models, would be four more processes.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "HEADRACE_PAGES_LOGIN": str(secrets.passwords),
        "HEADRACE_PAGES_HOSTS": f"localhost:{port},{LOOPBACK}:{port}",
    }
    command = [
        str(Path(sys.executable).parent / "mlflow"),
        "server",
        "--app-name",
        "headrace",
        "--host",
        LOOPBACK,
        "--port",
        str(port),
        "--workers",
        "1",
        "--no-serve-artifacts",
        "--uvicorn-opts",
        "--log-level warning",
    ]
    tell(f"MLflow   http://localhost:{port} (to look at; login as for Airflow: headrace login)")
    with subprocess.Popen(command, env=environment, cwd=settings.mlflow) as server:
        try:
            return server.wait()
        except KeyboardInterrupt:
            server.terminate()
            return 0
