"""Metadata: https://docs.stripe.com/api/metadata"""

from collections.abc import Mapping

from devstack.stripe_sandbox.errors import RefusedParameter

_MAX_KEYS, _MAX_KEY, _MAX_VALUE = 50, 40, 500


def merged(old: Mapping[str, str], given: Mapping[str, str] | str | None) -> dict[str, str]:
    """The metadata after an update: an empty value unsets its key, an empty string unsets all.

    Raises RefusedParameter beyond 50 keys, 40 characters a key or 500 a value.
    """
    if isinstance(given, str):
        return {}
    result = {**old, **(given or {})}
    result = {key: value for key, value in result.items() if value != ""}
    if len(result) > _MAX_KEYS:
        raise RefusedParameter(f"Metadata can have up to {_MAX_KEYS} keys.", param="metadata")
    for key, value in result.items():
        if len(key) > _MAX_KEY:
            raise RefusedParameter(
                f"Metadata keys can be up to {_MAX_KEY} characters long.", param="metadata"
            )
        if len(value) > _MAX_VALUE:
            raise RefusedParameter(
                f"Metadata values can have up to {_MAX_VALUE} characters.",
                param=f"metadata[{key}]",
            )
    return result
