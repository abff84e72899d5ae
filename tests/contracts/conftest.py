"""Components from outside are tried as our own are: LUDWIG_CONTRACT_PLUGINS names modules that register them."""

import importlib
import os

for module in os.environ.get("LUDWIG_CONTRACT_PLUGINS", "").split():
    importlib.import_module(module)
