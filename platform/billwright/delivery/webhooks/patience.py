"""How long and how often an endpoint is tried. About thirty attempts in five days; a warning after one."""

from datetime import timedelta
from typing import Final

# As the Standard Webhooks specification suggests.
PAUSES_S: Final = (5, 30, 120, 300, 900, 1_800, 3_600, 7_200, 14_400)
WARN_AFTER: Final = timedelta(days=1)
DISABLE_AFTER: Final = timedelta(days=5)
GIVE_UP_AFTER: Final = timedelta(days=5)
OLD_SECRET_FOR: Final = timedelta(days=1)
