"""What can go wrong between a fresh checkout and running services."""

from collections.abc import Sequence

from headrace_schemas.errors import SHOWN, HeadraceError, listed


class LockInvalid(HeadraceError, ValueError):
    """A line of a lock file that does not name one jar and its checksum."""

    def __init__(self, file: str, line: int, text: str) -> None:
        super().__init__(
            f"{file}:{line}: `{text}` is not `organisation:name:version sha256`. "
            "Write the file again with `headrace jars lock`.",
            file=file,
            line=line,
            text=text,
        )


class JarRefused(HeadraceError):
    """A fetched jar whose bytes are not those of the lock."""

    def __init__(self, coordinates: str, expected: str, found: str) -> None:
        super().__init__(
            f"jar {coordinates}: sha256 is {found}, the lock says {expected}. It is not used. "
            "Try again; if it stays so, the repository serves other bytes than those that were "
            "locked: find out why before `headrace jars lock` accepts them.",
            coordinates=coordinates,
            expected=expected,
            found=found,
        )


class JarsUnavailable(HeadraceError, ConnectionError):
    """The repository did not give all the jars that were asked for."""

    retryable = True

    def __init__(self, missing: Sequence[str], report: str) -> None:
        super().__init__(
            f"jars: {len(missing)} could not be fetched: {listed(missing)}. Look at the network "
            "and try again, or name your own mirror: HEADRACE_IVY_SETTINGS=<ivysettings.xml>. "
            f"Ivy said: {report}",
            missing=list(missing),
            report=report,
        )

    __str__ = Exception.__str__  # OSError would show errno and filename


class JarNotBuilt(HeadraceError):
    """A source of Headrace's own from which no jar could be made."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(
            f"{source}: no jar could be built from it: {problem}.",
            source=source,
            problem=problem,
        )


class FilesDiffer(HeadraceError, FileExistsError):
    """Files that a command would write are there, and say something else."""

    def __init__(self, folder: str, files: Sequence[str]) -> None:
        super().__init__(
            f"{folder}: {listed(files)} would be replaced: what is there says something else. Nothing "
            "is written. Commit your own changes, replace all with --force, and take back by version "
            "control what should stay.",
            folder=folder,
            files=list(files),
        )

    __str__ = Exception.__str__  # OSError would show errno and filename


class FolderNotEmpty(HeadraceError, FileExistsError):
    """A folder that would have to be replaced, with what somebody else has put there."""

    def __init__(self, folder: str, found: Sequence[str]) -> None:
        super().__init__(
            f"{folder} holds {listed(found)}. Its whole content would be replaced: name a new "
            "folder, or empty this one first.",
            folder=folder,
            found=list(found[:SHOWN]),
        )

    __str__ = Exception.__str__  # OSError would show errno and filename


class FolderForeign(HeadraceError, FileExistsError):
    """A folder with something in it that Headrace did not make: nothing of it is touched."""

    def __init__(self, folder: str, found: Sequence[str]) -> None:
        holds = f"holds {listed(found)} and " if found else ""
        super().__init__(
            f"{folder} {holds}was not made by Headrace, which would replace or remove what is in it. "
            "Nothing was changed: name a new or empty folder (HEADRACE_HOME), or empty this one.",
            folder=folder,
            found=list(found[:SHOWN]),
        )

    __str__ = Exception.__str__  # OSError would show errno and filename


class FolderOccupied(HeadraceError, FileExistsError):
    """A place for a new project at which something is already."""

    def __init__(self, folder: str, found: Sequence[str]) -> None:
        super().__init__(
            f"{folder} {f'holds {listed(found)}' if found else 'is no folder'}. Nothing was written: "
            "name a new or empty folder, --into FOLDER.",
            folder=folder,
            found=list(found[:SHOWN]),
        )

    __str__ = Exception.__str__  # OSError would show errno and filename


class ProjectNameUnfit(HeadraceError, ValueError):
    """A name that no project can have."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(
            f"{name}: {problem}. Choose another name, such as my-shop.",
            name=name,
            problem=problem,
        )


class ExampleMissing(HeadraceError, LookupError):
    """An example for a new project that is not here."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"example {name} is not installed. Here are: {', '.join(known)}. Install it: "
            f"pip install headrace-example-{name}",
            name=name,
            known=list(known),
        )


class ToolMissing(HeadraceError):
    """A program that a command needs and that is not here."""

    def __init__(self, tool: str, advice: str) -> None:
        super().__init__(f"{tool}: it is not here. {advice}.", tool=tool, advice=advice)


class JavaMissing(HeadraceError):
    """No Java that Spark can use, and none could be installed without asking."""

    def __init__(self, accepted: Sequence[int], found: Sequence[str], reason: str) -> None:
        others = f" Found, but not usable: {listed(found)}." if found else ""
        versions = " or ".join(str(version) for version in accepted)
        super().__init__(
            f"java: Spark needs Java {versions}, and {reason}.{others} Install it "
            "(Debian, Ubuntu: `sudo apt-get install openjdk-17-jre-headless`; macOS: "
            "`brew install openjdk@17`) or set JAVA_HOME.",
            accepted=list(accepted),
            found=list(found),
            reason=reason,
        )


class ServiceFailed(HeadraceError):
    """A service that did not become ready."""

    def __init__(self, service: str, problem: str, log: str, last_lines: Sequence[str]) -> None:
        end = "".join(f"\n    {line}" for line in last_lines)
        super().__init__(
            f"{service}: {problem}. Its log: {log}{', which ends with:' if end else ''}{end}",
            service=service,
            problem=problem,
            log=log,
        )


class UnknownService(HeadraceError, KeyError):
    """A service name that does not exist."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"service {name} is not known. Services: {', '.join(known)}.",
            name=name,
            known=list(known),
        )

    __str__ = Exception.__str__  # KeyError would show the quoted repr


class TableVersionUnknown(HeadraceError, LookupError):
    """A version of a table that cannot be held, or is not."""

    def __init__(self, table: str, version: int, problem: str) -> None:
        super().__init__(
            f"{table}: version {version}: {problem}. `headrace pins` lists what is kept.",
            table=table,
            version=version,
            problem=problem,
        )


class FolderTaken(HeadraceError, PermissionError):
    """A folder for sockets that somebody else made: they could answer in our place."""

    def __init__(self, folder: str) -> None:
        super().__init__(
            f"{folder} belongs to another user. Remove it, or set HEADRACE_HOME to a shorter path: "
            "then the sockets lie in the home.",
            folder=folder,
        )

    __str__ = Exception.__str__  # OSError would show errno and filename


class FolderMissing(HeadraceError, FileNotFoundError):
    """A folder that was named and is not there."""

    def __init__(self, folder: str, purpose: str) -> None:
        super().__init__(
            f"{folder}: there is no such folder, and {purpose}.", folder=folder, purpose=purpose
        )

    __str__ = Exception.__str__  # OSError would show errno and filename


class DeliveriesMissing(HeadraceError, LookupError):
    """A project that has no deliveries of its own, and none were named."""

    def __init__(self, project: str) -> None:
        super().__init__(
            f"project {project} declares no deliveries. Name a folder of files: headrace replay "
            '--from FOLDER. Or give `deliveries = "module:function"` in [tool.headrace]: a function '
            "that writes them into a folder.",
            project=project,
        )


class DeliveriesInvalid(HeadraceError, ValueError):
    """A function for deliveries that cannot be called."""

    def __init__(self, project: str, declared: str, problem: str) -> None:
        super().__init__(
            f"project {project}: deliveries `{declared}` cannot be called: {problem}. Name a function "
            "as `module:function`, in one of the project's packages.",
            project=project,
            declared=declared,
            problem=problem,
        )


class NothingDelivered(HeadraceError, LookupError):
    """A folder of deliveries in which no table of a pipeline finds a file."""

    def __init__(self, folder: str, pipeline: str, patterns: Sequence[str]) -> None:
        super().__init__(
            f"{folder}: no file is for pipeline {pipeline}, which takes {listed(patterns)} between "
            "its `start` and `end`. Lay the files out as `source.files` says.",
            folder=folder,
            pipeline=pipeline,
            patterns=list(patterns),
        )


class UnknownName(HeadraceError, KeyError):
    """A name on the command line under which nothing is declared."""

    def __init__(self, kind: str, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"{kind} {name} is not declared. Declared: {listed(known) or 'none'}.",
            kind=kind,
            name=name,
            known=list(known),
        )

    __str__ = Exception.__str__  # KeyError would show the quoted repr


class PartitionAsked(HeadraceError, ValueError):
    """A partitioned table of which no partition is named that it can have."""

    def __init__(self, table: str, unit: str, example: str, problem: str) -> None:
        super().__init__(
            f"{table}: {problem}. It is built {unit} by {unit}: name one like {example} with "
            "--partition, or say --all.",
            table=table,
            unit=unit,
            problem=problem,
        )


class NothingToRun(HeadraceError, LookupError):
    """A table of which no partition can be built."""

    def __init__(self, table: str, landing: str) -> None:
        super().__init__(
            f"{table}: there is no partition to build: nothing was delivered below {landing}, or its "
            "inputs have published none. Deliver files, or say --with-inputs.",
            table=table,
            landing=landing,
        )


class TableBusy(HeadraceError, RuntimeError):
    """A table that Airflow builds at this moment."""

    retryable = True

    def __init__(self, table: str, run: str) -> None:
        super().__init__(
            f"{table}: Airflow's run {run} of it is under way. A table has one writer at a time: wait "
            "until the run has ended.",
            table=table,
            run=run,
        )


class UpgradeFailed(HeadraceError, RuntimeError):
    """A version of Headrace that could not be installed for a look, or does not answer."""

    def __init__(self, version: str, command: str, output: str) -> None:
        super().__init__(
            f"headrace {version}: `{command}` did not succeed. It said: {output}",
            version=version,
            command=command,
        )


class NotRunning(HeadraceError):
    """A command that needs the services, which are not up."""

    def __init__(self, home: str) -> None:
        super().__init__(f"Nothing runs for {home}. Start it: headrace up", home=home)


class SettingInvalid(HeadraceError, ValueError):
    """An environment variable whose value cannot be used."""

    def __init__(self, name: str, value: str, advice: str) -> None:
        super().__init__(
            f"{name}: `{value}` cannot be used. {advice}.", name=name, value=value, advice=advice
        )


class SettingMissing(HeadraceError):
    """Environment variables without which a command cannot do its work."""

    def __init__(self, names: Sequence[str], purpose: str) -> None:
        super().__init__(
            f"{' and '.join(names)}: not set, but needed {purpose}.",
            names=list(names),
            purpose=purpose,
        )


class ObjectStoreUnavailable(HeadraceError, ConnectionError):
    """The object store did not answer in time."""

    retryable = True

    def __init__(self, endpoint: str, seconds: float, problem: str) -> None:
        super().__init__(
            f"{endpoint}: not ready after {seconds:.0f} s: {problem}. Start the object store, or "
            "correct AWS_ENDPOINT_URL.",
            endpoint=endpoint,
            seconds=seconds,
            problem=problem,
        )

    __str__ = Exception.__str__  # OSError would show errno and filename


class ObjectStoreRefused(HeadraceError):
    """The object store did not do what provisioning needs."""

    def __init__(self, endpoint: str, what: str, reason: str, advice: str) -> None:
        super().__init__(
            f"{endpoint}: {what}: {reason}. {advice}.",
            endpoint=endpoint,
            what=what,
            reason=reason,
            advice=advice,
        )


class BacktestFailed(HeadraceError):
    """A backtest whose job reported an error."""

    def __init__(self, model: str, type: str, problem: str, log: str) -> None:
        super().__init__(
            f"model {model}: {type}: {problem} Its log: {log}.",
            model=model,
            type=type,
            problem=problem,
            log=log,
        )
