"""What each data set's layout says."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from keyhole.data import open_collection, open_source
from keyhole.data.classes import ClassSource
from keyhole.data.identities import numbered
from keyhole.data.sets.inversion import BoxCrop, CentreCrop
from keyhole.data.sets.pools import POOLS
from keyhole.metrics.recognition import Views, retrieve
from keyhole.targets.membership import TrainedOn
from keyhole.train.settings import TrainSettings
from keyhole.train.tasks.reid_data import open_parts
from tests.data.layouts import draw, facts, identities, shade, shades, write


@pytest.mark.parametrize(("name", "classes"), [("cifar10", ("plane", "car")), ("cifar100", ("apple", "bee"))])
def test_cifar_pictures_are_upright_and_labelled(name, classes, made):
    spec = made(name)
    test = open_collection(spec, "test")
    assert test.classes == classes
    assert [known.label for known in facts(spec, "test")] == [0, 1, 0, 1]
    assert test[3].picture.dtype == torch.uint8
    assert test[3].picture.shape == (3, 32, 32)
    assert torch.equal(test[3].picture[0], test[3].picture[1] + 3)
    assert len(open_collection(spec, "private")) == len(open_collection(spec, "public"))
    assert {sample.label for sample in itertools.islice(open_source(spec, pool="audit", size=8), 4)} == set(classes)


def test_cifar_that_was_altered_is_not_unpickled(made, tmp_path):
    spec = made("cifar10")
    write(tmp_path, "cifar-10-batches-py/data_batch_2", b"something else")
    with pytest.raises(ValueError, match="MD5"):
        open_collection(spec, "train")


def test_cifar_in_a_zip_must_be_unpacked(made, tmp_path):
    made("cifar10")
    packed = shutil.make_archive(str(tmp_path.parent / f"{tmp_path.name}-cifar"), "zip", tmp_path)
    with pytest.raises(ValueError, match="unpacked folder"):
        open_collection(f"cifar10:{packed}", "train")


def test_imagenet_takes_class_indices_from_sorted_folders(made):
    spec = made("imagenet")
    assert open_collection(spec, "val").classes == ("n02", "n04")
    assert [known.label for known in facts(spec, "train")] == [0] * 4 + [1] * 4
    assert shades(spec, "val")[1] == shade("val/n04/ILSVRC2012_val_00000001.JPEG")


@pytest.mark.parametrize("kind", ["devkit", "meta.bin"])
def test_imagenet_takes_class_indices_from_the_devkit(kind, made, tmp_path):
    spec = made("imagenet")
    if kind == "meta.bin":
        torch.save((dict.fromkeys(("n04", "n03", "n02", "n01"), ("a name",)), []), tmp_path / "meta.bin")
    else:
        synsets = np.array(
            [(n, wnid, children) for n, wnid, children in ((1, "n04", 0), (2, "n02", 0), (3, "n01", 0), (4, "n00", 2))],
            dtype=[("ILSVRC2012_ID", object), ("WNID", object), ("num_children", object)],
        )
        (tmp_path / "ILSVRC2012_devkit_t12/data").mkdir(parents=True)
        savemat(tmp_path / "ILSVRC2012_devkit_t12/data/meta.mat", {"synsets": synsets[:, None]})
    labels = {known.label for known in facts(spec, "val")}
    assert labels == ({1, 3} if kind == "meta.bin" else {1, 2})


def test_imagenet_validation_pictures_must_be_sorted(made, tmp_path):
    spec = made("imagenet")
    draw(tmp_path, ["val/ILSVRC2012_val_00000009.JPEG"])
    with pytest.raises(ValueError, match="sort the pictures by wnid"):
        open_collection(spec, "val")


def test_celeba_has_identities_and_attributes(made):
    spec = made("celeba")
    known = facts(spec, "train")
    assert [fact.identity for fact in known] == ["11", "11", "12", "13", "14"]
    assert [fact.attributes for fact in known][:2] == [(), ("Smiling",)]
    assert shades(spec, "val") == [shade("img_align_celeba/000006.jpg")]
    assert identities(spec, "audit") == {"11", "15"}
    assert identities(spec, "private") | identities(spec, "public") == {"12", "13", "14"}


def test_celeba_opens_as_its_owner_packs_it(made, tmp_path):
    spec = made("celeba")
    before = facts(spec, "train")
    for path, folder in (
        ("img_align_celeba", "Img"), ("list_attr_celeba.txt", "Anno"), ("identity_CelebA.txt", "Anno"),
        ("list_eval_partition.txt", "Eval"),
    ):  # fmt: skip
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / path).rename(tmp_path / folder / path)
    assert facts(spec, "train") == before


def test_coco_pictures_have_their_first_caption(made):
    spec = made("coco")
    assert [fact.caption for fact in facts(spec, "train")] == ["caption 2 of 3", "caption 2 of 7"]
    assert shades(spec, "val") == [shade("val2017/000000000005.jpg")]
    assert open_collection(spec, "val")[0].caption == "caption 2 of 5"


def test_coco_may_lack_a_split(made, tmp_path):
    spec = made("coco")
    (tmp_path / "annotations/captions_val2017.json").unlink()
    assert len(open_collection(spec, "train")) == 2
    with pytest.raises(FileNotFoundError, match="no pictures of 'val'"):
        open_collection(spec, "val")


def test_dogs_are_split_by_the_owners_lists(made):
    spec = made("dogs")
    assert open_collection(spec, "train").classes == ("n1-Pug", "n2-Chow")
    assert [fact.label for fact in facts(spec, "train")] == [0, 0, 1]
    assert shades(spec, "test") == [shade("Images/n2-Chow/n2_2.jpg")]


def test_dogs_without_lists_are_one_split(made, tmp_path):
    spec = made("dogs")
    for path in tmp_path.glob("*.mat"):
        path.unlink()
    assert len(open_collection(spec, "all")) == 4
    assert sum(len(open_collection(spec, pool)) for pool in POOLS) == 4


def test_cub_has_labels_and_splits(made):
    spec = made("cub")
    assert open_collection(spec, "train").classes == ("001.Auk", "002.Wren")
    assert [fact.label for fact in facts(spec, "train")] == [0, 0, 1, 1]
    assert shades(spec, "test") == [shade("images/001.Auk/Auk_2.jpg"), shade("images/002.Wren/Wren_2.jpg")]


def test_chest_x_rays_have_findings_and_patients(made):
    spec = made("chestxray14")
    train = open_collection(spec, "train")
    assert train.classes[train.facts(0).label] == "Cardiomegaly"
    assert [fact.attributes for fact in facts(spec, "train")] == [
        ("Cardiomegaly",), ("Cardiomegaly", "Effusion"), ("Effusion",), (), (), (),
    ]  # fmt: skip
    assert train.facts(1).label is None
    assert identities(spec, "test") == {"4", "5", "7"}
    assert shades(spec, "test")[0] == shade("images_001/images/00000004_000.png")


def test_chest_x_rays_that_are_not_in_the_table_are_named(made, tmp_path):
    spec = made("chestxray14")
    write(tmp_path, "test_list.txt", ["00000009_000.png"])
    with pytest.raises(ValueError, match=r"00000009_000\.png is not in Data_Entry_2017\.csv"):
        open_collection(spec, "test")


def test_diff_mi_takes_the_people_with_most_pictures_and_others_as_public(made):
    spec = made("celeba-diff-mi")
    assert identities(spec, "private/") == {"11", "15"}
    public = identities(spec, "public")
    assert len(public) == 2
    assert public < {"12", "13", "14"}
    source = ClassSource(spec).open(8)
    assert source.names == ("11", "15")
    assert TrainedOn.of(spec, ["11"]).among("celeba:/elsewhere", ["11", "12"]) == ["11"]
    whole = torch.arange(3 * 218 * 178).view(3, 218, 178)
    assert torch.equal(CentreCrop(lambda: whole, 108)(), whole[:, 55:163, 35:143])


def test_diff_mi_takes_the_first_birds_cropped_to_their_boxes(made):
    spec = made("cub-diff-mi")
    private, public = (open_collection(spec, part) for part in ("private/", "public"))
    assert {private.facts(n).label for n in range(3)} == {0}
    assert {public.facts(n).label for n in range(3)} == {1}
    assert [tuple(private[n].picture.shape) for n in range(3)] == [(3, 1, 4), (3, 2, 4), (3, 3, 4)]
    whole = torch.arange(3 * 8 * 8).view(3, 8, 8)
    assert torch.equal(BoxCrop(lambda: whole, (2.0, 1.0, 4.0, 3.0))(), whole[:, 1:4, 2:6])


def test_diff_mi_takes_so_many_x_rays_of_each_finding_and_healthy_others(made):
    spec = made("chestxray14-diff-mi")
    found = ClassSource(spec).open(8)
    assert found.names == ("Cardiomegaly", "Effusion")
    assert [entry.name for entry in found.pictures.first.entries] == [
        "Cardiomegaly/00000001_000.png", "Cardiomegaly/00000001_001.png", "Effusion/00000001_001.png",
        "Effusion/00000002_000.png",
    ]  # fmt: skip
    assert [found.labels[place] for place in found.held_back] == [0, 1, 1]
    assert identities(spec, "public") == {"3", "6"}


def test_facescrub_people_are_classes_and_identities(made):
    spec = made("facescrub")
    people = ("Adam A", "Bob B", "Carla C", "Dora D")
    assert open_collection(spec, "all").classes == people
    assert [fact.identity for fact in facts(spec, "all")] == [person for person in people for _ in (1, 2)]
    assert identities(spec, "audit") == {"Adam A", "Dora D"}
    assert {fact.label for fact in facts(spec, "public")} == {2}


def test_veri_names_give_identity_camera_and_frame(made):
    spec = made("veri")
    train = facts(spec, "train")
    assert (train[1].identity, train[1].camera, train[1].frame) == ("0001", "c002", 16452)
    assert train[1].label is None
    assert identities(spec, "query") == identities(spec, "gallery") == identities(spec, "audit") == {"0002", "0005"}
    assert len(open_collection(spec, "query")) == 2
    assert len(open_collection(spec, "audit")) == 4
    assert (identities(spec, "private"), identities(spec, "public")) == ({"0001", "0004"}, {"0003", "0006"})
    record = open_collection(spec, "query")[1]
    assert (record.identity, record.camera) == ("0005", "c011")
    assert int(record.picture[0, 0, 0]) == shade("image_query/0005_c011_00017000_0.jpg")
    assert {sample.label for sample in itertools.islice(open_source(spec, pool="public", size=8), 8)} == {
        "0003",
        "0006",
    }


def test_a_veri_picture_without_its_name_is_refused(made, tmp_path):
    spec = made("veri")
    draw(tmp_path, ["image_test/picture.jpg"])
    with pytest.raises(ValueError, match=r"picture\.jpg: expected a name such as"):
        open_collection(spec, "train")


def test_markets_junk_is_left_out_and_its_distractors_are_in_the_gallery(made):
    spec = made("market1501")
    train = facts(spec, "train")
    assert (train[1].identity, train[1].camera, train[1].frame) == ("0002", "c2", 452)
    assert identities(spec, "query") == {"0001", "0003"}
    assert [known.identity for known in facts(spec, "gallery")] == ["0000", "0000", "0001", "0001", "0003", "0003"]
    assert (identities(spec, "private"), identities(spec, "public")) == ({"0002", "0010"}, {"0007", "0011"})
    assert identities(spec, "audit") == {"0000", "0001", "0003"}


@pytest.mark.parametrize("name", ["0000_c1s1_000001_00", "-1_c1s1_000001_00"])
def test_markets_junk_and_distractors_are_nobody_to_train_on(name, made, tmp_path):
    spec = made("market1501")
    before = identities(spec, "train"), identities(spec, "query")
    draw(tmp_path / "Market-1501-v15.09.15", [f"bounding_box_train/{name}.jpg", f"query/{name}.jpg"])
    assert (identities(spec, "train"), identities(spec, "query")) == before


def test_market_is_searched_as_its_owner_says(made):
    parts = open_parts(TrainSettings(data=made("market1501"), out=Path("out"), task="re-identification"))
    report = parts.report
    probes, gallery = ([report.pictures.facts(place) for place in places] for places in (report.probes, report.gallery))
    numbers, cameras = numbered([*probes, *gallery])
    views = [Views(torch.eye(4)[numbers[part]], numbers[part], cameras[part]) for part in (slice(0, 2), slice(2, None))]
    assert retrieve(*views).mean_ap == 1.0
    confused = Views(torch.ones(6, 4), views[1].identities, views[1].cameras)
    assert retrieve(views[0], confused).mean_ap < 0.6  # the distractors come first


def test_dukes_single_camera_people_are_in_the_gallery(made):
    spec = made("dukemtmc")
    assert identities(spec, "gallery") == {"0005", "0033", "7121"}
    known = facts(spec, "query")[0]
    assert (known.identity, known.camera, known.frame) == ("0005", "c2", 46985)
    assert (identities(spec, "private"), identities(spec, "public")) == ({"0001", "0007"}, {"0002", "0009"})


def test_msmts_training_and_test_people_have_other_numbers(made, tmp_path):
    spec = made("msmt17")
    assert identities(spec, "train") == {f"train-{person}" for person in range(4)}
    assert identities(spec, "train-val") == {"train-0", "train-3"}
    assert identities(spec, "query") == identities(spec, "gallery") == identities(spec, "audit") == {"test-0", "test-1"}
    assert identities(spec, "private") == {"train-0", "train-2"}
    assert len(open_collection(spec, "private")) == 3
    known = facts(spec, "gallery")[1]
    assert (known.camera, known.time) == ("04", "0303morning")
    assert shades(spec, "train")[1] == shade("mask_train_v2/0001/0001_000_01_0303morning_0015_0.jpg")
    top = tmp_path / "MSMT17_V2"
    for half in ("train", "test"):
        (top / f"mask_{half}_v2").rename(top / half)
    top.rename(tmp_path / "MSMT17_V1")
    assert facts(spec, "gallery")[1] == known


def test_veri_wild_lists_give_identity_camera_and_time(made):
    spec = made("veri-wild")
    train = facts(spec, "train")
    assert (train[1].identity, train[1].camera, train[1].time) == ("00001", "42", "2018-03-12 07:00:00")
    assert shades(spec, "query-3000") == [shade("images/00007/000071.jpg"), shade("images/00008/000081.jpg")]
    assert {fact.camera for fact in facts(spec, "gallery-3000")} == {"42"}
    assert identities(spec, "audit") == {"00007", "00008"}
    with pytest.raises(FileNotFoundError, match="no pictures of 'query-5000'"):
        open_collection(spec, "query-5000")


def test_veri_wild_lists_may_have_their_other_names(made, tmp_path):
    spec = made("veri-wild")
    before = {part: facts(spec, part) for part in ("train", "query-3000", "gallery-3000")}
    lists = tmp_path / "train_test_split"
    for old, new in (
        ("train_list", "train_list_start0"),
        ("test_3000", "test_3000_id"),
        ("test_3000_query", "test_3000_id_query"),
    ):
        lines = (lists / f"{old}.txt").read_text().split()
        (lists / f"{old}.txt").unlink()
        write(lists, f"{new}.txt", [f"{line}.jpg 0 41" for line in lines])
    assert {part: facts(spec, part) for part in before} == before


def test_frames_of_a_clip_come_in_order_and_stay_together(made):
    spec = made("clips")
    known = facts(spec, "all")
    assert [(fact.clip, fact.frame) for fact in known[:5]] == [
        ("bear", 8), ("bear", 9), ("bear", 10), ("bear", 11), ("boat", 8),
    ]  # fmt: skip
    assert {fact.clip for fact in facts(spec, "audit")} == {"bear"}
    assert {fact.clip for fact in facts(spec, "public")} == {"car"}
    stream = [
        round(255 * float(s.picture.mean())) for s in itertools.islice(open_source(spec, pool="public", size=8), 8)
    ]
    assert stream == 2 * [shade(f"car/{n}.jpg") for n in (8, 9, 10, 11)]


def test_davis_is_opened_at_its_480p_frames(made, tmp_path):
    draw(tmp_path / "DAVIS", ["JPEGImages/480p/bear/00000.jpg", "Annotations/480p/bear/00000.png"])
    assert [fact.clip for fact in facts(f"clips:{tmp_path}", "all")] == ["bear"]
