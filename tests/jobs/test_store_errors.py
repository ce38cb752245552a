"""What is said when an object store does not do what it is asked: which store, which object, why."""

import pytest

from headrace_jobs.engine.errors import EngineLost, is_lost, job_error, raise_if_lost

ENDPOINT = "http://127.0.0.1:9000"
S3 = "software.amazon.awssdk.services.s3.model.S3Exception"
TRACE = "[TASK_WRITE_FAILED] Task failed while writing rows to s3a://lake/t.\n\nJVM stacktrace:\n\tat a.b(C.java:1)\nCaused by: "

TEXTS = {
    "busy": (
        f"{TRACE}org.apache.hadoop.fs.s3a.AWSServiceThrottledException: Writing Object on t/p=a%20b/one.parquet: "
        f"{S3}: Reduce your request rate. (Service: S3, Status Code: 503, Request ID: null)",
        "does not do what it is asked for t/p=a%20b/one.parquet (status 503)",
    ),
    "reset": (
        f"{TRACE}java.net.SocketException: Writing Object on t/one.parquet: software.amazon.awssdk.core."
        "exception.SdkClientException: Unable to execute HTTP request: Connection reset (SDK Attempt Count: 2)",
        "does not do what it is asked for t/one.parquet (Connection reset)",
    ),
    "unknown": (
        "(java.io.IOException) commit outcome unknown: s3a://lake/t/_delta_log/1.json cannot be read back",
        "commit outcome unknown: s3a://lake/t/_delta_log/1.json can be neither written nor read back",
    ),
    "arrow": (
        "When getting information for key 'a b.csv' in bucket 'lake': AWS Error UNKNOWN (HTTP status 503) "
        "during HeadObject operation: No response body.",
        "does not do what it is asked for lake/a b.csv (status 503)",
    ),
    "clock": (
        f"{TRACE}java.nio.file.AccessDeniedException: t/one.parquet: Writing Object on t/one.parquet: {S3}: "
        "The difference between the request time and the server's time is too large. (Service: S3, Status Code: 403)",
        "refuses a request for t/one.parquet (RequestTimeTooSkewed). This machine's clock is not the store's",
    ),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_store_and_object_are_named_when_the_store_is_what_is_wrong(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", ENDPOINT)
    text, said = TEXTS[kind]
    error = OSError(text)
    assert is_lost(error)  # says nothing about a rule, a file or a row
    with pytest.raises(EngineLost) as kept:
        raise_if_lost(text)
    for one in (error, kept.value):
        found = job_error(one, "here")
        assert (found.type, found.retryable) == ("EngineUnavailable", True)
        assert found.message.startswith(f"object store at {ENDPOINT}: {said}")


def test_error_stays_what_it_is_when_it_is_about_something_else() -> None:
    error = OSError("AWS Error ACCESS_DENIED during PutObject operation: key 'a' in bucket 'b'")
    assert not is_lost(error)
    assert job_error(error, "here").type == "OSError"


def test_job_is_tried_again_when_java_is_no_more() -> None:
    found = job_error(ConnectionRefusedError(111, "Connection refused"), "local[2]")
    assert (found.type, found.retryable) == ("EngineUnavailable", True)
