"""The way of a model: features, train, evaluate, promote, score, and its registry."""
