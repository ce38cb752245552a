"""What comes back of a question that a person answered in Airflow."""

from typing import Any


def approver(answer: dict[str, Any]) -> str:
    """Who answered, as the approval's record names them."""
    user = answer.get("responded_by_user") or {}
    return str(user.get("name") or user.get("id") or "an unnamed user")
