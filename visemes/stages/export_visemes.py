"""Write the network as streaming ONNX, compared with PyTorch and with itself hop by hop."""

from lipsync.files import atomic_path
from lipsync.speech.viseme import VisemeNetwork
from lipsync.training.weights import load_model
from lipsync.visemes.export import to_onnx
from lipsync.visemes.model import FORM, VisemeTCN
from lipsync.visemes.params import VisemeParams
from lipsync.visemes.parity import check_parity
from lipsync.visemes.stage import METRICS, MODEL, NETWORK, viseme_stage, write_figures


@viseme_stage
def export_visemes(params: VisemeParams) -> None:
    model, _ = load_model(MODEL, VisemeTCN, FORM)
    with atomic_path(NETWORK) as temporary:
        temporary.write_bytes(to_onnx(model, params.export.opset))
        parity = check_parity(model, VisemeNetwork(temporary), params.export.tolerance)
        size = temporary.stat().st_size
    figures = {
        "difference_torch": float(f"{parity.torch:.2g}"),
        "difference_hops": float(f"{parity.hops:.2g}"),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "megabytes": round(size / 1e6, 2),
        "receptive_field_ms": model.receptive * 10,
        "lookahead_ms": model.lookahead * 10,
    }
    write_figures(METRICS / "export.json", figures)


if __name__ == "__main__":
    export_visemes()
