"""The flagship's declarations, transforms and cases: an example for `headrace new`."""
