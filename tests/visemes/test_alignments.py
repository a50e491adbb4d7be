"""TextGrid in all of Praat's forms, and the aligner's JSON."""

import json

import pytest

from lipsync.errors import LipsyncError
from lipsync.visemes.alignments import read_alignment

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 0.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 0.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = "he said ""pie"" 3 times"
    item [2]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 0.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.12
            text = ""
        intervals [2]:
            xmin = 0.12
            xmax = 2.5e-1
            text = "P"
        intervals [3]:
            xmin = 0.25
            xmax = 0.5
            text = "AY1"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
0.5
<exists>
2
"TextTier"
"clicks"
0
0.5
1
0.3
"click"
"IntervalTier"
"84 - phones"
0
0.5
3
0
0.12
""
0.12
0.25
"P"
0.25
0.5
"AY1"
"""
JSON = json.dumps(
    {"tiers": {"words": {}, "phones": {"entries": [[0, 0.12, ""], [0.12, 0.25, "P"],
                                                   [0.25, 0.5, "AY1"]]}}}
)  # fmt: skip
WANTED = [(0.0, 0.12, ""), (0.12, 0.25, "P"), (0.25, 0.5, "AY1")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("long.TextGrid", LONG.encode()),
        ("short.TextGrid", SHORT.encode()),
        ("wide.TextGrid", LONG.encode("utf-16")),
        ("marked.TextGrid", b"\xef\xbb\xbf" + SHORT.encode()),
        ("old.TextGrid", SHORT.replace("ooTextFile", "ooTextFile short").encode()),
        (
            "older.TextGrid",
            SHORT.replace('ooTextFile"', 'ooTextFile short"', 1)
            .replace('Object class = "TextGrid"', '"TextGrid"')
            .encode(),
        ),
        ("capitals.TEXTGRID", LONG.encode()),
        ("aligner.json", JSON.encode()),
        ("speaker.JSON", JSON.replace('"phones"', '"84 - phones"').encode()),
    ],
)
def test_every_form_says_the_same(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert read_alignment(tmp_path / name) == WANTED


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("cut.TextGrid", LONG[:-60], "it ends too early"),
        ("other.TextGrid", LONG.replace('"phones"', '"phonemes"'), "no tier 'phones'"),
        (
            "two.TextGrid",
            SHORT.replace("TextTier", "IntervalTier")
            .replace("clicks", "85 - phones")
            .replace('0.3\n"click"', '0\n0.5\n"P"'),
            "2 speakers: 85 - phones, 84 - phones; one",
        ),
        (
            "two.json",
            '{"tiers": {"a - phones": {"entries": []}, "b - phones": {"entries": []}}}',
            "2 speakers: a - phones, b - phones; one is wanted",
        ),
        ("text.TextGrid", "hello", "it ends too early"),
        ("wave.TextGrid", 'a "x" "y"', "does not begin like a TextGrid"),
        ("back.TextGrid", SHORT.replace("0.25\n0.5", "0.05\n0.5"), "lies before its neighbour"),
        ("words.json", '{"tiers": {"words": {}}}', "no tier 'phones'; there are words"),
        ("empty.json", '{"tiers": {"phones": {"entries": []}}}', "it has no phones"),
        ("number.json", '{"tiers": {"phones": {"entries": [[0, 1, 3]]}}}', "3 is no text"),
        ("nan.json", '{"tiers": {"phones": {"entries": [[0, NaN, "P"]]}}}', "lies before"),
        ("broken.json", "{", "not an alignment"),
    ],
)
def test_a_damaged_one_is_an_error_of_one_line(tmp_path, name, content, words):
    (tmp_path / name).write_text(content)
    with pytest.raises(LipsyncError) as error:
        read_alignment(tmp_path / name)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
