"""Expectation `expect_whole_cents`: amounts without parts of a cent."""

from headrace_schemas.rules.expectation_classes import ExpectationClass

WHOLE_CENTS = ExpectationClass("expect_whole_cents", "shop_extras.whole_cents:ExpectWholeCents")
