"""Who may do what in Airflow on a cluster: the one declaration of roles.

A role is a set of capabilities, a capability the permissions that Airflow's FAB auth manager asks for
it. What changes a Dag or its runs needs a permission on that very Dag: it is granted by the Dag's
kind, so that nobody but an admin may touch a Dag that names none. `headrace_airflow.access.database`
writes all this into Airflow's database; the Dag builders only name the kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Permission = tuple[str, str]
"""An action and what it is done to, in FAB's words."""

MENU, READ, CREATE, EDIT = "menu_access", "can_read", "can_create", "can_edit"

DAGS, RUNS = "DAGs", "DAG Runs"
"""The two resources that FAB also knows per Dag."""

ADMIN = "admin"
"""The role that holds every permission there is."""


class DagKind(StrEnum):
    """What a Dag's runs bring about, which decides who may start them."""

    PIPELINE = "pipeline"
    """Batches, predictions and measurements: doing one again changes nothing."""
    TRAINING = "training"
    """A new model, which may serve at once."""
    APPROVAL = "approval"
    """A person's answer: whether a model may serve, whether held rows may be learnt from."""


@dataclass(frozen=True, eq=False)  # each is itself, and no other
class Capability:
    """Something a person may do.

    Attributes:
        text: What it is, as the reference page says.
        everywhere: Permissions that hold for all Dags, or have nothing to do with Dags.
        on: Permissions on each Dag of a kind: actions by resource.
    """

    text: str
    everywhere: frozenset[Permission] = frozenset()
    on: Mapping[DagKind, Mapping[str, frozenset[str]]] = field(default_factory=dict)


CHANGE = {DAGS: frozenset({EDIT})}
START_AND_CHANGE = {DAGS: frozenset({EDIT}), RUNS: frozenset({CREATE})}

CHANGE_RUNS = frozenset({(EDIT, RUNS), (EDIT, "Task Instances")})
"""Without a permission on the Dag itself these change nothing; FAB does not know them per Dag."""

LOOK = Capability(
    "look at Dags, runs, logs, tables and gate records",
    frozenset(
        {
            (READ, resource)
            for resource in (
                DAGS,
                RUNS,
                "DAG Code",
                "DAG Dependencies",
                "DAG Versions",
                "DAG Warnings",
                "Task Instances",
                "Task Logs",
                "XComs",
                "Assets",
                "Asset Aliases",
                "HITL Detail",
                "ImportError",
                "Cluster Activity",
                "Jobs",
                "Pools",
                "Plugins",
                "Website",
            )
        }
        | {
            (MENU, resource)
            for resource in (
                DAGS,
                RUNS,
                "Assets",
                "HITL Detail",
                "XComs",
                "Documentation",
            )
        }
    ),
)
KEEP_ACCOUNT = Capability(
    "change the own password and name",
    frozenset((action, mine) for action in (READ, EDIT) for mine in ("My Password", "My Profile")),
)
RUN_PIPELINES = Capability(
    "trigger, clear, mark, pause and backfill the Dags of tables, scoring and monitoring",
    CHANGE_RUNS,
    {DagKind.PIPELINE: START_AND_CHANGE},
)
TRAIN = Capability(
    "trigger, clear, mark and pause trainings, which promote where the model asks no approval",
    CHANGE_RUNS,
    {DagKind.TRAINING: START_AND_CHANGE},
)
APPROVE = Capability(
    "approve or reject a candidate, which promotes it, or held rows, which releases them",
    CHANGE_RUNS | {(EDIT, "HITL Detail")},
    {DagKind.APPROVAL: CHANGE},
)
SIZE_POOLS = Capability(
    "make and resize pools",
    frozenset({(MENU, "Pools"), (CREATE, "Pools"), (EDIT, "Pools")}),
)
SEND_EVENTS = Capability("send asset events by hand")
KEEP_SECRETS = Capability("read and change connections and variables")
AUDIT = Capability("read the audit log")
DELETE = Capability("delete Dags and runs")
ADMINISTER = Capability("make users, roles and their passwords")

CAPABILITIES = (
    LOOK,
    KEEP_ACCOUNT,
    RUN_PIPELINES,
    TRAIN,
    APPROVE,
    SIZE_POOLS,
    SEND_EVENTS,
    KEEP_SECRETS,
    AUDIT,
    DELETE,
    ADMINISTER,
)

ROLES: Mapping[str, tuple[Capability, ...]] = {
    "viewer": (LOOK, KEEP_ACCOUNT),
    "operator": (LOOK, KEEP_ACCOUNT, RUN_PIPELINES),
    "engineer": (LOOK, KEEP_ACCOUNT, RUN_PIPELINES, TRAIN, APPROVE, SIZE_POOLS),
    ADMIN: CAPABILITIES,
}
"""The roles; what an admin alone may do needs no list, an admin holds every permission."""


def permissions_of(role: str) -> frozenset[Permission]:
    """What a role may do everywhere; an admin may do all the rest besides."""
    return frozenset().union(*(capability.everywhere for capability in ROLES[role]))


def access_control(kind: DagKind) -> dict[str, dict[str, set[str]]]:
    """What a Dag of the kind grants to whom, in the form of Airflow's `access_control`.

    Without the FAB auth manager Airflow ignores it. With it, permissions on the Dag that are not
    in here are taken from everybody, so a Dag that grants nothing says so by an empty mapping.
    """
    granted: dict[str, dict[str, set[str]]] = {}
    for role, capabilities in ROLES.items():
        for capability in capabilities:
            if role != ADMIN and kind in capability.on:
                granted[role] = {
                    name: set(actions) for name, actions in capability.on[kind].items()
                }
    return granted
