"""All scenarios by name."""

from collections.abc import Callable
from dataclasses import replace

from benchmarks.decisions import own, streams
from benchmarks.decisions.own import CHANGE, COARSE, FOR_GOOD, MIXED, ONCE, REGRESSION, monthly
from benchmarks.decisions.worlds import Fault, Scenario

LONG = 24
"""Months of history after which more rows do not help."""

SAME = monthly(own.mixed, own.same)
STEPS = monthly(own.mixed, own.few_steps)
"""A concept that a small booster learns fully."""


def coarse(name: str, about: str, rows: int) -> Scenario:
    """A stationary world of twelve cells."""
    return Scenario(
        name,
        about,
        monthly(own.coarse, own.steps),
        COARSE,
        rows=rows,
        history=LONG,
        months=LONG + 24,
        is_still=True,
    )


def still(name: str, about: str, inputs: own.Inputs, concept: own.Concept) -> Scenario:
    """A world of mixed columns where nothing is to be gained."""
    return Scenario(
        name,
        about,
        monthly(inputs, concept),
        MIXED,
        history=LONG,
        months=LONG + 24,
        rarer=0.25,
        is_still=True,
    )


def broken(name: str, about: str, fault: Callable[..., None], months: range) -> Scenario:
    """A world that stays, of which something else is delivered in some months."""
    is_over = months.stop < 1000
    found: Fault = own.during(months, fault)
    return Scenario(
        name,
        about,
        SAME,
        MIXED,
        fault=found,
        broken=tuple(months[: months.stop - months.start if is_over else 2]),
        settled=None if is_over else CHANGE + 2,
    )


STATIONARY = (
    coarse("stationary 200", "twelve cells, 200 rows a month", 200),
    coarse("stationary 500", "twelve cells, 500 rows a month", 500),
    coarse("stationary 5000", "twelve cells, 5,000 rows a month", 5000),
    still("stationary columns", "six columns of which two matter", own.mixed, own.few_steps),
    still("seasonal inputs", "two numbers follow the year", own.seasonal, own.few_steps),
    still("covariate shift", "inputs lie elsewhere from month 33 on", own.shifted, own.few_steps),
    still("heavy ties", "counts that are mostly zero", own.tied, own.tied_steps),
    still("constant columns", "two never vary, until one does", own.constant, own.few_steps),
    replace(
        coarse("imbalance", "one label in a hundred", 2000),
        draw=monthly(own.coarse, own.rare),
        rarer=0.01,
    ),
    replace(
        still("heavy tails", "errors by Student's t of 2.5", own.mixed, own.tailed), task=REGRESSION
    ),
    replace(
        still("late labels", "half of the labels come late", own.mixed, own.few_steps), late=0.5
    ),
    replace(coarse("tiny windows", "twelve cells, 30 rows a month", 30)),
)

CHANGING = (
    Scenario("few rows", "stationary, and more rows help", SAME, MIXED, rows=150, history=3),
    Scenario(
        "abrupt",
        "another concept at once",
        monthly(own.mixed, own.mixing(lambda month: float(month >= CHANGE))),
        MIXED,
        changes=(CHANGE,),
    ),
    Scenario(
        "gradual",
        "another concept within ten months",
        monthly(own.mixed, own.mixing(lambda month: min(max((month - 15) / 10, 0.0), 1.0))),
        MIXED,
    ),
    Scenario(
        "recurring",
        "two concepts in turn, ten months each",
        monthly(own.mixed, own.mixing(lambda month: float(month // 10 % 2))),
        MIXED,
        changes=(10, 20, 30),
    ),
    Scenario("slow", "the concept wanders", monthly(own.mixed, own.slow), MIXED),
    Scenario(
        "one slice",
        "another concept in two kinds of five",
        monthly(own.mixed, own.sliced),
        MIXED,
        changes=(CHANGE,),
    ),
    Scenario(
        "abrupt, late labels",
        "half of the labels come late",
        monthly(own.mixed, own.mixing(lambda month: float(month >= CHANGE))),
        MIXED,
        changes=(CHANGE,),
        late=0.5,
    ),
    Scenario(
        "abrupt, imbalance",
        "one label in a hundred",
        monthly(own.coarse, own.rare_turned),
        COARSE,
        rows=2000,
        history=12,
        months=36,
        rarer=0.01,
        changes=(CHANGE,),
    ),
    Scenario(
        "abrupt, heavy tails",
        "errors by Student's t of 2.5",
        monthly(own.mixed, own.tailed_turned),
        MIXED,
        task=REGRESSION,
        changes=(CHANGE,),
    ),
)

BROKEN = (
    broken("labels all one", "four months", own.labels_of_one, range(CHANGE, CHANGE + 4)),
    replace(
        broken("labels all one, for good", "an artefact", own.labels_of_one, FOR_GOOD),
        broken=tuple(range(CHANGE, 36)),
        settled=None,
    ),
    broken(
        "labels flipped in a slice", "two months", own.labels_flipped, range(CHANGE, CHANGE + 2)
    ),
    broken("unit change", "one month", own.other_unit, ONCE),
    broken("unit change, for good", "inches, thousandths", own.other_unit, FOR_GOOD),
    broken("column missing", "one month", own.all_missing, ONCE),
    broken("column missing, for good", "it never comes back", own.all_missing, FOR_GOOD),
    broken("column constant", "one month", own.all_the_same, ONCE),
    broken("column constant, for good", "it stays so", own.all_the_same, FOR_GOOD),
    broken("coded value", "half are -999 for a month", own.coded_anew, ONCE),
    broken("coded value, for good", "half are -999", own.coded_anew, FOR_GOOD),
    Scenario("new category", "a tenth of the rows", monthly(own.new_category, own.same), MIXED),
)

SCENARIOS = {one.name: one for one in (*STATIONARY, *CHANGING, *BROKEN, *streams.STREAMS)}
