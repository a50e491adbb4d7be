"""Phones to visemes: maps are whole, and what they do not know is said."""

import json

import pytest

from lipsync.errors import LipsyncError
from lipsync.visemes.labels import IGNORED, VISEMES, Interval, frame_labels
from lipsync.visemes.maps import load_map

ARPABET = (  # the 39 of the CMU dictionary
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G",
    "HH", "IH", "IY", "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T",
    "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip


# Of the Montreal Forced Aligner's English dictionaries 3.1.0 (US, India, nonnative, and the general
# one), https://mfa-models.readthedocs.io/en/latest/dictionary/English/
MFA = (
    "a aj aw b c d dʒ e ej f h i j k kp l m n o ow p s t tʃ u v w z æ ç ð ŋ ɐ ɑ ɑː ɒ ɒː ɔ ɔj ɖ ə "
    "əw ɚ ɛ ɛː ɜ ɜː ɝ ɟ ɟʷ ɡ ɡʷ ɪ ɫ ɫ̩ ɱ ɲ ɹ ɾ ɾʲ ɾ̃ ʃ ʈ ʈʲ ʈʷ ʉ ʉː ʊ ʋ ʎ ʒ ʔ θ cʰ kʰ pʰ tʰ t̪ d̪ "
    "mʲ n̩"
)


def names(found):
    return [VISEMES[viseme] for viseme in found]


def test_the_arpabet_map_knows_every_phone_with_every_stress(root):
    arpabet = load_map(root / "visemes/maps/en_arpabet.json")
    stressed = [f"{phone}{stress}" for phone in ARPABET for stress in ("", "0", "1", "2")]
    assert arpabet.unknown([*stressed, "", "sil", "sp", "spn"]) == []
    assert names(arpabet.lookup("AY1")) == ["aa", "ih"]
    assert names(arpabet.lookup("AH0")) == ["E"]
    assert names(arpabet.lookup("AH1")) == ["aa"]
    assert arpabet.lookup("spn") == (IGNORED,)
    assert arpabet.unknown(["QX", "P", "ZZ1", "QX"]) == ["QX", "ZZ1"]


def test_the_ipa_map_knows_every_phone_of_the_aligners_english_dictionaries(root):
    ipa = load_map(root / "visemes/maps/en_ipa.json")
    assert ipa.unknown([*MFA.split(), "", "sil", "spn"]) == []
    told = {"ɱ": "FF", "ʋ": "FF", "ɾ̃": "nn", "ʈʲ": "DD", "ɖ": "DD", "t͡ʃ": "CH", "kp": "PP"}
    assert {phone: names(ipa.lookup(phone))[0] for phone in told} == told
    assert names(ipa.lookup("əw")) == names(ipa.lookup("əʊ")) == ["oh", "ou"]


def test_a_phone_of_marks_alone_is_not_silence(root):
    """espeak-ng writes ʲ as a phone of its own where a glide joins two vowels."""
    ipa = load_map(root / "visemes/maps/en_ipa.json")
    assert names(ipa.lookup("ʲ")) == ["ih"]
    assert ipa.unknown(["ː", "ʰʷ", "ˈ"]) == ["ʰʷ", "ˈ", "ː"]
    assert names(ipa.lookup("")) == ["sil"]


def test_the_ipa_map_strips_marks_but_prefers_what_is_written_out(root):
    ipa = load_map(root / "visemes/maps/en_ipa.json")
    assert ipa.lookup("iː") == ipa.lookup("i")
    assert names(ipa.lookup("ɑːɹ")) == ["aa", "RR"]
    assert names(ipa.lookup("tʃ")) == ["CH"]


def test_the_maps_agree_where_they_mean_the_same(root):
    arpabet, ipa = (load_map(root / f"visemes/maps/en_{n}.json") for n in ("arpabet", "ipa"))
    same = {"P": "p", "V": "v", "DH": "ð", "T": "t", "NG": "ŋ", "JH": "dʒ", "ZH": "ʒ", "Z": "z",
            "R": "ɹ", "IY1": "iː", "UW": "uː", "AW": "aʊ", "OY": "ɔɪ", "EY": "eɪ", "OW": "oʊ",
            "HH": "h", "W": "w", "Y": "j", "ER": "ɚ", "AO": "ɔː", "EH": "ɛ"}  # fmt: skip
    for left, right in same.items():
        assert arpabet.lookup(left) == ipa.lookup(right), (left, right)


def test_a_diphthong_is_two_visemes_in_time(root):
    ipa = load_map(root / "visemes/maps/en_ipa.json")
    found = ipa.visemes([Interval(0.0, 0.1, "p"), Interval(0.1, 0.3, "aɪ")])
    assert [(round(a, 6), round(b, 6), VISEMES[v]) for a, b, v in found] == [
        (0.0, 0.1, "PP"),
        (0.1, 0.2, "aa"),
        (0.2, 0.3, "ih"),
    ]
    with pytest.raises(KeyError):
        ipa.visemes([Interval(0.0, 0.1, "?")])


def test_frames_take_the_viseme_of_their_instant():
    # Frame j stands for (j + 0.5) / 100 s: 0.014 lies before frame 1's, 0.036 after frame 3's.
    labels = frame_labels([(0.0, 0.014, 1), (0.014, 0.036, 2), (0.036, 0.05, 3)], 7)
    assert labels.tolist() == [1, 2, 2, 2, 3, 0, 0]
    assert frame_labels([(0.015, 0.025, 5)], 4).tolist() == [0, 5, 0, 0]  # an edge is inside once
    assert frame_labels([(-0.5, 9.0, 5)], 3).tolist() == [5, 5, 5]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"phones": {"p": ["PPP"]}}, "phones.p: no viseme 'PPP'; legal: sil, PP"),
        ({"phones": {"p": []}}, "phones.p: should be a list"),
        ({"phones": {"p": ["PP"]}}, "none has the viseme sil, FF"),
        ({"phone": {}}, "phone: unknown key; legal keys: alphabet"),
        ({"ignored": ["p"]}, "'p' has visemes too"),
        ({"ignored": "spn"}, "ignored: should be a list of phones"),
        ({"ignored": [None]}, "ignored: should be a list of phones"),
        ({"strip": ["ː"]}, "strip: should be a text"),
        ({"phones": {"p": [1]}}, "phones.p: no viseme 1"),
    ],
)
def test_a_wrong_map_is_refused_in_one_line(root, tmp_path, change, words):
    values = json.loads((root / "visemes/maps/en_ipa.json").read_text())
    path = tmp_path / "map.json"
    path.write_text(json.dumps(values | change))
    with pytest.raises(LipsyncError) as error:
        load_map(path)
    assert words in str(error.value)
    assert str(error.value).startswith(str(path))


def test_no_map_and_no_json_are_told(tmp_path):
    with pytest.raises(LipsyncError, match=r"data\.map"):
        load_map(tmp_path / "none.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(LipsyncError, match="not valid JSON"):
        load_map(tmp_path / "broken.json")
