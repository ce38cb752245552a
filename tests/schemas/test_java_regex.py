"""Patterns are read as `java.util.regex` reads them; each verdict here is that of Java 17."""

import pytest

from headrace_schemas.java_regex import pattern_problem

RIGHT = [
    "", "abc", "^[A-Z]{2}\\d{4}$", "a|b|", "(?:a|b)*", "a*+b++c?+", "a*?b+?c??", "a{2}b{2,}c{2,3}+",
    "(?<year>\\d{4})-\\k<year>", "(a)\\1", "\\9", "(?i)a", "(?i:a)", "(?-i)a", "(?u-s:.)",
    "(?=a)(?!b)(?<=c)(?<!d)(?>e)", "\\p{L}\\p{Lu}\\pL\\P{Alpha}", "\\p{IsLatin}\\p{InGreek}",
    "\\p{script=Latin}", "\\p{javaUpperCase}", "[a-z]", "[^a-z]", "[]a]", "[^]a]", "[a-]", "[-a]",
    "[a-z&&[^b]]", "[a&&b]", "[[a][b]]", "[\\d-z]", "[\\w.-]", "[&]", "[a&]", "]", "}", "a}", "a]",
    "{2}", "x{2}{3}", "\\x41\\x{1F600}\\u0041\\012\\cA\\e\\a", "\\N{DIGIT ONE}", "\\Qa(b\\E", "\\Q(",
    "\\h\\v\\R\\X\\b\\B\\b{g}\\A\\G\\Z\\z", "\\.\\[\\]\\-\\_\\/\\ ", "é+🚀?", "(?x) a # (\n b",
    "(?<=a*)b", "a\tb", "\\Q9\\E", "[\\Q]\\E]",
]  # fmt: skip

WRONG = [
    "*", "+a", "?", "a**", "a|*", "(*)", "a+++", "x{2}*", "{", "{a}", "a{", "a{,3}", "a{1", "a{1,",
    "a{3,1}", "a{99999999999}", "(", "(a", "a)", ")", "((a)", "[", "[a", "[]", "[^]", "[a-", "[z-a]",
    "[a-\\d]", "[&&]", "[[a]", "\\", "a\\", "[a\\", "\\y", "\\q", "\\j", "[\\b]", "[\\1]", "[\\R]",
    "\\x4", "\\x{}", "\\x{110000}", "\\x{zz}", "\\u12", "\\0", "\\08", "\\c", "\\N", "\\N{", "\\p",
    "\\p{", "\\p{Foo}", "\\p{}", "\\pQ", "\\k", "\\k<a>", "\\k<a", "(?P<a>x)", "(?P=a)", "(?<a_b>x)",
    "(?<1>x)", "(?<>x)", "(?<a>x)(?<a>y)", "(?y)a", "(?a", "(?", "(?#a)", "(?<a", "\\E",
]  # fmt: skip


@pytest.mark.parametrize("pattern", RIGHT)
def test_pattern_is_right_when_java_reads_it(pattern):
    assert pattern_problem(pattern) == ""


@pytest.mark.parametrize("pattern", WRONG)
def test_pattern_is_wrong_when_java_refuses_it(pattern):
    assert pattern_problem(pattern)


def test_pattern_is_left_to_java_when_it_is_too_deep_to_read():
    assert pattern_problem("(" * 5000) == ""


@pytest.mark.parametrize(
    "pattern",
    ["^[a-z]{1,3}$", r"\p{L}+", r"\Qa(b\E", r"(?<year>\d{4})", "a++", r"(?i)x", "x(?i)y", "[a-z&&[^x]]",
     r"\x{1F600}", r"(?<=a+)b", r"[\w-]+@x", r"\h\R", r"(?<y>a)\k<y>", r"\{x\}", "[{]", "a|b", r"[\]x]", "x{2,}"],
)  # fmt: skip
def test_nothing_is_said_when_java_reads_a_pattern_of_a_rule(pattern):
    assert pattern_problem(pattern) == ""
