"""Boosters of a world, for all policies."""

from benchmarks.decisions.worlds import Scenario, World

from headrace_jobs.learning.manifest import Feature, FeatureKind
from headrace_jobs.monitoring import backtest_boosters


class Boosters(backtest_boosters.Boosters):
    """All boosters of one world, by the model with the default cost."""

    def __init__(self, world: World) -> None:
        """None is fitted yet."""
        scenario = world.scenario
        named = zip(scenario.features, scenario.kinds, strict=True)
        features = [Feature(name=name, type="", kind=FeatureKind(kind)) for name, kind in named]
        super().__init__(scenario.model(None), features, world.months)
        self.world = world

    @property
    def scenario(self) -> Scenario:
        """Of the world."""
        return self.world.scenario
