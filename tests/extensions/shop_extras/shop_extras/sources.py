"""Source `json_lines`: a JSON object on each line, perhaps within another."""

from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.declarations.source_formats import SourceFormat


class JsonLinesOptions(Frozen):
    """What a pipeline may say of such a file.

    Attributes:
        inside: The key below which a line's values are; none if they are the line's own.
    """

    inside: str | None = None


JSON_LINES = SourceFormat("json_lines", JsonLinesOptions, "shop_extras.json_lines:read")
