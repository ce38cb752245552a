"""Whether a model is retrained: evidence and history in, verdict and reason out."""

from datetime import timedelta

import pytest

from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence, Performance, canonical
from headrace_schemas.decisions.gain import Gain, Moments
from headrace_schemas.decisions.gains import WITH_ALL, WITHIN, cost_of, pooled_gains
from headrace_schemas.decisions.holds import release
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.decisions.retraining import decide_retraining
from headrace_schemas.declarations.model import Model, Retraining
from tests.schemas.test_decisions import AS_OF, days_ago, decision, model, monitored

__all__ = ["model"]

UNSERVED = {"champion": None, "champion_as_of": None, "current": None, "signals": ()}
"""The model's cost is 0.06, its horizon 6 windows: a gain of 0.01 a window pays."""


BROKEN = Incident(scope=Scope.ROWS, subject="", sign="rows", value=9, text="rows: 9")

SURE = Retraining(confidence=0.99)


def gained(mean: float, family: str = "all", rows: int = 1_000, since: str = "2024-01") -> Gain:
    """Measured with a standard deviation of 0.1 a row."""
    difference = Moments(rows=rows, mean=mean, variance=0.01)
    return Gain(family=family, since=since, learnt_rows=5_000, difference=difference)


def window(key: str, *gains: Gain, **fields: object) -> MonitorEvidence:
    rows = gains[0].difference.rows if gains else 1_000
    given = {"labelled": rows, "positive": rows // 4, "base_loss": 0.6, "window": key}
    return monitored(**given | fields).model_copy(update={"gains": gains})


def all_decided(model: Model, *windows: MonitorEvidence) -> list[Decision]:
    """The decisions on some windows, each a month after the one before."""
    history: list[Decision] = []
    for age, evidence in zip(range(len(windows) - 1, -1, -1), windows, strict=True):
        history.append(decide_retraining(model, evidence, history, days_ago(30 * age)))
    return history


def decided(model: Model, *windows: MonitorEvidence) -> Decision:
    """The newest of these decisions."""
    return all_decided(model, *windows)[-1]


def test_it_is_trained_when_the_lower_bound_of_the_gain_is_worth_the_cost(model: Model) -> None:
    found = decided(model, window("2024-05", gained(0.03)))

    assert found.verdict is Verdict.TRAIN
    assert found.reason.startswith("retraining pays: a model of all would have lost 0.0300 less")
    assert found.learn_from is None
    assert found.would_change == "a gain of less than 0.0100 a window"


def test_it_is_kept_and_the_missing_gain_is_said_when_the_gain_is_too_small(model: Model) -> None:
    found = decided(model, window("2024-05", gained(0.012)))

    assert found.verdict is Verdict.WATCH
    assert found.would_change is not None
    assert found.would_change.startswith("it would train at a gain of at least 0.0100 a window")


def test_nothing_is_gained_when_challengers_are_no_better(model: Model) -> None:
    found = decided(model, window("2024-05", gained(0.001)))

    assert found.verdict is Verdict.KEEP
    assert found.reason.startswith("nothing to gain")


def test_evidence_is_pooled_over_windows_when_one_alone_does_not_suffice(model: Model) -> None:
    small = [window(f"2024-0{month}", gained(0.02, rows=250)) for month in range(1, 6)]

    found = [decision.verdict for decision in all_decided(model, *small)]

    assert found[:2] == [Verdict.WATCH, Verdict.WATCH]
    assert Verdict.TRAIN in found


def test_windows_before_a_change_do_not_hide_it_when_the_newest_shows_it(model: Model) -> None:
    before = [window(f"2023-{month:02d}", gained(-0.2)) for month in range(1, 12)]

    assert decided(model, *before, window("2024-05", gained(0.1))).verdict is Verdict.TRAIN


def test_the_best_family_says_what_is_learnt_from_when_it_is_not_all(model: Model) -> None:
    newest = gained(0.2, family="the newest 1", since="2024-04")

    found = decided(model, window("2024-05", gained(0.05), newest))

    assert found.verdict is Verdict.TRAIN
    assert found.learn_from == "2024-04"


def test_gains_within_a_window_are_not_pooled_when_several_windows_have_them() -> None:
    windows = [
        window(key, gained(0.01, family=WITHIN, rows=400, since=key)) for key in ("1", "2", "3")
    ]

    (found,) = pooled_gains(windows, SURE, 100)

    assert (found.windows, found.rows, found.since) == (1, 400, "3")


def test_nothing_is_said_when_rows_of_the_rarer_class_are_few() -> None:
    rare = [window(str(n), gained(0.5), positive=10) for n in range(4)]

    assert pooled_gains(rare, SURE, 100) == []
    assert len(pooled_gains([*rare, window("5", gained(0.5), positive=10)], SURE, 100)) == 1


@pytest.mark.parametrize(
    ("family", "labelled", "fewest", "is_asked"),
    [
        ("all", 72, 100, True),
        (WITHIN, 72, 100, False),
        (WITHIN, 149, 100, False),
        (WITHIN, 151, 100, True),
        (WITHIN, 151, 200, False),
        ("the newest 1", 72, 100, False),
    ],
)
def test_no_training_is_asked_for_from_fewer_rows_than_one_takes(
    family: str, labelled: int, fewest: int, is_asked: bool
) -> None:
    learnt = {"all": 5_000, "the newest 1": 72}.get(family, labelled // 2)
    strong = gained(0.5, family=family, rows=labelled).model_copy(update={"learnt_rows": learnt})

    found = pooled_gains([window("2024-05", strong, positive=None)], SURE, fewest)

    assert bool(found) is is_asked


def test_a_refused_training_is_not_asked_for_again_when_nothing_new_is_known(model: Model) -> None:
    policy = Retraining(cost=0.06)
    strong = window("2024-04", gained(0.03))
    asked = decide_retraining(model, strong, [], days_ago(30))
    refused = decision(Verdict.REFUSE, days_ago(30), request_id=asked.id, reason="tie")

    free = model.model_copy(update={"retraining": policy})
    weak = decide_retraining(free, window("2024-05", gained(0.005)), [asked, refused], AS_OF)
    again = decide_retraining(free, window("2024-05", gained(0.03)), [asked, refused], AS_OF)

    assert weak.verdict is not Verdict.TRAIN
    assert again.verdict is Verdict.TRAIN


def test_more_evidence_is_waited_for_when_candidates_were_refused_in_a_row(model: Model) -> None:
    free = model.model_copy(update={"retraining": Retraining(cost=0.06)})
    history = []
    for age in (90, 60, 30):
        asked = decision(Verdict.TRAIN, days_ago(age), window=f"w{age}")
        history += [
            asked,
            decision(Verdict.REFUSE, days_ago(age), request_id=asked.id, reason="tie"),
        ]

    found = decide_retraining(free, window("2024-05", gained(0.03)), history, AS_OF)

    assert found.verdict is Verdict.KEEP
    assert found.reason.startswith("3 candidates in a row were refused, the last one because: tie")
    assert found.would_change == "3 more windows"


def test_one_request_is_open_at_a_time_when_evidence_goes_on_to_come(model: Model) -> None:
    free = model.model_copy(update={"retraining": Retraining(cost=0.06)})
    history: list[Decision] = []
    for number in range(5):
        evidence = window(f"2024-05-0{number + 1}", gained(0.03))
        history.append(decide_retraining(free, evidence, history, days_ago(4 - number)))

    verdicts = [found.verdict for found in history]
    assert verdicts == [Verdict.TRAIN, Verdict.KEEP, Verdict.KEEP, Verdict.TRAIN, Verdict.KEEP]
    assert history[1].reason == "a training is asked for already, by window 2024-05-01"


def test_the_budget_is_kept_when_a_signal_flaps_for_sixty_days(model: Model) -> None:
    policy = Retraining(cost=0.06, most_a_year=3)
    flapping = model.model_copy(update={"retraining": policy})
    history: list[Decision] = []
    for day in range(60):
        gains = (gained(0.05 if day % 2 else -0.05),)
        evidence = window(
            f"{AS_OF + timedelta(days=day):%Y-%m-%d}", *gains, champion=str(len(history))
        )
        evidence = evidence.model_copy(update={"champion": serving(history)})
        found = decide_retraining(flapping, evidence, history, AS_OF + timedelta(days=day))
        history.append(found)
        if found.verdict is Verdict.TRAIN:
            version = str(len(history))
            history.append(
                decision(
                    Verdict.PROMOTE,
                    found.as_of,
                    request_id=found.id,
                    id=f"p{day}",
                    model_version=version,
                )
            )

    asked = [found for found in history if found.verdict is Verdict.TRAIN]
    assert len(asked) == 3
    assert history[-1].reason.startswith(
        "budget: 3 trainings were asked for within a year, 3 allowed"
    )


def serving(history: list[Decision]) -> str:
    promoted = [one.model_version for one in history if one.verdict is Verdict.PROMOTE]
    return promoted[-1] or "1" if promoted else "1"


def test_a_window_is_held_when_its_data_is_an_incident(model: Model) -> None:
    broken = Incident(
        scope=Scope.LABEL, subject="is_late", sign="base rate", value=1.0, text="all labels are 1"
    )
    evidence = window("2024-05", gained(0.5)).model_copy(update={"incidents": (broken,)})

    found = decided(model, evidence)

    assert found.verdict is Verdict.HOLD
    assert "all labels are 1" in found.reason


def test_a_held_window_is_no_evidence_when_later_ones_are_weighed(model: Model) -> None:
    broken = Incident(
        scope=Scope.ROWS, subject="gold.flights", sign="row count", value=1.0, text="few rows"
    )
    held = window("2024-04", gained(0.5)).model_copy(update={"incidents": (broken,)})

    found = decided(model, held, window("2024-05", gained(0.0)))

    assert found.verdict is Verdict.KEEP


def test_a_window_is_held_no_more_when_the_same_incident_stayed_for_three(model: Model) -> None:
    stays = Incident(
        scope=Scope.COLUMN, subject="temp", sign="unit", value=1.0, weight=0.3, text="in Kelvin"
    )
    windows = [
        window(f"2024-0{month}", gained(0.5)).model_copy(update={"incidents": (stays,)})
        for month in (3, 4, 5)
    ]

    verdicts = [found.verdict for found in all_decided(model, *windows)]

    assert verdicts == [Verdict.HOLD, Verdict.HOLD, Verdict.TRAIN]


def worsening(*values: float, metric: str = "auc") -> list[MonitorEvidence]:
    """Windows with such a metric, of a standard error of 0.01 each, and without challengers."""
    known = {"reference": 0.7, "error": 0.01, "reference_error": 0.01, "reference_rows": 2_000}
    return [
        monitored(
            window=f"2024-0{month}",
            performance=Performance(metric=metric, current=value, **known),
            rows=2_000,
            labelled=2_000,
            positive=500,
        ).model_copy(update={"no_gains": "there are too few labelled rows"})
        for month, value in enumerate(values, start=1)
    ]


def test_chance_is_not_called_worse_when_windows_differ_anyway(model: Model) -> None:
    found = all_decided(model, *worsening(0.72, 0.66, 0.74, 0.67, 0.71, 0.65))

    assert {decision.verdict for decision in found} == {Verdict.KEEP}


def test_worse_results_train_when_no_gain_could_be_measured(model: Model) -> None:
    decisions = all_decided(model, *worsening(0.7, 0.7, 0.7, 0.5, 0.5, 0.5))

    found = next(decision for decision in decisions if decision.verdict is Verdict.TRAIN)
    assert found.reason.startswith("results got worse: auc 0.500 against 0.700")
    assert found.reason.endswith(
        "what retraining gains is unknown: there are too few labelled rows"
    )


def test_a_window_waits_for_its_labels_when_many_are_late(model: Model) -> None:
    early = window("2024-05", gained(0.5), due=0.6)

    found = decided(model, early)

    assert found.verdict is Verdict.WATCH
    assert found.reason.startswith("too early: 60% of the labels that will come are known")
    assert decided(model, early, window("2024-06", gained(0.0), due=1.0)).verdict is Verdict.KEEP


def test_drift_alone_is_watched_when_nothing_is_lost(model: Model) -> None:
    found = decide_retraining(model, monitored(current=None, psi=0.9), [], AS_OF)

    assert found.verdict is Verdict.WATCH
    assert "60% of the importance" in found.reason


@pytest.mark.parametrize(
    ("evidence", "history", "verdict", "reason"),
    [
        pytest.param(
            monitored(**UNSERVED, matured_partitions=2),
            [],
            Verdict.WAIT,
            "no model yet: 2 of 3 partitions",
            id="too little history",
        ),
        pytest.param(
            monitored(**UNSERVED, matured_partitions=3),
            [],
            Verdict.TRAIN,
            "no model yet, and 3 partitions",
            id="enough history",
        ),
        pytest.param(
            monitored(**UNSERVED),
            [decision(Verdict.TRAIN, days_ago(24))],
            Verdict.KEEP,
            "a training is asked for already",
            id="first one is not answered",
        ),
        pytest.param(
            monitored(**UNSERVED),
            [decision(Verdict.PROMOTE, days_ago(1), model_version="4")],
            Verdict.KEEP,
            "version 4 serves now",
            id="promoted after the window",
        ),
        pytest.param(
            monitored(current=0.6),
            [decision(Verdict.PROMOTE, days_ago(1), model_version="4")],
            Verdict.KEEP,
            "version 4 serves now",
            id="another was promoted since",
        ),
        pytest.param(
            monitored(current=0.6),
            [
                decision(Verdict.TRAIN, days_ago(24), id="a"),
                decision(Verdict.REFUSE, days_ago(24), request_id="a"),
            ],
            Verdict.KEEP,
            "cooldown: trained at 2024-05-10",
            id="within cooldown",
        ),
        pytest.param(
            window("2024-05", gained(0.03)),
            [decision(Verdict.TRAIN, days_ago(1), model="other")],
            Verdict.TRAIN,
            "retraining pays",
            id="another model's cooldown",
        ),
        pytest.param(
            monitored(current=None),
            [],
            Verdict.KEEP,
            "nothing to go by: no matured labels",
            id="nothing known",
        ),
    ],
)
def test_retraining_is_weighed_when_evidence_and_history_say(
    model: Model,
    evidence: MonitorEvidence,
    history: list[Decision],
    verdict: Verdict,
    reason: str,
) -> None:
    found = decide_retraining(model, evidence, history, AS_OF)

    assert found.verdict is verdict
    assert found.reason.startswith(reason)
    assert found.id == "delay/retraining/2024-05/2024-06-03T00:00:00Z"
    assert found.kind is Kind.RETRAINING


@pytest.mark.parametrize(("age", "verdict"), [(90, Verdict.KEEP), (91, Verdict.TRAIN)])
def test_age_trains_when_the_model_asks_for_it_and_no_gain_could_be_measured(
    model: Model, age: float, verdict: Verdict
) -> None:
    aging = model.model_copy(update={"retraining": Retraining(max_age_days=90)})

    assert decide_retraining(aging, monitored(age=age), [], AS_OF).verdict is verdict
    tried = [decision(Verdict.REFUSE, days_ago(5), request_id="a")]
    assert decide_retraining(aging, monitored(age=age), tried, AS_OF).verdict is Verdict.KEEP


def test_lower_metrics_count_as_better_when_the_metric_is_a_loss(model: Model) -> None:
    rising = worsening(0.7, 0.7, 0.7, 0.9, 0.9, 0.9, metric="logloss")
    falling = worsening(0.7, 0.7, 0.7, 0.5, 0.5, 0.5, metric="logloss")

    assert Verdict.TRAIN in [found.verdict for found in all_decided(model, *rising)]
    assert {found.verdict for found in all_decided(model, *falling)} == {Verdict.KEEP}


def test_evidence_and_thresholds_are_kept_when_a_decision_is_made(model: Model) -> None:
    evidence = window("2024-05", gained(0.03))

    found = decide_retraining(model, evidence, [], AS_OF)

    assert MonitorEvidence.model_validate_json(found.evidence) == evidence
    assert found.evidence == canonical(evidence)
    assert '"cost":0.06' in found.policy
    assert found.model_version == "1"


def test_cost_is_a_share_of_what_a_constant_loses_when_none_is_declared() -> None:
    assert cost_of(Retraining(), 0.5) == pytest.approx(0.015)
    assert cost_of(Retraining(cost=0.0), 0.5) == 0


def test_a_small_gain_pays_when_it_was_seen_for_longer_than_the_horizon(model: Model) -> None:
    small = [window(f"2023-{month:02d}", gained(0.008, rows=5_000)) for month in range(1, 10)]

    found = all_decided(model, *small)

    assert [one.verdict for one in found[:6]] == [Verdict.WATCH] * 6
    assert found[-1].verdict is Verdict.TRAIN
    assert "9 windows of that are worth" in found[-1].reason


def late(key: str, due: float, matured: MonitorEvidence | None) -> MonitorEvidence:
    """A window whose labels are late, and what has matured of one before."""
    return window(key, gained(0.9)).model_copy(update={"due": due, "matured": matured})


def test_results_of_an_earlier_window_are_judged_when_labels_are_late(model: Model) -> None:
    found = decided(model, late("2024-05", 0.4, window("2024-03", gained(0.03))))

    assert found.verdict is Verdict.TRAIN
    assert "would have lost 0.0300 less" in found.reason
    assert "40% of the labels are known, so results are of 2024-03: " in found.reason


def test_it_is_too_early_when_no_window_has_matured(model: Model) -> None:
    assert decided(model, late("2024-05", 0.4, None)).reason.startswith("too early: 40% of")
    other = window("2024-03", gained(0.03)).model_copy(update={"champion": "0"})
    assert decided(model, late("2024-05", 0.4, other)).reason.startswith("too early: 40% of")


def test_a_window_counts_once_when_it_is_the_newest_matured_one_for_long(model: Model) -> None:
    matured = window("2024-02", gained(0.02, rows=250))
    windows = [late(f"2024-0{month}", 0.4, matured) for month in (3, 4, 5)]

    found = decided(model, *windows)

    assert found.verdict is Verdict.WATCH
    assert "on 250 rows of 1 window" in found.reason


def test_what_is_of_one_window_alone_is_no_gain_when_others_never_had_it(model: Model) -> None:
    """New customers every month: a challenger that has seen half of them is better on them, and on nobody else."""
    before = [
        window(f"2023-{month:02d}", gained(0.05, family=WITH_ALL), gained(0.001))
        for month in range(1, 6)
    ]

    usual = decided(model, *before, window("2024-05", gained(0.06, family=WITH_ALL), gained(0.001)))
    changed = decided(
        model, *before, window("2024-05", gained(0.3, family=WITH_ALL), gained(0.001))
    )

    assert usual.verdict is not Verdict.TRAIN
    assert changed.verdict is Verdict.TRAIN
    assert "without the 0.0490 that knowing the window itself gained before" in changed.reason


def test_a_corrected_window_counts_as_it_was_measured_then(model: Model) -> None:
    broken = window("2024-04", gained(-0.5), incidents=(BROKEN,))
    (held,) = all_decided(model, broken)
    corrected = release(model.name, "2024-04", held.as_of, "no incident", "a corrected delivery")
    corrected = corrected.model_copy(
        update={"evidence": canonical(window("2024-04", gained(0.02, rows=500)))}
    )
    now = window("2024-05", gained(0.02, rows=500))

    found = decide_retraining(model, now, [held, corrected], days_ago(-30))

    assert "on 1000 rows of 2 windows" in found.reason
