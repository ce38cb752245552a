"""What is asked of a backtest of policies, and what it reports."""

from typing import Literal

from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.declarations.model import Model
from headrace_schemas.wire.report import JobReport
from headrace_schemas.wire.spec import JobSpec, PinnedTable


class BacktestSpec(JobSpec):
    """Replay a model's history under its policy, and under another one; nothing is written to the lake.

    Attributes:
        other: The model under the other policy; None to replay its own alone.
    """

    job: Literal["backtest"] = "backtest"
    model: Model
    contract: Contract
    features: PinnedTable
    other: Model | None = None


class BacktestedWindow(Frozen):
    """One window under a policy.

    Attributes:
        reason: Of the verdict; where a training followed, what came of it as well.
        served: Number of the version that served it, counted within the replay; None if none did.
        loss: Mean, of what served; None without a version or labels.
        metric: The monitored one; None where it is not defined.
        is_promoted: Whether the training that was asked for gave a version; None if none was asked for.
        is_held: Whether the window is held at the end of the replay.
    """

    window: str
    verdict: Verdict
    reason: str
    served: str | None
    loss: float | None
    metric: float | None
    is_promoted: bool | None
    is_held: bool


class BacktestTotals(Frozen):
    """Costs of a policy and of the simplest ones: losses summed over the windows, and trainings.

    The first model costs nothing, as every schedule has it.

    Attributes:
        windows: That are summed over: with labels, served under every policy, and not held under the
            declared one.
        asked: Trainings that the policy asked for.
        promoted: Of these, those that gave a version.
        training: What one costs.
        loss: Sum of the windows' mean losses.
        cost: Of the policy.
        best: Of the best schedule in hindsight.
        best_trainings: That it has.
        never: Of no training.
        every: Of one at every window, always promoted.
    """

    windows: int
    asked: int
    promoted: int
    training: float
    loss: float
    cost: float
    best: float
    best_trainings: int
    never: float
    every: float

    @property
    def regret(self) -> float | None:
        """(policy - best) / (never - best); None where the best schedule gains less than one training."""
        possible = self.never - self.best
        return None if possible < self.training or not possible else self.excess / possible

    @property
    def excess(self) -> float:
        """Above the best schedule's cost."""
        return self.cost - self.best


class BacktestedPolicy(Frozen):
    """What came of one policy.

    Attributes:
        totals: None where no model served a window with labels.
    """

    windows: tuple[BacktestedWindow, ...]
    totals: BacktestTotals | None


class BacktestReport(JobReport):
    """A history was replayed.

    Attributes:
        metric: That is monitored, by the declared policy.
        loss: What the losses are.
        share: Of the table's rows, those that were looked at.
        is_pilot: Whether models were smaller than the model's own.
        other: Of the other policy, if one was asked for.
    """

    job: Literal["backtest"] = "backtest"
    metric: str
    loss: str
    share: float
    is_pilot: bool
    declared: BacktestedPolicy
    other: BacktestedPolicy | None = None
