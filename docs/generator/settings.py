"""The page of settings, from the kernel's table."""

from docs.generator.markdown import sentence, table

from headrace_schemas.settings import READ_BY, SETTINGS, Setting, SettingReader


def settings() -> str:
    """A table for each of those who read settings."""
    parts = []
    for reader in SettingReader:
        rows = [row(one) for one in SETTINGS if one.reader is reader]
        shown = table(("variable", "default", "meaning"), rows)
        parts.append(f"## {reader.value}\n\n{READ_BY[reader]}\n\n{shown}")
    return "\n\n".join(parts)


def row(setting: Setting) -> tuple[str, str, str]:
    """Name, default and meaning."""
    meaning = sentence(setting.meaning)
    if setting.is_secret:
        meaning += f" Or in the file that `{setting.name}_FILE` names."
    return f"`{setting.name}`", setting.default, meaning
