"""Pure functions from DataFrames to one DataFrame: one module per table whose rows change shape.

A transform reads no table, writes none, and asks no clock and no session: what it needs comes in as
parameters, named like the inputs in the pipeline file. It uses the DataFrame API only, so that the same code
runs over Spark Connect and in a classic session.
"""
