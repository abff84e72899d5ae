"""The adapters (PEFT). Each is a table of options: ours, and under which name peft knows them."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from ludwig.pretrained.adapter_base import ADAPTERS, Adapter
from ludwig.schema import param


@ADAPTERS.register("lora")
class Lora(Adapter):
    """LoRA, low-rank adaptation: a product of two small matrices is added to each target weight.

    Use it as the first choice for fine-tuning. It trains `r * (inputs + outputs)` weights a module.

    Source: Hu et al. 2021, arXiv:2106.09685.

    ```yaml
    adapter:
      type: lora
      r: 16
      alpha: 32
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Adapter.Config):
        r: int = param(8, min=1, help="Rank of the low-rank update. Raise it for more capacity and memory.")
        alpha: int | None = param(
            None, min=1, help="LoRA scaling: the update is multiplied by alpha / r; null for twice the rank."
        )
        dropout: float = param(
            0.05, min=0, below=1, help="Dropout rate of the inputs of the adapter. Raise it against overfitting."
        )
        bias_type: Literal["none", "all", "lora_only"] = param(
            "none", help="Biases that are trained too: none, all, or those of the target modules (lora_only)."
        )
        use_rslora: bool = param(
            False,
            help="Rank-stabilised LoRA: alpha is divided by the square root of the rank (arXiv:2312.03732). Use it "
            "with high ranks.",
        )
        use_dora: bool = param(
            False, help="DoRA: trains magnitude and direction apart (arXiv:2402.09353). Better at low ranks, slower."
        )
        init_lora_weights: Literal["default", "gaussian", "orthogonal"] = param(
            "default", help="Initializer of the two matrices, whose product starts at zero; orthogonal needs an even r."
        )
        rank_pattern: dict[str, int] | None = param(
            None, help="Ranks of single modules, by (the end of) their name, in place of r."
        )
        alpha_pattern: dict[str, int] | None = param(
            None, help="Alphas of single modules, by (the end of) their name, in place of alpha."
        )

    peft_class = "LoraConfig"
    peft_names = {"alpha": "lora_alpha", "dropout": "lora_dropout", "bias_type": "bias"}
    usual_targets = {
        "mistral": ["q_proj", "v_proj"],
        "mixtral": ["q_proj", "v_proj"],
        "gemma": ["q_proj", "v_proj"],
        "phi": ["q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"],
        "phi3": ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"],
    }

    def options(self) -> dict[str, Any]:
        config: Lora.Config = self.config
        begin = {"default": True}.get(config.init_lora_weights, config.init_lora_weights)
        settled = {
            "lora_alpha": config.alpha or 2 * config.r,
            "init_lora_weights": begin,
            "rank_pattern": config.rank_pattern or {},
            "alpha_pattern": config.alpha_pattern or {},
        }
        return {**super().options(), **settled}


@ADAPTERS.register("ia3")
class Ia3(Adapter):
    """IA3: trainable vectors scale keys, values and feed-forward activations.

    Use it for few examples: it trains one weight for each activation that it scales, far fewer than LoRA.

    Source: Liu et al. 2022, arXiv:2205.05638.

    ```yaml
    adapter:
      type: ia3
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Adapter.Config):
        feedforward_modules: list[str] | None = param(
            None,
            help="Feed-forward modules among the target modules, whose inputs are scaled in place of their outputs.",
        )
        fan_in_fan_out: bool = param(
            False, help="Whether the weights of the target modules are stored as (inputs, outputs)."
        )
        modules_to_save: list[str] | None = param(
            None, help="Modules that are trained and saved whole, beside the adapter."
        )
        init_ia3_weights: bool = param(
            True, help="Whether the scaling vectors are initialized to 1, which changes nothing at first."
        )

    peft_class = "IA3Config"


@ADAPTERS.register("vera")
class Vera(Adapter):
    """VeRA: trainable vectors scale a pair of random matrices that all modules share.

    Use it where adapters must be very small: it trains `r + outputs` weights a module. Ranks are higher than with LoRA.

    Source: Kopiczko et al. 2023, arXiv:2310.11454.

    ```yaml
    adapter:
      type: vera
      r: 256
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Adapter.Config):
        r: int = param(256, min=1, help="Rank of the shared random matrices. VeRA needs higher ranks than LoRA.")
        projection_prng_key: int = param(0, min=0, help="Random seed of the shared matrices.")

    peft_class = "VeraConfig"


@ADAPTERS.register("loha")
class Loha(Adapter):
    """LoHa: the elementwise (Hadamard) product of two low-rank matrices is added to each target weight.

    Use it for updates of a higher rank than those of LoRA: up to `r * r`, for twice the weights of LoRA.

    Source: Hyeon-Woo et al. 2021, "FedPara", arXiv:2108.06098.

    ```yaml
    adapter:
      type: loha
      r: 8
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Adapter.Config):
        r: int = param(8, min=1, help="Rank of each of the two low-rank products.")
        alpha: float = param(8.0, above=0, help="Scaling: the update is multiplied by alpha / r.")

    peft_class = "LoHaConfig"


@ADAPTERS.register("lokr")
class Lokr(Adapter):
    """LoKr: a Kronecker product of small matrices is added to each target weight.

    Use it for small adapters: with `r: 8`, 4096 inputs and 4096 outputs it trains 5,120 weights, LoRA 65,536.

    Source: Yeh et al. 2023, "LyCORIS", arXiv:2309.14859.

    ```yaml
    adapter:
      type: lokr
      r: 8
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Adapter.Config):
        r: int = param(8, min=1, help="Rank of the second Kronecker factor. Raise it for more capacity.")
        alpha: float = param(8.0, above=0, help="Scaling: the update is multiplied by alpha / r.")

    peft_class = "LoKrConfig"


@ADAPTERS.register("fourierft")
class FourierFt(Adapter):
    """FourierFT: a few trainable Fourier coefficients make the update of each target weight.

    Use it where adapters must be very small: it trains `n_frequency` weights a module, whatever its size.

    Source: Gao et al. 2024, arXiv:2405.03003.

    ```yaml
    adapter:
      type: fourierft
      n_frequency: 1000
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Adapter.Config):
        n_frequency: int = param(
            1000, min=1, help="Number of trained Fourier coefficients of each weight. Raise it for more capacity."
        )
        scaling: float = param(
            150.0, above=0, help="Scaling: factor of the update, like alpha of LoRA. 300 is usual for LLaMA models."
        )

    peft_class = "FourierFTConfig"


@ADAPTERS.register("oft")
class Oft(Adapter):
    """OFT, orthogonal fine-tuning: blocks of the inputs of each target module are rotated.

    Use it where the base model should change little: a rotation keeps the angles between neurons (hyperspherical
    energy). It trains `inputs * (oft_block_size - 1) / 2` weights a module.

    Source: Qiu et al. 2023, arXiv:2306.07280.

    ```yaml
    adapter:
      type: oft
      oft_block_size: 32
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Adapter.Config):
        r: int = param(0, min=0, help="Number of rotation blocks of each weight; 0 where oft_block_size is given.")
        oft_block_size: int = param(
            32, min=0, help="Size of a rotation block, which must divide the input size of each module."
        )
        module_dropout: float = param(
            0.0, min=0, below=1, help="Dropout rate of the rotation blocks: share set to the identity in training."
        )
        coft: bool = param(False, help="Constrained OFT: whether rotations are bounded by eps.")
        eps: float = param(6e-5, above=0, help="Bound on the rotations of constrained OFT.")

    peft_class = "OFTConfig"


@ADAPTERS.register("hra")
class Hra(Adapter):
    """HRA, Householder reflection adaptation: the inputs of each target module are reflected r times.

    Use it where OFT fits, with fewer weights: reflections are orthogonal too. It trains `r * inputs` weights a module.

    Source: Yuan et al. 2024, arXiv:2405.17484.

    ```yaml
    adapter:
      type: hra
      r: 8
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Adapter.Config):
        r: int = param(
            8, min=1, help="Number of Householder reflections of each weight; an even number starts as the identity."
        )
        apply_GS: bool = param(False, help="Whether reflections are orthogonalised by Gram-Schmidt.")  # noqa: N815

    peft_class = "HRAConfig"


@ADAPTERS.register("ln_tuning")
class LnTuning(Adapter):
    """LN tuning: only the layer normalisations are trained.

    Use it where nothing shall be added: it trains the scales and biases of the network's own normalisations.

    Source: Zhao et al. 2023, arXiv:2312.11420.

    ```yaml
    adapter:
      type: ln_tuning
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Adapter.Config):
        pass

    peft_class = "LNTuningConfig"


@ADAPTERS.register("vblora")
class VbLora(Adapter):
    """VB-LoRA: LoRA matrices composed of vectors of one shared bank.

    Use it for fewer weights than LoRA of the same rank, with `num_vectors` below `vector_length`. It trains
    `r * (inputs + outputs) * num_vectors / vector_length` weights a module, and the bank.

    Source: Li et al. 2024, arXiv:2405.15179.

    ```yaml
    adapter:
      type: vblora
      num_vectors: 90
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Adapter.Config):
        r: int = param(4, min=1, help="Rank of the low-rank update.")
        num_vectors: int = param(256, min=1, help="Number of vectors of the shared vector bank.")
        vector_length: int = param(
            256, min=1, help="Length of a bank vector, which must divide the input and output size of each module."
        )
        topk: int = param(2, min=1, help="Top-k admixture: number of vectors that are mixed for each sub-vector.")
        vblora_dropout: float = param(
            0.0, min=0, below=1, help="Dropout rate of the inputs of the adapter. Raise it against overfitting."
        )

    peft_class = "VBLoRAConfig"


@ADAPTERS.register("c3a")
class C3a(Adapter):
    """C3A: circular convolutions, of a high rank with few weights, are added to each target weight.

    Use it for updates of a high rank, with a much larger learning rate than for other adapters, such as 0.1. It trains
    `inputs * outputs / block_size` weights a module.

    Source: Chen et al. 2024, arXiv:2407.19342.

    ```yaml
    adapter:
      type: c3a
      block_size: 64
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Adapter.Config):
        block_size: int = param(
            256,
            min=1,
            help="Block size of the circular convolution, which must divide the input and output size of each module. "
            "Raise it for fewer weights.",
        )
        bias_type: Literal["none", "all", "c3a_only"] = param(
            "none", help="Biases that are trained too: none, all, or those of the target modules (c3a_only)."
        )

    peft_class = "C3AConfig"
    peft_names = {"bias_type": "bias"}
