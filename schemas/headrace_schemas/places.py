"""Where things lie in the lake: one place that knows the layout."""

from headrace_schemas.declarations.declaration import Frozen


class Lake(Frozen):
    """A lake's layout below its root URI (a path, `file://…` or `s3a://…`)."""

    root: str

    def at(self, *parts: str) -> str:
        """A URI below the root."""
        return "/".join([self.root.rstrip("/"), *parts])

    def table(self, name: str) -> str:
        """The Delta table of `layer.table`."""
        return self.at("tables", *name.split("."))

    def quarantine(self, name: str) -> str:
        """The Delta table of rows that broke a critical rule of `layer.table`."""
        return self.at("quarantine", *name.split("."))

    def staging(self, name: str, batch: str, job_id: str) -> str:
        """A batch that is not published; no two attempts share one."""
        return self.at("staging", name, batch, job_id)

    def gate_record(self, name: str, batch: str) -> str:
        """Folder of a batch's gate record: `index.html` for people, GX's own `result.json`."""
        return self.at("gates", name, batch)

    def predictions(self, model: str) -> str:
        """The Delta table of a model's predictions."""
        return self.at("predictions", model)

    def monitoring(self, model: str) -> str:
        """The Delta table of what monitoring measured, a row a partition."""
        return self.at("monitoring", model)

    @property
    def ledger(self) -> str:
        """The Delta table of all decisions, partitioned by model."""
        return self.at("ledger", "decisions")

    @property
    def versions(self) -> str:
        """The Delta table of all model versions with their digests, partitioned by model."""
        return self.at("ledger", "versions")

    @property
    def evaluations(self) -> str:
        """The Delta table of the digests of all versions' evaluations, partitioned by model."""
        return self.at("ledger", "evaluations")

    @property
    def holds(self) -> str:
        """The Delta table of the versions that people hold, and have released."""
        return self.at("ledger", "holds")

    @property
    def staged(self) -> str:
        """Where batches are that are not published yet."""
        return self.at("staging")

    def pinnable(self, name: str) -> str:
        """The Delta table that a spec or a pin calls `name`."""
        kind, _, rest = name.partition(".")
        known = {"predictions": self.predictions, "monitoring": self.monitoring}
        if name.startswith("quarantine "):
            return self.quarantine(name.removeprefix("quarantine "))
        return known[kind](rest) if kind in known else self.table(name)
