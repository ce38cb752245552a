"""Whether Java can read a regular expression: Spark's `RLIKE` hands patterns to `java.util.regex`.

It reads as Java 17 and 21 do, step by step, and makes nothing of what it reads. What only Java can
tell is not refused: names of scripts and blocks, the longest text of a look-behind, and patterns with
comments (`(?x)`).
"""

import string

LETTERS, DIGITS = frozenset(string.ascii_letters), frozenset(string.digits)
HEX, OCTAL = frozenset(string.hexdigits), frozenset(string.octdigits)
END = ""

MOST_REPEATS = 2**31 - 1

FLAGS = frozenset("imsducxU")

CLASS_ESCAPES = frozenset("DdHhSsVvWw")
"""Escapes that stand for many characters, within brackets too."""

OUTSIDE_CLASSES = frozenset("ABGRXZbz")
"""Escapes that stand for a place or a line end: not within brackets."""

PROPERTIES = frozenset(
    """
    Cn Lu Ll Lt Lm Lo Mn Me Mc Nd Nl No Zs Zl Zp Cc Cf Co Cs Pd Ps Pe Pc Po Sm Sc Sk So Pi Pf
    L M N Z C P S LC LD L1 all ASCII Alnum Alpha Blank Cntrl Digit Graph Lower Print Punct Space
    Upper XDigit javaLowerCase javaUpperCase javaAlphabetic javaIdeographic javaTitleCase
    javaDigit javaDefined javaLetter javaLetterOrDigit javaJavaIdentifierStart
    javaJavaIdentifierPart javaUnicodeIdentifierStart javaUnicodeIdentifierPart
    javaIdentifierIgnorable javaSpaceChar javaWhitespace javaISOControl javaMirrored
    """.split()  # noqa: SIM905 - a list of one word a line would be longer than all else
)
"""Of `\\p{...}`; besides these there are scripts, blocks and binary properties."""


class PatternInvalid(ValueError):
    """A text that is no pattern."""


def pattern_problem(pattern: str) -> str:
    """What Java would say against a pattern; empty if nothing, or if only Java can tell."""
    try:
        PatternParser(unquoted(pattern)).pattern()
    except PatternInvalid as error:
        return str(error)
    except (Commented, RecursionError):
        return ""
    return ""


def unquoted(pattern: str) -> str:
    r"""The pattern with `\Q...\E` written as escapes, as Java does it first."""
    parts, at, in_quote = [], 0, False
    while at < len(pattern):
        pair = pattern[at : at + 2]
        if not in_quote and pair == r"\Q":
            in_quote, at = True, at + 2
        elif in_quote and pair == r"\E":
            in_quote, at = False, at + 2
        elif in_quote:
            plain = pattern[at] in LETTERS or not pattern[at].isascii()
            code = f"\\x{ord(pattern[at]):02x}" if pattern[at].isascii() else ""
            parts.append(pattern[at] if plain else code)
            at += 1
        else:
            step = 2 if pattern[at] == "\\" else 1
            parts.append(pattern[at : at + step])
            at += step
    return "".join(parts)


class Commented(Exception):
    """The pattern may hold comments, which change how everything is read."""


class PatternParser:
    """Reads one pattern, a character at a time."""

    def __init__(self, pattern: str) -> None:
        self.text = pattern
        self.at = 0
        self.groups: set[str] = set()

    def peek(self, ahead: int = 0) -> str:
        """A character that is not taken yet."""
        return self.text[self.at + ahead] if self.at + ahead < len(self.text) else END

    def take(self) -> str:
        """The next character."""
        found = self.peek()
        self.at += 1
        return found

    def pattern(self) -> None:
        """The whole text."""
        self.alternatives()
        if self.peek() == ")":
            raise PatternInvalid("a closing parenthesis has no opening one")

    def alternatives(self) -> None:
        """Sequences with `|` between them."""
        self.sequence()
        while self.peek() == "|":
            self.take()
            self.sequence()

    def sequence(self) -> None:
        """One piece after the other."""
        while (character := self.peek()) not in (END, "|", ")"):
            if character in "*+?":
                raise PatternInvalid(f"{character!r} repeats nothing")
            if character == "(":
                if not self.group():
                    continue  # flags only: nothing that could be repeated
            elif character == "[":
                self.take()
                self.brackets()
            elif character == "\\":
                self.take()
                self.escape(in_class=False)
            elif character != "{":  # which repeats nothing, and Java takes that
                self.take()
            self.repetition()

    def repetition(self) -> None:
        """How often the piece before is wanted."""
        character = self.peek()
        if character and character in "*+?":
            self.take()
        elif character == "{":
            self.take()
            self.bounds()
        else:
            return
        if self.peek() in ("?", "+"):
            self.take()

    def bounds(self) -> None:
        """What follows `{`."""
        if self.peek() not in DIGITS:
            raise PatternInvalid("'{' must be followed by a number; write '\\{' for the character")
        least = most = self.number()
        if self.peek() == ",":
            self.take()
            most = self.number() if self.peek() in DIGITS else MOST_REPEATS
        if self.take() != "}":
            raise PatternInvalid("a repetition is not closed by '}'")
        if most < least or most > MOST_REPEATS:
            raise PatternInvalid("a repetition's highest number is below its lowest, or too large")

    def number(self) -> int:
        """Digits."""
        digits = ""
        while self.peek() in DIGITS:
            digits += self.take()
        return int(digits) if len(digits) < 20 else MOST_REPEATS + 1

    def group(self) -> bool:
        """What stands in parentheses; False if that is flags only."""
        self.take()
        if self.peek() == "?":
            self.take()
            if not self.group_kind():
                return False
        self.alternatives()
        if self.take() != ")":
            raise PatternInvalid("a parenthesis is not closed")
        return True

    def group_kind(self) -> bool:
        """What follows `(?`; False if that is flags only."""
        character = self.take()
        if character and character in ":=!>":
            return True
        if character == "<":
            if self.peek() in ("=", "!"):
                self.take()
                return True
            name = self.name()
            if name in self.groups:
                raise PatternInvalid(f"two groups are called {name}")
            self.groups.add(name)
            return True
        while character in FLAGS or character == "-":
            if character == "x":
                raise Commented
            character = self.take()
        if character == ")":
            return False
        if character != ":":
            hint = "; Java writes a named group as (?<name>...)" if character == "P" else ""
            raise PatternInvalid(f"'(?' is followed by {character or 'nothing'!r}{hint}")
        return True

    def name(self) -> str:
        """A group's name up to `>`."""
        name = ""
        if self.peek() not in LETTERS:
            raise PatternInvalid("a group's name must begin with a Latin letter")
        while self.peek() in LETTERS | DIGITS:
            name += self.take()
        if self.take() != ">":
            raise PatternInvalid("a group's name holds letters and digits only, then '>'")
        return name

    def escape(self, *, in_class: bool) -> int:
        """What follows a backslash: the code of one character, -1 if it stands for more.

        Codes of control characters and names are not made out: 0 stands for them.
        """
        character = self.take()
        if character == END:
            raise PatternInvalid("a backslash ends the pattern; write two for the character")
        if character in ("p", "P"):
            self.family()
            return -1
        if character in CLASS_ESCAPES or (
            character in OUTSIDE_CLASSES | set("123456789") and not in_class
        ):
            if character == "b" and self.text.startswith("{", self.at):
                self.boundary()
            return -1
        if character == "k" and not in_class:
            self.back_reference()
            return -1
        if character in ("0", "u", "x", "c", "N"):
            return self.code(character)
        if character in LETTERS | set("123456789") and character not in "aefnrt":
            raise PatternInvalid(
                f"'\\{character}' means nothing{' in brackets' if in_class else ''}"
            )
        return {"a": 7, "e": 27, "f": 12, "n": 10, "r": 13, "t": 9}.get(character, ord(character))

    def boundary(self) -> None:
        r"""`\b{g}` is a boundary of its own kind."""
        if self.text.startswith("{g}", self.at):
            self.at += 3

    def back_reference(self) -> None:
        r"""What follows `\k`."""
        if self.take() != "<":
            raise PatternInvalid("'\\k' must be followed by <name>")
        if (name := self.name()) not in self.groups:
            raise PatternInvalid(f"no group before is called {name}")

    def code(self, kind: str) -> int:
        """A character by its number or name."""
        if kind == "c":
            if not self.peek():
                raise PatternInvalid("'\\c' must be followed by a character")
            return ord(self.take()) ^ 64
        if kind == "0":
            return self.octal()
        if kind == "N" or (kind == "x" and self.peek() == "{"):
            close = self.text.find("}", self.at)
            inside = self.text[self.at + 1 : close]
            if self.peek() != "{" or close < 0 or not inside:
                raise PatternInvalid(f"'\\{kind}' must be followed by {{...}}")
            if kind == "N":
                self.at = close + 1
                return 0
            if not set(inside) <= HEX or int(inside, 16) > 0x10FFFF:
                raise PatternInvalid("'\\x{...}' holds no number of a character")
            self.at = close + 1
            return int(inside, 16)
        width = 4 if kind == "u" else 2
        digits = self.text[self.at : self.at + width]
        if len(digits) < width or not set(digits) <= HEX:
            raise PatternInvalid(f"'\\{kind}' must be followed by {width} hexadecimal digits")
        self.at += width
        return int(digits, 16)

    def octal(self) -> int:
        r"""What follows `\0`: one to three digits."""
        digits = ""
        while self.peek() and self.peek() in OCTAL and len(digits) < 3:
            if len(digits) == 2 and digits[0] > "3":
                break
            digits += self.take()
        if not digits:
            raise PatternInvalid("'\\0' must be followed by octal digits")
        return int(digits, 8)

    def family(self) -> None:
        r"""What follows `\p` or `\P`."""
        if self.peek() != "{":
            name = self.take()
        else:
            close = self.text.find("}", self.at)
            if close < 0:
                raise PatternInvalid("'\\p{' is not closed")
            name, self.at = self.text[self.at + 1 : close], close + 1
        is_known = name in PROPERTIES or name.startswith(("In", "Is")) or "=" in name
        if not is_known:
            raise PatternInvalid(f"'\\p' knows no property {name!r}")

    def brackets(self, *, is_inner: bool = False) -> None:
        """A character class after its `[`; an operand of `&&` ends before the `]`."""
        is_empty = True
        if not is_inner and self.peek() == "^":
            self.take()
        while True:
            character = self.peek()
            if character == END:
                raise PatternInvalid("a bracket is not closed; write '\\[' for the character")
            if character == "[":
                self.take()
                self.brackets()
            elif character == "&" and self.peek(1) == "&":
                self.at += 2
                self.intersected(is_empty=is_empty)
            elif character == "]" and not is_empty:
                self.at += 0 if is_inner else 1
                return
            else:
                self.range()
            is_empty = False

    def intersected(self, *, is_empty: bool) -> None:
        """The right side of `&&`."""
        is_missing = True
        while (character := self.peek()) not in ("]", "&", END):
            if character == "[":
                self.take()
                self.brackets()
            else:
                self.brackets(is_inner=True)
            is_missing = False
        if is_missing and is_empty:
            raise PatternInvalid("'&&' has nothing on either side")

    def range(self) -> None:
        """One character of a class, or the first and the last one."""
        character = self.take()
        first = self.escape(in_class=True) if character == "\\" else ord(character)
        if first < 0 or self.peek() != "-" or self.peek(1) in ("[", "]", END):
            return
        self.take()
        character = self.take()
        last = self.escape(in_class=True) if character == "\\" else ord(character)
        if last < first:
            raise PatternInvalid("a range in brackets ends before it begins")
