"""Deals scikit-learn's diabetes study out as daily deliveries, as if patients came day by day."""

import csv
import io
from datetime import datetime, timedelta
from pathlib import Path

from sklearn.datasets import load_diabetes

MEASURES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
FIRST_DAY = datetime(2024, 3, 1)
DAYS = 8
IMPLAUSIBLE_DAY = "2024-03-02"
"""On this day one body mass index has lost its decimal point."""


def write(folder: Path) -> None:
    """Write the files of all days."""
    for day in range(DAYS):
        land(folder, (FIRST_DAY + timedelta(days=day)).strftime("%Y-%m-%d"))


def land(landing: Path, partition: str) -> list[Path]:
    """Write the file of one day."""
    study = load_diabetes(scaled=False)
    day = (datetime.strptime(partition, "%Y-%m-%d") - FIRST_DAY).days
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["patient", "measured_at", *MEASURES, "progression"])
    for patient in range(day, len(study.target), DAYS):
        minute = timedelta(days=day, hours=8, minutes=patient // DAYS)
        values = [f"{value:g}" for value in study.data[patient]]
        if partition == IMPLAUSIBLE_DAY and patient == day:
            values[2] = values[2].replace(".", "")
        instant = (FIRST_DAY + minute).isoformat() + "Z"
        writer.writerow([patient, instant, *values, f"{study.target[patient]:g}"])
    file = landing / "visits" / f"{partition}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.getvalue())
    return [file]
