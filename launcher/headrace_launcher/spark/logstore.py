"""Headrace's one Java class, by which Delta commits to S3: its source, and the jar built from it.

The jar is part of the package, so that set-up builds nothing. It is built anew where the source
changes: Janino, which Spark uses for its queries, is among Spark's jars and compiles this class too,
so that nobody needs a Java compiler.
"""

import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headrace_launcher.errors import JarNotBuilt

SOURCE = Path(__file__).with_name("ConditionalS3LogStore.java")
JAR = Path(__file__).with_name("headrace-logstore.jar")

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every entry, so that one source gives one jar: the first that a zip file can say."""

MANIFEST = "Manifest-Version: 1.0\r\n\r\n"


def build(source: Path, locked: Path, jar: Path, java: Path, spark_jars: Path) -> None:
    """Build the jar; the same source gives the same bytes.

    Args:
        source: The class's source.
        locked: A folder with the locked jars.
        jar: The file that is written.
        java: The `java` that runs the compiler.
        spark_jars: Spark's own jars.

    Raises:
        JarNotBuilt: The compiler refuses the source, or does not start.
    """
    with tempfile.TemporaryDirectory(prefix="headrace-classes-") as scratch:
        classpath = [*spark_jars.glob("hadoop-client-*.jar"), *locked.glob("delta-storage-*.jar")]
        compile_java(source, Path(scratch), classpath, java, spark_jars)
        pack(Path(scratch), jar)


def compile_java(
    source: Path, classes: Path, classpath: Sequence[Path], java: Path, spark_jars: Path
) -> None:
    """Compile one source file into a folder of classes.

    Raises:
        JarNotBuilt: The compiler refuses it, or does not start.
    """
    # Not above, as it comes with Spark; it has no types.
    from py4j.protocol import Py4JError, Py4JJavaError  # type: ignore[import-untyped]

    try:
        with _compiler_process(java, spark_jars) as gateway:
            compiler = gateway.jvm.org.codehaus.janino.CompilerFactory().newCompiler()
            compiler.setClassPath(_files(gateway, classpath))
            compiler.setDestinationDirectory(gateway.jvm.java.io.File(str(classes)), False)
            try:
                compiler.compile(_files(gateway, [source]))
            except Py4JJavaError as error:  # ends with the process that it has to be asked of
                problem = str(error.java_exception.getMessage()).splitlines()[0]
                raise JarNotBuilt(str(source), problem) from error
    except (Py4JError, OSError, ValueError) as error:  # ValueError: it ended without a port
        raise JarNotBuilt(str(source), f"{java} did not run the compiler ({error})") from error


def pack(classes: Path, jar: Path) -> None:
    """Put a folder of classes into a jar; the same classes give the same bytes."""
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_entry("META-INF/MANIFEST.MF"), MANIFEST)
        for path in sorted(classes.rglob("*.class")):
            archive.writestr(_entry(path.relative_to(classes).as_posix()), path.read_bytes())


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.create_system = 3  # Unix, wherever this runs
    entry.external_attr = 0o644 << 16
    return entry


@contextmanager
def _compiler_process(java: Path, spark_jars: Path) -> Iterator[Any]:
    """A Java process with the compiler on its class path; it obeys this process only."""
    from py4j.java_gateway import JavaGateway  # type: ignore[import-untyped]  # as above

    compiler = [
        jar for name in ("janino", "commons-compiler") for jar in spark_jars.glob(f"{name}-*")
    ]
    gateway = JavaGateway.launch_gateway(
        classpath=":".join(str(jar) for jar in compiler),
        jarpath=str(next(spark_jars.glob("py4j-*.jar"), "")),
        java_path=str(java),
        die_on_exit=True,
        enable_auth=True,
    )
    try:
        yield gateway
    finally:
        gateway.shutdown()
        gateway.java_process.stdin.close()
        gateway.java_process.wait()


def _files(gateway: Any, paths: Sequence[Path]) -> Any:
    """The paths as Java's `File[]`."""
    array = gateway.new_array(gateway.jvm.java.io.File, len(paths))
    for index, path in enumerate(paths):
        array[index] = gateway.jvm.java.io.File(str(path))
    return array
