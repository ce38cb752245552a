"""The record of a gate: Great Expectations' result as JSON, and one page for people."""

import json
from typing import Any

import great_expectations
from great_expectations.core import ExpectationSuiteValidationResult

from headrace_jobs.lake import files
from headrace_jobs.tables import gate_page
from headrace_jobs.tables.gate_page import GateFindings
from headrace_schemas.batch import Batch
from headrace_schemas.rules.rule import Severity
from headrace_schemas.wire.table_jobs import GateSpec

RESULT = "result.json"
PAGE = "index.html"


def write(spec: GateSpec, findings: GateFindings) -> str:
    """Write both files below the spec's record folder; its URI."""
    result = suite_result(spec, findings)
    text = json.dumps(result.to_json_dict(), indent=1, sort_keys=True)
    files.write_text(spec.record_uri, RESULT, text)
    files.write_text(spec.record_uri, PAGE, gate_page.render(spec, findings))
    return spec.record_uri


def suite_result(spec: GateSpec, findings: GateFindings) -> ExpectationSuiteValidationResult:
    """One result of both suites: row rules on readable rows, table rules on those that pass."""
    batch = Batch(table=spec.contract.name, partition=spec.partition)
    found = findings.checked
    held = sum(result.holds for result in found)
    meta: dict[str, Any] = {
        "great_expectations_version": great_expectations.__version__,
        "batch_spec": {"data_asset_name": spec.contract.name, "batch": batch.key},
        "contract": {"name": spec.contract.name, "version": spec.contract.version},
        "verdict": findings.verdict,
        "counts": findings.counts.model_dump(),
        "warnings": {
            failure.rule: failure.failed
            for failure in findings.failures
            if failure.severity == Severity.WARNING
        },
        "run_id": {"run_name": spec.run_id},
    }
    if spec.as_of is not None:
        meta["run_id"]["run_time"] = spec.as_of.isoformat()
    return ExpectationSuiteValidationResult(
        success=held == len(found),
        results=[result.result for result in found],
        suite_name=f"{spec.contract.name} {batch}",
        meta=meta,
        statistics={
            "evaluated_expectations": len(found),
            "successful_expectations": held,
            "unsuccessful_expectations": len(found) - held,
            "success_percent": 100 * held / len(found) if found else None,
        },
    )
