"""Every sentence of SECURITY.md that promises something has tests, and they exist."""

import ast
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

PROOF = {
    # Whom Headrace trusts
    "writes `schemas/`": [
        "jobs/test_derive.py::test_sql_file_makes_the_table_when_it_is_the_transform"
    ],
    "may log in to Airflow": [
        "cluster/test_roles.py::test_role_does_what_is_declared_when_it_tries",
        "cluster/test_roles.py::test_viewer_changes_nothing_when_every_route_is_tried",
        "e2e/test_real_scheduler.py::test_form_refuses_a_value_when_it_is_not_allowed",
    ],
    "delivers files": [
        "jobs/test_deliveries.py::test_checked_bytes_are_read_when_the_file_is_exchanged_meanwhile",
        "jobs/test_deliveries.py::test_link_is_refused_when_it_leads_out_of_the_landing_root",
        "jobs/test_gate_page.py::test_nothing_acts_when_names_and_texts_are_hostile",
        "cluster/test_doors.py::test_the_spark_that_reads_deliveries_cannot_write_a_table",
    ],
    "another user of the same machine": [
        "e2e/test_doors.py::test_every_port_asks_for_a_secret",
        "cluster/test_doors.py::test_every_port_asks_for_a_secret",
        "e2e/test_doors.py::test_another_account_reads_changes_and_reaches_nothing",
    ],
    "a page in the browser": [
        "jobs/test_registry_pages.py::test_everybody_else_is_refused",
        "plugins/test_records.py::test_record_is_not_shown_when_another_page_frames_it",
    ],
    "the object store": [
        "lake/test_damage.py::test_data_file_is_named_when_any_bit_of_its_pages_was_flipped",
        "jobs/test_registry.py::test_a_model_is_refused_when_one_byte_was_changed",
    ],
    "who can write to the lake": [
        "launcher/test_account_attacks.py::"
        "test_a_loading_job_changes_nothing_of_others_when_each_stage_has_its_account",
    ],
    # What holds where
    "The embedded default listens on loopback": [
        "launcher/test_services.py::test_every_address_is_loopback"
    ],
    "Airflow asks for its login": [
        "e2e/test_real_scheduler.py::test_nothing_is_served_when_nobody_is_logged_in",
        "cluster/test_roles.py::test_tasks_interface_answers_tasks_only",
    ],
    "Spark Connect takes a token": [
        "launcher/test_connect_secret.py::test_nobody_is_told_when_another_process_holds_the_port",
        "jobs/test_doors.py::test_an_answer_is_not_believed_when_the_server_lacks_the_proof",
    ],
    "Spark's own ports": [
        "jobs/test_doors.py::test_a_stranger_reaches_a_driver_that_asks_for_no_secret",
        "jobs/test_doors.py::test_a_stranger_does_not_reach_the_driver",
    ],
    "The registry has no port": ["e2e/test_doors.py::test_every_port_asks_for_a_secret"],
    "The state directory": [
        "e2e/test_doors.py::test_another_account_reads_changes_and_reaches_nothing",
        "launcher/test_secrets.py::test_only_the_owner_can_read_when_made",
        "cluster/test_two_months.py::test_no_secret_is_where_people_or_programs_can_read_it",
    ],
    "Only folders that Headrace made": [
        "launcher/test_ownership.py::test_nothing_is_forgotten_when_a_folder_is_somebody_elses",
        "launcher/test_ownership.py::test_jars_are_not_replaced_when_something_else_lies_beside_them",
    ],
    "Load and gate": [
        "cluster/test_doors.py::test_the_spark_that_reads_deliveries_cannot_write_a_table",
        "cluster/test_doors.py::test_no_other_stage_can_change_what_is_published",
        "launcher/test_account_attacks.py::test_what_is_published_is_removed_by_maintenance_alone",
    ],
    "Each service sees the secrets": [
        "launcher/test_compose_env.py::test_every_service_has_the_secrets_that_it_reads_and_no_others",
        "launcher/test_compose_env.py::"
        "test_executors_and_the_store_reach_neither_database_nor_airflow",
    ],
    "are XGBoost's own format": [
        "jobs/test_train.py::test_manifest_is_plain_json_when_read_by_others"
    ],
    "Nothing is unpickled": [
        "docs/test_security.py::test_nothing_of_the_product_unpickles",
        "jobs/test_registry.py::test_a_model_is_refused_when_bytes_and_manifest_were_both_exchanged",
    ],
    "A publish whose table": [
        "plugins/test_tables.py::test_publish_fails_for_good_and_tells_nobody_when_its_table_is_damaged",
        "plugins/test_models.py::"
        "test_training_fails_for_good_and_starts_nothing_when_its_table_is_damaged",
        "plugins/test_maintenance.py::test_lake_is_read_as_a_whole_and_damage_fails_the_task",
    ],
    "Versions that a model": [
        "plugins/test_maintenance.py::test_versions_that_models_and_people_need_are_pinned",
        "plugins/test_maintenance.py::test_versions_that_running_jobs_read_are_pinned",
        "jobs/test_maintain.py::"
        "test_history_and_pins_keep_and_the_rest_goes_when_a_lake_is_three_years_old",
    ],
    "A gate's record and the report": [
        "jobs/test_gate_page.py::test_nothing_acts_when_names_and_texts_are_hostile",
        "launcher/test_report.py::test_page_does_nothing_when_names_and_reasons_are_hostile",
    ],
    "MLflow's pages": [
        "jobs/test_registry_pages.py::test_everybody_else_is_refused",
        "jobs/test_registry_pages.py::test_nothing_is_changed_by_who_looks",
    ],
    "`make sbom` writes": [
        "launcher/test_sbom.py::test_packages_and_jars_are_named_with_their_digests"
    ],
    "In a project of your own": [
        "launcher/test_sbom.py::test_packages_and_jars_are_named_with_their_digests",
        "launcher/test_sbom.py::test_installed_packages_and_jars_are_named_when_the_project_has_no_lock",
    ],
    "The environment is installed": [
        "launcher/test_jars.py::test_nothing_is_placed_when_a_fetched_jar_has_other_bytes"
    ],
}
"""How a sentence begins → the tests of what it says."""


def sentences() -> list[str]:
    """Rows of the table, and sentences of the other sections that promise."""
    text = (PROJECT / "SECURITY.md").read_text()
    sections = dict(
        re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    )
    rows = re.findall(r"^\| (.*?) \|$", sections["Whom Headrace trusts"], flags=re.MULTILINE)
    prose = sections["What holds where"] + sections["What it is made of"]
    prose = re.sub(r"^- (\*\*.*?\*\*)?", "\n\n", prose, flags=re.MULTILINE)
    paragraphs = [" ".join(one.split()) for one in prose.split("\n\n")]
    found = [part for one in paragraphs for part in re.split(r"(?<=[.:]) (?=[A-Z`])", one) if part]
    return [one for one in rows if not one.startswith("who |")] + found


@pytest.mark.parametrize("sentence", sentences())
def test_sentence_has_its_test(sentence: str) -> None:
    proofs = [tests for start, tests in PROOF.items() if sentence.startswith(start)]
    assert len(proofs) == 1, sentence
    for proof in proofs[0]:
        file, _, name = proof.partition("::")
        module = ast.parse((PROJECT / "tests" / file).read_text())
        assert name in {one.name for one in module.body if isinstance(one, ast.FunctionDef)}, proof


def test_no_proof_is_of_a_sentence_that_is_gone() -> None:
    said = sentences()
    assert [one for one in PROOF if not any(two.startswith(one) for two in said)] == []


def test_nothing_of_the_product_unpickles() -> None:
    """Loading by any of these runs code that the bytes name."""
    loads = re.compile(
        r"\b(cloud)?pickle\b|\bjoblib\b|torch\.load|pyfunc\.load_model|PipelineModel\.load|SparkXGB\w*Model\.load"
    )
    sources = [
        file
        for folder in ("jobs", "plugins", "lake", "schemas", "launcher", "dags")
        for file in (PROJECT / folder).rglob("*.py")
    ]
    assert len(sources) > 100
    found = [
        f"{file}: {line}"
        for file in sources
        for line in file.read_text().splitlines()
        if loads.search(line) and ("import" in line or "load" in line)
    ]
    assert found == []
