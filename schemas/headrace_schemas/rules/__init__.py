"""Quality rules: from a contract's wording to a predicate that is TRUE for a bad row."""
