"""What a declaration is made of: frozen models that say themselves what does not go together."""

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from headrace_schemas.declarations.docstrings import attributes, purpose

KeyPath = tuple[str | int, ...]
"""Where something stands within a file: keys and positions."""

LENIENT = "lenient"
"""Context of a reading that looks at fields only: what does not go together is asked for later."""


FORM = 1
"""The form of pipelines and models that this Headrace reads."""


def known_form(version: int) -> int:
    """Refuse a form of declarations that is not known yet."""
    if version != FORM:
        raise ValueError(f"is not known: this Headrace reads {FORM}. Upgrade it, or write {FORM}")
    return version


FormVersion = Annotated[int, AfterValidator(known_form)]
"""The key `version` of a declaration."""


class Frozen(BaseModel):
    """What all declared things are: immutable, and refusing what they do not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> JsonSchemaValue:
        """The schema with the docstring's words for each property."""
        found = handler(core_schema)
        schema = handler.resolve_ref_schema(found)
        schema["description"] = purpose(cls)
        meanings = attributes(cls)
        for name, field in cls.model_fields.items():
            key = field.alias or name
            if name in meanings:
                schema["properties"][key]["description"] = meanings[name]
        return found


class Misfit(NamedTuple):
    """Something that does not go together with the rest of a declaration.

    Attributes:
        path: Where it stands, below what is checked.
        problem: What is wrong, without a full stop.
        advice: What to do, as a sentence.
    """

    path: KeyPath
    problem: str
    advice: str = ""


class Misfits(ValueError):
    """Everything that does not go together in one declaration."""

    def __init__(self, found: Iterable[Misfit]) -> None:
        self.found = tuple(found)
        super().__init__("; ".join(map(self.worded, self.found)))

    @staticmethod
    def worded(misfit: Misfit) -> str:
        """One of them, with its place unless that is said."""
        place = ".".join(map(str, misfit.path))
        is_said = not place or misfit.problem.startswith(f"{place}: ")
        return misfit.problem if is_said else f"{place}: {misfit.problem}"


class Declaration(Frozen):
    """A frozen thing that knows what must go together in it.

    Attributes:
        checks: What is looked at, one thing each; of a declaration that could be read in part, the
            checks of what could be read are done.
    """

    checks: ClassVar[tuple[Callable[[Any], Iterable[Misfit]], ...]] = ()

    def misfits(self) -> Iterator[Misfit]:
        """All that does not go together."""
        for check in self.checks:
            try:
                yield from tuple(check(self))
            except AttributeError as error:
                if error.obj is not self or error.name not in type(self).model_fields:
                    raise  # otherwise a field that could not be read, which is refused already

    @model_validator(mode="after")
    def fits_together(self, info: ValidationInfo) -> Self:
        """Refuse what does not go together, all of it."""
        if info.context != LENIENT and (found := tuple(self.misfits())):
            raise Misfits(found)
        return self


def said(declaration: Declaration, *keys: str) -> Iterator[Misfit]:
    """Texts that must not be blank."""
    for key in keys:
        text = declaration.__dict__.get(key)
        if isinstance(text, str) and not text.strip():
            yield Misfit((key,), "is empty")
