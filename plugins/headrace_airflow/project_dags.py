"""All Dags of a project, for the one Dag file that it needs."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from airflow.sdk import DAG, get_parsing_context

from headrace_airflow.builders import holds, maintenance, models, tables
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.project import Project


def project_dags(dag_file: str) -> dict[str, DAG]:
    """The Dags of the project that a Dag file lies in, by their ids.

    A task's process asks for its own Dag only, and gets no other.

    Raises:
        ProjectMissing: The file lies in no project.
        DeclarationInvalid: Something is wrong with its declarations.
    """
    project = Project.around(Path(dag_file))
    project.use()
    wanted = get_parsing_context().dag_id
    return {
        dag_id: build()
        for dag_id, build in builders(Catalog.load(project.schemas))
        if wanted is None or wanted == dag_id
    }


def builders(catalog: Catalog) -> Iterator[tuple[str, Callable[[], DAG]]]:
    """The id of each Dag of a catalogue, and what builds it."""
    for build in catalog.builds.values():
        yield build.name, partial(tables.table_dag, catalog, build)
        yield f"rebuild.{build.name}", partial(tables.rebuild_dag, catalog, build)
    for pipeline in catalog.pipelines.values():
        dag_id = f"maintain.{pipeline.name}"
        yield dag_id, partial(maintenance.pipeline_maintenance_dag, catalog, pipeline)
    yield maintenance.MODELS, partial(maintenance.models_maintenance_dag, catalog)
    for model in catalog.models.values():
        yield f"score.{model.name}", partial(models.score_dag, catalog, model)
        yield f"monitor.{model.name}", partial(models.monitor_dag, catalog, model)
        yield f"retrain.{model.name}", partial(models.retrain_dag, catalog, model)
        yield f"train.{model.name}", partial(models.train_dag, catalog, model)
        yield f"release.{model.name}", partial(holds.release_dag, catalog, model)
        if model.approval == "required":
            yield f"promote.{model.name}", partial(models.promote_dag, catalog, model)
