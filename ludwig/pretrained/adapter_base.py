"""The contract of an adapter (PEFT): a few weights that are trained in place of those of a pretrained network.

The library is peft.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

from torch import Tensor

from ludwig.error import ConfigValidationError, MissingExtraError, first_line
from ludwig.schema import Component, Registry, param

Task = Literal["CAUSAL_LM", "FEATURE_EXTRACTION"]  # of the network, as peft calls them


class Adapter(Component):
    """One kind of adapter."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        pretrained_adapter_weights: str | None = param(
            None, help="Folder of a saved adapter to start from, which brings its own options; null for a new one."
        )
        target_modules: list[str] | str | None = param(
            None,
            help="Target modules that get the adapter, by the end of their names; null for the usual ones of the "
            "architecture.",
        )

    peft_class: ClassVar[str]
    peft_names: ClassVar[Mapping[str, str]] = {}  # of the options that peft calls otherwise
    usual_targets: ClassVar[Mapping[str, list[str]]] = {}  # by the network's family, where peft names others

    def __init__(self, config: Any) -> None:
        self.config = config

    def options(self) -> dict[str, Any]:
        """The options as peft wants them."""
        own = {f.name: getattr(self.config, f.name) for f in dataclasses.fields(self.config)}
        del own["pretrained_adapter_weights"]
        return {self.peft_names.get(name, name): value for name, value in own.items()}

    def attached(self, network: Any, task: Task, find: Callable[[str], str]) -> Any:
        """The network with the adapter's structure: only the adapter's weights are trained.

        Args:
            find: The folder of a saved adapter, from the one that the config names.

        Raises:
            MissingExtraError: peft is not installed.
            ConfigValidationError: The adapter does not fit the network, or there is no saved one.
        """
        with self._explaining():
            import peft

            return peft.get_peft_model(network, self._peft_config(network, task, find))

    def start(self, network: Any) -> None:
        """Loads the weights that the config names.

        Raises:
            ConfigValidationError: There are none, or they do not fit.
        """
        folder = self.config.pretrained_adapter_weights
        if folder is not None:
            with self._explaining():
                import peft

                take_over(network, peft.load_peft_weights(folder, device="cpu"))

    def save_options(self, origin: str, folder: Path) -> None:
        """Writes the options of the saved adapter in the folder `origin`, by which its structure can be built."""
        with self._explaining():
            import peft

            peft.PeftConfig.from_pretrained(origin).save_pretrained(str(folder))

    def _peft_config(self, network: Any, task: Task, find: Callable[[str], str]) -> Any:
        """A saved adapter brings its own options; it is that of the saved model, or the one that the config names."""
        import peft

        folder = self.config.pretrained_adapter_weights
        if folder is not None:
            saved = peft.PeftConfig.from_pretrained(find(folder))
            saved.inference_mode = False
            return saved
        options = self.options()
        if options["target_modules"] is None:
            options["target_modules"] = self.usual_targets.get(network.config.model_type)
        return getattr(peft, self.peft_class)(task_type=task, **options)

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Errors of the library, with where in the config they come from."""
        try:
            with _quietly():
                yield
        except ImportError:
            raise MissingExtraError("peft", "llm", f"The adapter '{self.config.type}'") from None
        except (ValueError, OSError) as error:
            new = self.config.pretrained_adapter_weights is None
            where = "adapter" if new else "adapter.pretrained_adapter_weights"
            raise ConfigValidationError(
                f"{where}: '{self.config.type}' does not fit the base model. {first_line(error)}"
            ) from None


def take_over(network: Any, weights: Mapping[str, Tensor]) -> None:
    """Gives the adapter of the network these weights.

    Raises:
        ValueError: They are those of another adapter, or of an adapter of another network.
    """
    import peft

    try:
        found: Any = peft.set_peft_model_state_dict(network, dict(weights))
    except RuntimeError as error:  # torch's own, which lists shapes line by line
        raise ValueError("; ".join(line.strip() for line in str(error).splitlines()[1:3])) from None
    if found.unexpected_keys:
        raise ValueError(f"It has weights that the network does not know: {', '.join(found.unexpected_keys[:3])}.")


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the warnings of peft that are about its own use of other libraries, or about folders that were moved."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        warnings.filterwarnings("ignore", "The PEFT config's `base_model_name_or_path` was renamed", UserWarning)
        yield


ADAPTERS: Registry[Adapter] = Registry("adapter")
