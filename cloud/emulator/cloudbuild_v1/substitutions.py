"""Substitutions in a build: ``$PROJECT_ID``, ``${_IMAGE}``. Pure.

https://cloud.google.com/build/docs/configuring-builds/substitute-variable-values
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cloud.errors import InvalidArgument
from cloud.resources import Json

OF_TRIGGERS = frozenset(
    {
        "BRANCH_NAME",
        "COMMIT_SHA",
        "REF_NAME",
        "REPO_FULL_NAME",
        "REPO_NAME",
        "REVISION_ID",
        "SHORT_SHA",
        "TAG_NAME",
        "TRIGGER_BUILD_CONFIG_PATH",
        "TRIGGER_NAME",
    }
)
"""Built-in ones that only a trigger gives: empty without, unless the request gives them."""
_KEY = re.compile(r"_[A-Z0-9_]{0,99}")
_MOST, _LONGEST = 200, 4000
_TEMPLATE = re.compile(r"\$\$|\$(?P<bare>[A-Z_][A-Z0-9_]*)|\$\{(?P<braced>[A-Z_][A-Z0-9_]*)(?P<rest>[^}]*)\}")
_NEVER = frozenset({"id", "script", "waitFor", "timeout", "status"})
"""Fields of a step that are taken as they are."""
_SUBSTITUTED = ("images", "tags", "logsBucket", "artifacts", "serviceAccount")


@dataclass(slots=True)
class Substitutions:
    """
    Args:
        given: of the request.
        built_in: those that Google gives.
        loose: whether what is missing is empty, and what is not used no error.
        dynamic: whether values may hold substitutions.

    Raises:
        InvalidArgument: a key or value in ``given`` is none.
    """

    given: Mapping[str, str]
    built_in: Mapping[str, str]
    loose: bool = False
    dynamic: bool = False
    _used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if len(self.given) > _MOST:
            raise _invalid(f"at most {_MOST} substitutions, not {len(self.given)}")
        for key, value in self.given.items():
            if not _KEY.fullmatch(key) and key not in OF_TRIGGERS:
                raise _invalid(
                    f"substitution key {key[:100]!r} does not respect format ^_[A-Z0-9_]+$, and is "
                    f"not a built-in one that can be given ({', '.join(sorted(OF_TRIGGERS))})"
                )
            if len(value) > _LONGEST:
                raise _invalid(f"the value of {key} has {len(value)} characters, {_LONGEST} are the most")

    def apply(self, build: Mapping[str, Json]) -> dict[str, Json]:
        """``build`` with the values in place.

        Raises:
            InvalidArgument: a substitution is missing, or one of the request's is nowhere used.
        """
        done = {name: self._in(value) if name in _SUBSTITUTED else value for name, value in build.items()}
        if "steps" in build:
            done["steps"] = [
                {name: value if name in _NEVER else self._in(value) for name, value in step.items()}
                for step in build["steps"]
            ]
        if "options" in build:
            done["options"] = {
                name: self._in(value) if name == "env" else value for name, value in build["options"].items()
            }
        self._note_scripts(build)
        if not self.loose and (unused := sorted(key for key in self.given if key[:1] == "_" and key not in self._used)):
            raise _invalid(f'key "{unused[0]}" in the substitution data is not matched in the template')
        return done

    def text(self, text: str, above: tuple[str, ...] = ()) -> str:
        """``text`` with the values in place; ``above`` are the keys whose values it is in."""
        return _TEMPLATE.sub(lambda found: self._value(found, above), text)

    def automapped(self) -> dict[str, str]:
        """All of them, as ``automapSubstitutions`` puts them into a step's environment."""
        return {**self.built_in, **self.given}

    def _in(self, value: Json) -> Json:
        match value:
            case str():
                return self.text(value)
            case list():
                return [self._in(item) for item in value]
            case dict():
                return {key: self._in(item) for key, item in value.items()}
        return value

    def _value(self, found: re.Match[str], above: tuple[str, ...]) -> str:
        key = found["bare"] or found["braced"]
        if key is None:
            return "$"
        if found["rest"]:
            raise _invalid(
                f"{found[0][:100]!r}: of bash's parameter expansions none is emulated, give the value itself"
            )
        if key in self.given or key in self.built_in:
            self._used.add(key)
            value = self.given[key] if key in self.given else self.built_in[key]
            if key in above:
                raise _invalid(f"the value of {key} refers to itself")
            return self.text(value, (*above, key)) if self.dynamic and key in self.given else value
        if key in OF_TRIGGERS or (self.loose and key.startswith("_")):
            return ""
        if key.startswith("_"):
            raise _invalid(f'key in the template "{key}" is not matched in the substitution data; give it a value')
        raise _invalid(f'key in the template "{key}" is not a valid built-in substitution; of the shell it is $${key}')

    def _note_scripts(self, build: Mapping[str, Json]) -> None:
        for text in _scripts(build):
            self._used.update(key for key in self.given if key in text)


def _scripts(build: Mapping[str, Json]) -> Iterator[str]:
    """Scripts that get the substitutions as variables."""
    of_all = build.get("options", {}).get("automapSubstitutions", False)
    for step in build.get("steps", ()):
        if step.get("script") and (of_all or step.get("automapSubstitutions")):
            yield step["script"]


def _invalid(why: str) -> InvalidArgument:
    return InvalidArgument(f"invalid value for 'build.substitutions': {why}.")
