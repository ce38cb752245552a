"""Formats in which files are delivered: Headrace's own, and those of installed extensions."""

from dataclasses import dataclass

from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.declarations.extension_options import NoOptions
from headrace_schemas.extensions import Extensions


@dataclass(frozen=True)
class SourceFormat:
    """A way to read one delivered file.

    Attributes:
        name: As `source.format` of a pipeline has it.
        options: What `source.options` may say.
        read: `module:function` of `read(spark, file, options) -> DataFrame`, imported in Spark's
            driver only. `file` is the URI of a checked copy, `options` of the class above; columns
            are named as the contract's. Empty for Headrace's own, which read many files together.
    """

    name: str
    options: type[Frozen] = NoOptions
    read: str = ""


SOURCES: Extensions[SourceFormat] = Extensions(
    "headrace.sources", SourceFormat, (SourceFormat("csv"), SourceFormat("parquet"))
)
