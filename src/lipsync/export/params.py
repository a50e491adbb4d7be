"""The ``export`` section of params.yaml."""

from pydantic import Field

from lipsync.params import Section


class ExportParams(Section, key="export"):
    """How the networks become ONNX, and how close it must stay to PyTorch."""

    opset: int = Field(20, ge=18, le=23)  # ONNX operator set; higher wants a newer ONNX Runtime
    tolerance: float = Field(1e-3, gt=0)  # largest difference from PyTorch, colours being 0..1
