"""Set-ups of the reference, run as they stand with the frameworks they are for, of today: `make setups`.

Hundreds of megabytes are installed anew, so these tests run where they are named, and not with all others.
"""

import pytest

pytest.register_assert_rewrite("tests.frameworks.facts", "tests.frameworks.desk")
