"""No test sees the recipes and plug-ins of whoever runs it."""

import os
from pathlib import Path

os.environ["GENTUI_CONFIG"] = str(Path(__file__).parent / "no-such-directory")
