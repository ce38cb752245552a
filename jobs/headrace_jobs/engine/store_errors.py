"""What an error says of an object store that does not do what it is asked, whoever asked.

Hadoop asks for Spark, Arrow for the jobs themselves, boto3 for the registry. What they say may lie
deep within another's error: all of its text is looked at, and that of its causes.
"""

import os
import re

from headrace_schemas.errors import EngineUnavailable

AWAY = re.compile(
    r"AWSServiceThrottledException|AWSStatus5\d\dException|AWSApiCallTimeoutException"
    r"|HttpTimeoutIOException|AWSNoResponseException|Unable to execute HTTP request"
    r"|AWS Error (NETWORK_CONNECTION|SLOW_DOWN|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|REQUEST_TIMEOUT)"
    r"|AWS Error \w+ \(HTTP status 5\d\d\)"
    r"|An error occurred \((SlowDown|ServiceUnavailable|InternalError|5\d\d)\)"
    r"|Could not connect to the endpoint URL|Connection was closed before we received"
    r"|(Read|Connect) timeout on endpoint URL"
)
"""The store is away or busy, or something on the way to it is. It was asked several times."""

UNKNOWN = re.compile(r"commit outcome unknown: (\S+)")
"""What our log store says when it can neither commit nor find out whether it has."""

SKEWED = re.compile(r"RequestTimeTooSkewed|difference between the request time and the server")

PLACES = (
    re.compile(r"\bon (\S+?): (?=software\.amazon|java\.|org\.)"),
    re.compile(r"to key '(?P<key>[^']+)' in bucket '(?P<bucket>[^']+)'"),
    re.compile(r"key '(?P<key>[^']+)' in bucket '(?P<bucket>[^']+)'"),
    re.compile(r"(s3a?://[^\s'\":,]+)"),
)
"""The object that was asked for, as Hadoop, Arrow and Spark name it."""

REASONS = (
    re.compile(r"Unable to execute HTTP request: ([^(:\n]+)"),
    re.compile(r"Status Code: (\d+)"),
    re.compile(r"HTTP status (\d+)"),
    re.compile(r"AWS Error (\w+)"),
    re.compile(r"An error occurred \((\w+)\)"),
)


def store_unavailable(error: BaseException) -> EngineUnavailable | None:
    """The error that names the store and the object, if a store is what was wrong."""
    text = whole_text(error)
    if found := SKEWED.search(text):
        problem = f"refuses a request for {place(text, found)} (RequestTimeTooSkewed)"
    elif unknown := UNKNOWN.search(text):
        problem = f"commit outcome unknown: {unknown[1]} can be neither written nor read back"
    elif found := AWAY.search(text):
        problem = f"does not do what it is asked for {place(text, found)} ({reason(text, found)})"
    else:
        return None
    return EngineUnavailable("object store", os.environ.get("AWS_ENDPOINT_URL") or "AWS", problem)


def is_store_away(text: str) -> bool:
    """Whether a text of anybody tells that a store does not do what it is asked."""
    return any(pattern.search(text) for pattern in (AWAY, UNKNOWN, SKEWED))


def whole_text(error: BaseException) -> str:
    """An error's text and those of its causes."""
    own = str(getattr(error, "text", error))
    return own if error.__cause__ is None else f"{own}\n{whole_text(error.__cause__)}"


def line_at(text: str, found: re.Match[str]) -> str:
    """The line that something was found in."""
    start = text.rfind("\n", 0, found.start()) + 1
    return text[start:].split("\n", 1)[0]


def place(text: str, found: re.Match[str]) -> str:
    """The object that the line is about, or else the first that the text names."""
    for excerpt in (line_at(text, found), text):
        for pattern in PLACES:
            if named := pattern.search(excerpt):
                groups = named.groupdict()
                return f"{groups['bucket']}/{groups['key']}" if groups else named[1]
    return "an object"


def reason(text: str, found: re.Match[str]) -> str:
    """In a few words why; the error's name without any."""
    line = line_at(text, found)
    cause = next(
        (match[1].strip() for pattern in REASONS if (match := pattern.search(line))), found[0]
    )
    return f"status {cause}" if cause.isdecimal() else cause
