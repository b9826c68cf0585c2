"""What schemathesis can not know of the API when it makes requests."""

from __future__ import annotations

import itertools
from typing import Any

import schemathesis

from viewer.api import MAX_IDEMPOTENCY_KEY

_numbers = itertools.count()
_NAME = "Idempotency-Key"


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]
) -> None:
    """No valid Idempotency-Key comes twice: the second time it would be refused, for its body is another one."""
    value = case.headers.get(_NAME)
    if isinstance(value, str) and 1 <= len(value.strip()) <= MAX_IDEMPOTENCY_KEY:
        case.headers[_NAME] = f"{next(_numbers)}-{value}"[:MAX_IDEMPOTENCY_KEY]
