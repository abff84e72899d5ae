import pytest
import torch

from ludwig.columns.ragged import Padded
from ludwig.models.llm.generation import Generation
from ludwig.models.llm.network import aligned
from ludwig.models.llm.sampling import DrawsByRow, seeds_of
from ludwig.pretrained.names import PRESETS, is_missing_folder, resolved
from ludwig.schema import dump, load


def padded(*rows, width):
    values = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], dtype=torch.int32)
    mask = torch.arange(width) < torch.tensor([[len(row)] for row in rows])
    return Padded(values, mask)


class TestAligned:
    def test_prompts_end_in_one_column(self):
        ids, there = aligned(padded([5, 6, 7], [8], width=4), torch.tensor([9, 9]))
        assert ids.tolist() == [[0, 5, 6, 7], [0, 0, 0, 8]]
        assert there.tolist() == [[False, True, True, True], [False, False, False, True]]

    @pytest.mark.parametrize(("most", "kept"), [(2, [6, 7]), (1, [7]), (0, [7]), (-3, [7])])
    def test_the_end_of_a_prompt_is_kept_one_token_at_least(self, most, kept):
        ids, there = aligned(padded([5, 6, 7], width=3), torch.tensor([most]))
        assert ids[there].tolist() == kept


class FakeNetwork(torch.nn.Module):
    """Generates what it was made with, and records the generation options."""

    def __init__(self, answer):
        super().__init__()
        self.answer, self.given = torch.tensor(answer), None

    def generate(self, input_ids, generation_config, **others):
        self.given = generation_config
        return torch.cat([input_ids, self.answer], dim=1)


class TestGeneration:
    ids = torch.ones(2, 3, dtype=torch.long)

    def answers(self, network, **options):
        section = Generation(num_beams=2, do_sample=False, **options)  # beams, for a fake has no logits to listen to
        return section.answers(network, self.ids, self.ids > 0, room=10, known_ends=[2])[0]

    def test_what_follows_the_end_is_no_part_of_the_answer(self):
        answers = self.answers(FakeNetwork([[7, 2, 0, 0], [7, 8, 9, 9]]))
        assert answers.tolist() == [[7, 2, -1, -1], [7, 8, 9, 9]]

    def test_other_ends_than_the_tokenizers(self):
        answers = self.answers(FakeNetwork([[7, 2, 8, 9], [8, 5, 5, 5]]), eos_token_id=[8, 9])
        assert answers.tolist() == [[7, 2, 8, -1], [8, -1, -1, -1]]

    def test_no_more_is_generated_than_there_is_room_for(self):
        network = FakeNetwork([[7], [7]])
        self.answers(network, max_new_tokens=50)
        assert network.given.max_new_tokens == 10

    def test_the_longest_answer_of_the_training_split_can_be_generated(self):
        assert Generation().most(longest=3) == 32
        assert Generation().most(longest=100) == 100
        assert Generation(max_new_tokens=5).most(longest=100) == 5

    def test_what_is_automatic_is_that_of_the_base_model_or_usual(self):
        usual = Generation().settled({})
        assert (usual.do_sample, usual.temperature, usual.top_k, usual.top_p) == (True, 0.1, 50, 1.0)
        own = Generation(top_k=7).settled({"do_sample": True, "temperature": 0.6, "top_k": 20, "top_p": 0.9})
        assert (own.do_sample, own.temperature, own.top_k, own.top_p) == (True, 0.6, 7, 0.9)
        assert Generation().settled({"do_sample": True}).temperature == 1.0
        assert Generation().settled({"do_sample": False}).do_sample is False
        assert Generation(temperature=0.7).settled({"do_sample": False}).do_sample is True

    def test_the_section_survives_the_config_file(self):
        section = Generation(eos_token_id=[1, 2], early_stopping="never", bad_words_ids=[[1], [2, 3]])
        assert load(Generation, dump(section)) == section


class TestDraws:
    logits = torch.tensor([[2.0, 1.0, 0.5, 0.0, -1.0]])

    def test_tokens_are_drawn_from_their_probabilities(self):
        scores = self.logits.expand(4000, -1)
        found = DrawsByRow(list(range(4000)), None)(torch.zeros(4000, 1), scores).argmax(1)
        shares = torch.bincount(found, minlength=5) / 4000
        assert (shares - self.logits.softmax(-1)[0]).abs().max() < 0.03  # 3 standard errors are 0.024 at most

    def test_draws_are_those_of_the_row_and_leave_the_global_generator_alone(self):
        before = torch.get_rng_state()
        scores = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
        together, alone = DrawsByRow([7, 8, 9, 10], 3), [DrawsByRow([seed], 3) for seed in (7, 8, 9, 10)]
        for _ in range(5):
            rows = [each(torch.zeros(1, 1), scores[row : row + 1]) for row, each in enumerate(alone)]
            assert torch.equal(together(torch.zeros(4, 1), scores), torch.cat(rows))
        assert torch.equal(torch.get_rng_state(), before)

    def test_the_seed_of_a_prompt_is_that_of_its_tokens_whatever_the_padding(self):
        ids, there = aligned(padded([5, 6, 7], [8], width=4), torch.tensor([9, 9]))
        alone, known = aligned(padded([8], width=1), torch.tensor([9]))
        assert seeds_of(ids, there)[1] == seeds_of(alone, known)[0] != seeds_of(ids, there)[0]


class TestBaseModel:
    def test_a_preset_is_an_id_of_the_hub(self):
        assert resolved("phi-2") == "microsoft/phi-2"
        assert resolved("someone/else") == "someone/else"
        assert all("/" in name for name in PRESETS.values())

    def test_a_name_that_can_only_be_a_folder_must_be_one(self, tmp_path):
        assert is_missing_folder(str(tmp_path / "x"))
        assert is_missing_folder("./x")
        assert not is_missing_folder(str(tmp_path))
        assert not is_missing_folder("someone/else")
        assert not is_missing_folder("phi-2")
