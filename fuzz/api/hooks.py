"""What Schemathesis cannot read off the description."""

import schemathesis
from schemathesis.generation import GenerationMode

# The only reasons for which a request that is written as it should be is answered 400.
MEANT = {
    "/v1/key/create/{name}": "key already exists",
    "/v1/key/import/{name}": "key already exists",
    "/v1/key/decrypt/{name}": "decryption failed: ciphertext is not authentic",
}


@schemathesis.check
def refusals_are_meant(context, response, case):
    """A 400 to a well-written request has the one text that is meant for it."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    expected = MEANT.get(case.path)
    if response.status_code == 400 and expected is not None:
        assert response.json()["message"] == expected, "a well-written request is refused as if it were not"


@schemathesis.hook
def map_body(context, body):
    """JSON Schema takes 1.0 for an integer. Byte strings written as arrays have to say 1."""
    if not isinstance(body, dict):
        return body
    return {name: integers(value) if isinstance(value, list) else value for name, value in body.items()}


def integers(values):
    """The list with whole numbers written as such."""
    return [int(value) if isinstance(value, float) and value.is_integer() else value for value in values]
