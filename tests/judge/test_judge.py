from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from keyhole.data.streetcam.lettering import ALPHABET, plate_print
from keyhole.data.streetcam.shot import DRIVER
from keyhole.judge.judge import Judge, PlateReader, box_corners, homographies, rectify
from keyhole.judge.loading import SHIPPED, JudgeCard, JudgeError, find_judge, load_judge, read_judge_card
from keyhole.targets.stored_weights import WEIGHTS, save_quantised, write_card
from keyhole.train.judge.command import judge_figures
from tests.judge.making import LABELS

CARD = JudgeCard("regnetx_002", "nothing", "Apache-2.0", {}, 0, {}, "keyhole train judge --out here")


@pytest.fixture(scope="module")
def judge() -> Judge:
    torch.manual_seed(0)
    return Judge().eval()


@pytest.fixture
def stored(judge: Judge, tmp_path: Path) -> Path:
    save_quantised(judge.state_dict(), tmp_path / WEIGHTS)
    write_card(CARD, tmp_path)
    return tmp_path


def test_answers_have_the_shapes_that_were_promised(judge: Judge) -> None:
    pictures = torch.rand(2, 3, 64, 64)
    embeddings = judge.embed(pictures)
    assert embeddings.shape == (2, 368)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))
    plates = judge.read_plates(pictures, torch.tensor([LABELS.plate_corners] * 2))
    assert [len(text) for text in plates] == [6, 6]
    assert set("".join(plates)) <= set(ALPHABET)
    boxes = torch.tensor([LABELS.driver_box] * 2)
    drivers = judge.read_drivers(pictures, boxes)
    assert all(driver[name] in values for driver in drivers for name, values in DRIVER.items())
    assert [set(answer) for answer in judge.read_passengers(pictures, boxes)] == [{"passenger"}] * 2


def test_it_is_small_enough_to_ship(judge: Judge, stored: Path) -> None:
    assert sum(value.numel() for value in judge.embedder.parameters()) < 2e6
    assert (stored / WEIGHTS).stat().st_size <= 3 * 2**20


def test_what_is_stored_answers_alike(judge: Judge, stored: Path) -> None:
    again = load_judge(stored)
    pictures = torch.rand(2, 3, 128, 128)
    assert not again.training
    assert torch.cosine_similarity(judge.embed(pictures), again.embed(pictures)).min() > 0.95
    assert read_judge_card(stored).command == CARD.command
    assert find_judge(stored) is not None


def test_no_judge_says_how_one_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(JudgeError, match="keyhole train judge --out"):
        load_judge(tmp_path / "nowhere")
    with pytest.raises(JudgeError, match="no judge at"):
        find_judge(tmp_path)
    monkeypatch.setattr("keyhole.judge.loading.SHIPPED", tmp_path)
    assert find_judge() is None


def test_weights_that_are_not_the_cards_are_refused(stored: Path) -> None:
    other = Judge()
    save_quantised(other.state_dict(), stored / WEIGHTS)
    with pytest.raises(JudgeError, match="not the file that its card describes"):
        load_judge(stored)
    save_quantised({"weight": torch.rand(2, 2)}, stored / WEIGHTS)
    with pytest.raises(JudgeError, match="no tensor is one of the model"):
        load_judge(stored)
    (stored / "card.json").write_text("{}")
    with pytest.raises(JudgeError, match="cannot read the card"):
        load_judge(stored)


def test_a_plate_reader_learns_plates_by_heart() -> None:
    torch.manual_seed(0)
    texts = ["ABCDEF", "012345"]
    ink = torch.stack([torch.tensor(list(plate_print(text, "round").ink.tobytes())).view(76, 296) for text in texts])
    pictures = torch.nn.functional.interpolate(ink[:, None].expand(-1, 3, -1, -1) / 255, size=(19, 74))
    corners = torch.tensor([[[0.0, 0.0], [74.0, 0.0], [74.0, 19.0], [0.0, 19.0]]] * 2)
    goal = torch.tensor([[ALPHABET.index(glyph) for glyph in text] for text in texts])
    reader = PlateReader()
    optimiser = torch.optim.AdamW(reader.parameters(), lr=3e-3)
    for _ in range(25):
        loss = torch.nn.functional.cross_entropy(reader(pictures, corners).flatten(0, 1), goal.flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert torch.equal(reader.eval()(pictures, corners).argmax(dim=2), goal)


@pytest.fixture(scope="module")
def figures() -> dict[str, float]:
    """On vehicles that are not those of the card."""
    judge = find_judge()
    assert judge
    return judge_figures(judge, vehicles=8, seed=77)


def test_it_reads_plates_and_people_of_clean_pictures(figures: dict[str, float]) -> None:
    assert figures["glyphs"] >= 100
    assert figures["glyph_accuracy"] >= 0.9
    for name in ("hat", "glasses", "passenger"):
        assert figures[f"{name}_accuracy"] > figures[f"{name}_majority"]


def test_it_tells_vehicles_apart(figures: dict[str, float]) -> None:
    assert figures["identity_rank_1"] >= 0.7


def test_its_card_says_how_it_was_made_and_it_is_small() -> None:
    card = read_judge_card(SHIPPED)
    assert card.command.startswith("keyhole train judge ")
    assert card.figures["glyph_accuracy"] >= 0.95
    assert (SHIPPED / WEIGHTS).stat().st_size <= 3 * 2**20


KNOWN = torch.tensor([[30.0, -6.0, 12.0], [5.0, 18.0, 9.0], [0.25, 0.1, 1.0]], dtype=torch.float64)
SQUARE = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]], dtype=torch.float64)


def placed(points: Tensor) -> Tensor:
    """Pixels of homogeneous points of the unit square under the known map."""
    moved = points @ KNOWN.T
    return moved[..., :2] / moved[..., 2:]


def test_the_map_is_found_from_where_the_corners_went() -> None:
    found = homographies(placed(SQUARE)[None])
    torch.testing.assert_close(found, KNOWN[None], rtol=1e-9, atol=1e-9)


def test_a_patch_shows_what_the_known_map_says() -> None:
    down, across = torch.meshgrid(torch.arange(64) + 0.5, torch.arange(64) + 0.5, indexing="ij")
    picture = torch.stack([across / 64, down / 64, (across + down) / 128])[None].double()
    patch = rectify(picture, placed(SQUARE)[None], [(0, 0, 1, 1), (0.25, 0.5, 0.75, 1)], (4, 6))
    assert patch.shape == (1, 2, 3, 4, 6)
    for window, (left, top, wide, tall) in enumerate(((0, 0, 1, 1), (0.25, 0.5, 0.5, 0.5))):
        for row in range(4):
            for column in range(6):
                u, v = left + wide * (column + 0.5) / 6, top + tall * (row + 0.5) / 4
                x, y = placed(torch.tensor([u, v, 1.0], dtype=torch.float64)).tolist()
                shown = patch[0, window, :, row, column].tolist()
                assert shown == pytest.approx([x / 64, y / 64, (x + y) / 128], abs=1e-6)


def test_an_upright_box_of_whole_pixels_is_cut_out_exactly() -> None:
    pictures = torch.rand(2, 3, 16, 20)
    boxes = torch.tensor([[4.0, 2.0, 12.0, 8.0], [0.0, 0.0, 8.0, 6.0]])
    patch = rectify(pictures, box_corners(boxes), [(0, 0, 1, 1)], (6, 8))[:, 0]
    torch.testing.assert_close(patch[0], pictures[0, :, 2:8, 4:12], atol=1e-5, rtol=0)
    torch.testing.assert_close(patch[1], pictures[1, :, :6, :8], atol=1e-5, rtol=0)


def test_beyond_the_picture_its_edge_goes_on() -> None:
    pictures = torch.rand(1, 3, 8, 8)
    patch = rectify(pictures, box_corners(torch.tensor([[-4.0, 0.0, 0.0, 8.0]])), [(0, 0, 1, 1)], (8, 4))[:, 0]
    torch.testing.assert_close(patch, pictures[..., :1].expand(1, 3, 8, 4), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        (torch.zeros(1, 3, 2), "N×4×2"),
        (torch.full((1, 4, 2), torch.nan), "not finite"),
        (torch.tensor([[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]]), "on a line"),
        (torch.zeros(2, 4, 2), "not \\(1, 3, 8, 8\\) and \\(2, 4, 2\\)"),
    ],
)
def test_what_is_no_region_is_refused(corners: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rectify(torch.rand(1, 3, 8, 8), corners, [(0, 0, 1, 1)], (4, 4))
