"""Helpers that several tests import. Their assertions report values as those of tests do."""

from pkgutil import iter_modules

import pytest

pytest.register_assert_rewrite(*(f"support.{module.name}" for module in iter_modules(__path__)))
