"""What is watched of a served model, and the ledger of what was decided."""
