"""Bodies and versions: entries as JSON, and which version of one a caller has seen (RFC 9110)."""

from typing import Annotated, Any

from fastapi import Body, Header, HTTPException, Response
from pydantic import TypeAdapter

Entry = Annotated[dict[str, Any], Body()]
IfMatch = Annotated[str, Header(alias="If-Match", description="The version that was seen.")]


def described(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """Return what the OpenAPI document says of a body that ``adapter`` reads."""
    schema = adapter.json_schema()
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _inlined(schema, schema.get("$defs", {}))}},
        }
    }


def with_version(response: Response, body: dict[str, Any], version: str) -> dict[str, Any]:
    """Return a body that says its version, and say it as an entity tag."""
    response.headers["ETag"] = f'"{version}"'
    return {**body, "version": version}


def seen_version(if_match: str) -> str:
    """Return the version that a caller has seen.

    Raises
    ------
    HTTPException
        428 where the caller does not say which.
    """
    version = if_match.strip().removeprefix("W/").strip('"')
    if not version or version == "*":
        raise HTTPException(428, "say in If-Match which version you have seen (its ETag).")
    return version


def without_version(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body as it was read, which its sender may have got with its version."""
    return {name: value for name, value in body.items() if name != "version"}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """Put definitions where they are referred to: a body's schema stands by itself."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(value, definitions) for name, value in schema.items() if name != "$defs"}
