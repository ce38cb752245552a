"""The command `headrace`."""

import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from headrace_launcher.cli.display import Progress, addresses, problems, table
from headrace_launcher.cli.pins_commands import pins_app
from headrace_launcher.services import stack
from headrace_launcher.services.compose import FOLDER, ensure_env
from headrace_launcher.services.secrets import USER, Secrets
from headrace_launcher.services.services import Stack, declare
from headrace_launcher.services.settings import Settings
from headrace_launcher.services.setup import ivy_client, place_jars, set_up
from headrace_launcher.services.state import read_state
from headrace_launcher.spark.jars import LOCK, write_lock
from headrace_launcher.spark.java import ensure_java
from headrace_launcher.spark.logstore import JAR, SOURCE, build
from headrace_launcher.spark.settings import spark_home, write_configuration
from headrace_schemas.accounts import Account
from headrace_schemas.errors import HeadraceError
from headrace_schemas.installation import require_one_spark

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


class Headrace(typer.Typer):
    """Shows an error of Headrace as its message, without a traceback."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().__call__(*args, **kwargs)
        except HeadraceError as error:
            errors.print(type(error).__name__, style="bold red", end=": ")
            errors.print(error.message, markup=False)
            sys.exit(1)


app = Headrace(no_args_is_help=True, help="Start and watch Headrace on this machine.")
jars_app = typer.Typer(no_args_is_help=True, help="The locked jars.")
app.add_typer(jars_app, name="jars")
app.add_typer(pins_app, name="pins")


def settings_here() -> Settings:
    """Settings of the project of the working folder, as the environment says; its code can be imported."""
    settings = Settings.from_environment(os.environ)
    settings.project.use()
    return settings


@app.command()
def setup() -> None:
    """Make ready what the services need: Java, jars and the state directory."""
    settings = settings_here()
    progress = Progress(console)
    with progress.shown():
        java = set_up(settings, os.environ, progress.doing)
    console.print(f"Java {java.version} in {java.home}; jars and state in {settings.home}")


@app.command()
def up() -> None:
    """Start all services in the background; returns when they are ready."""
    settings = settings_here()
    progress = Progress(console)
    with progress.shown():
        set_up(settings, os.environ, progress.doing)
        state = stack.bring_up(settings, progress.starting)
    for line in addresses(settings, state):
        console.print(line)


@app.command()
def down() -> None:
    """Stop all services, and every job that runs."""
    settings = settings_here()
    progress = Progress(console)
    with progress.shown():
        leftovers = stack.bring_down(settings, progress.stopping)
    if leftovers:
        console.print(f"{leftovers} processes without a supervisor were ended.")
    console.print("All services are stopped.")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="The state file, for programs.")] = False,
) -> None:
    """Show all services. The exit code is 1 when one of them is not well."""
    settings = settings_here()
    state = read_state(settings.state_file)
    if state is None:
        console.print(f"Nothing runs for {settings.home}. Start it: headrace up")
        raise typer.Exit(1)
    is_supervised = stack.running(settings) is not None
    if as_json:
        sys.stdout.write(f"{state.model_dump_json(indent=2)}\n")
    else:
        console.print(table(state, is_supervised))
        for line in [*problems(state), *(addresses(settings, state) if is_supervised else [])]:
            console.print(line, markup=False)
    if not (is_supervised and state.is_ready):
        raise typer.Exit(1)


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help="As `headrace status` names it, or `supervisor`.")],
    lines: Annotated[int, typer.Option("-n", help="How many of the last lines.")] = 50,
    follow: Annotated[bool, typer.Option("-f", help="Go on as lines are written.")] = False,
) -> None:
    """Show the log of a service."""
    settings = settings_here()
    log = settings.logs / "supervisor.log"
    if service != "supervisor":
        log = Path(stack.service_named(settings, service).log)
    for line in stack.last_lines(log, lines):
        sys.stdout.write(f"{line}\n")
    if follow:
        _follow(log)


@app.command()
def login() -> None:
    """Print the login of Airflow's web page."""
    console.print(f"{USER} {Secrets(settings_here().secrets).password()}", markup=False)


@app.command()
def mlflow() -> None:
    """Show MLflow's pages of the model registry, to look at, until Ctrl-C."""
    from headrace_launcher.services.registry_pages import show

    if code := show(settings_here(), lambda line: console.print(line, markup=False)):
        raise typer.Exit(code)


@app.command()
def env() -> None:
    """Write the settings and secrets that docker-compose.yml needs; what is there stays."""
    file = settings_here().project.root / ".env"
    written = ensure_env(file)
    folder = file.with_name(FOLDER)
    console.print(
        f"{folder}: {', '.join(written.made)} made" if written.made else f"{folder}: complete"
    )
    if written.moved:
        console.print(f"{file}: moved to {folder}: {', '.join(written.moved)}")
    if written.unread:
        console.print(
            f"{file}: nobody reads {', '.join(written.unread)}: {folder} has another value. Change "
            "the file there, and remove the line."
        )


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="The findings, for programs.")] = False,
) -> None:
    """Check where the lake is: object store or disk. The exit code is 1 when it must not be used."""
    from headrace_launcher.object_store.doctor import examine, lines  # heavy: SDKs of the store

    require_one_spark()
    report = examine(settings_here(), os.environ)
    if as_json:
        sys.stdout.write(f"{json.dumps(report.as_json(), indent=2)}\n")
    else:
        for line in lines(report):
            console.print(line)
    if report.is_bad:
        raise typer.Exit(1)


@app.command()
def fsck(
    tables: Annotated[
        list[str] | None,
        typer.Argument(help="As `silver.flights` or `quarantine.silver.flights`; without, all."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read all data, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The damages, for programs.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Move checkpoints aside that only readers need.")
    ] = False,
) -> None:
    """Check that no table of the lake has lost or changed rows. The exit code is 1 if one has."""
    from headrace_launcher.cli.fsck import examine, lines  # heavy: SDKs of the store

    progress = Progress(errors)
    with progress.shown():
        report = examine(settings_here(), tables or (), progress.doing, full=full, mend=repair)
    if as_json:
        sys.stdout.write(f"{json.dumps(report.as_json(), indent=2)}\n")
    else:
        for line in lines(report):
            console.print(line)
    if not report.checked.is_well:
        raise typer.Exit(1)


@app.command()
def provision(
    account: Annotated[Account | None, typer.Argument(help="Whose policy is printed.")] = None,
    print_policy: Annotated[
        bool, typer.Option("--print-policy", help="Print what ACCOUNT, or one for all, may do.")
    ] = False,
    wait: Annotated[float, typer.Option(help="Seconds that the store may take to start.")] = 60,
) -> None:
    """Make the lake's object store ready: buckets, encryption, accounts and their policies."""
    from headrace_launcher.object_store import provision as store_of  # heavy: SDKs of the store

    if account and not print_policy:
        raise typer.BadParameter("only --print-policy takes an account; all of them are made")
    store, login = store_of.asked_for(settings_here(), os.environ)
    if print_policy and store.locations:
        sys.stdout.write(f"{store_of.policy_text(store, login, account)}\n")
        return
    store_of.provision(
        store, login, lambda state, what: console.print(f"{state:<8} {what}", markup=False), wait
    )
    if store.locations and login.root is None and login.stages is None:
        sys.stdout.write(f"{store_of.policy_text(store, login)}\n")


@app.command()
def demo(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget lake, models and history first.")
    ] = False,
) -> None:
    """Replay the flagship's year through Airflow, then print its story and leave it all running."""
    from headrace_launcher.project import demo as flagship  # plots and tables: only here

    settings = settings_here()
    if fresh:
        down()
        flagship.forget(settings)
    up()
    replay = flagship.flagship(settings, flagship.running_api(settings))
    flagship.play(replay, console)
    story = flagship.show(replay, settings.home / "report", flagship.links(settings), console)
    console.print("All services go on running; `make down` stops them.")
    if story.unbalanced:
        raise typer.Exit(1)


@app.command()
def report() -> None:
    """Print the flagship's story so far and write its page."""
    from headrace_launcher.project import demo as flagship  # plots and tables: only here

    settings = settings_here()
    replay = flagship.flagship(settings, flagship.running_api(settings))
    flagship.show(replay, settings.home / "report", flagship.links(settings), console)


@app.command()
def validate(
    root: Annotated[Path | None, typer.Argument(help="Declarations folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What is wrong, for programs.")] = False,
    as_sarif: Annotated[
        bool,
        typer.Option("--sarif", help="The same as SARIF 2.1.0, for code scanning and editors."),
    ] = False,
) -> None:
    """Check all contracts, pipelines, models and transforms. The exit code is 1 if one is wrong."""
    from headrace_launcher.cli.validated import shown  # heavy: readers of SQL and JSON Schema

    if as_json and as_sarif:
        raise typer.BadParameter("--json and --sarif are two forms of the same; choose one")
    schemas = root or settings_here().schemas
    if not shown(schemas, as_json=as_json, as_sarif=as_sarif):
        raise typer.Exit(1)


@app.command()
def sbom() -> None:
    """Print what Headrace is made of, as a CycloneDX document: packages and jars with digests."""
    from headrace_launcher.sbom import bill_of_materials

    document = bill_of_materials(settings_here().project.root)
    sys.stdout.write(f"{json.dumps(document, indent=1)}\n")


@app.command("json-schemas")
def json_schemas(
    folder: Annotated[
        Path | None, typer.Argument(help="Without, where this package keeps its own.")
    ] = None,
) -> None:
    """Write the JSON Schemas by which editors check declarations."""
    from headrace_launcher.project.validate import KEPT, editor_schemas

    target = folder or KEPT
    target.mkdir(parents=True, exist_ok=True)
    for name, text in editor_schemas().items():
        (target / name).write_text(text, encoding="utf-8")
        console.print(str(target / name))


@app.command(hidden=True)
def supervise() -> None:
    """Be the supervisor; `headrace up` starts it in the background."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    settings = settings_here()
    java = ensure_java(os.environ)
    write_configuration(settings)
    stack.supervise(settings, lambda ports: declare(Stack(settings, ports, java)))


@jars_app.command("lock")
def lock_jars() -> None:
    """Resolve the jars again and write their lock."""
    progress = Progress(console)
    with progress.shown(), tempfile.TemporaryDirectory() as folder:
        java = ensure_java(os.environ)
        ivy_client(settings_here(), java, progress.doing).resolve(Path(folder))
        jars = write_lock(Path(folder))
    console.print(f"{len(jars)} jars in {LOCK}")


@jars_app.command("build")
def build_log_store() -> None:
    """Build the log store's jar anew, after its source was changed."""
    settings = settings_here()
    progress = Progress(console)
    with progress.shown():
        java = set_up(settings, os.environ, progress.doing)
        build(SOURCE, settings.jars, JAR, java.executable, spark_home() / "jars")
    console.print(str(JAR))


@jars_app.command("place")
def place_all_jars(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
) -> None:
    """Put all jars that Spark needs besides its own into a folder, as an image's build does."""
    progress = Progress(console)
    with progress.shown():
        java = ensure_java(os.environ)
        count = place_jars(settings_here(), java, folder.absolute(), progress.doing)
    console.print(f"{count} jars in {folder}")


def _follow(log: Path) -> None:
    with log.open(errors="replace") as file:
        file.seek(0, os.SEEK_END)
        while True:
            if line := file.readline():
                sys.stdout.write(line)
            else:
                sys.stdout.flush()
                time.sleep(0.5)
