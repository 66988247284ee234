"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# A machine that is busy for a moment is no failure of the code: `pytest-timeout` ends what hangs.
settings.register_profile("ringfence", deadline=None)
settings.load_profile("ringfence")
