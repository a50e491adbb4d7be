"""A multipart form of a program's: text fields, and one audio file that goes to disk as it comes.

python-multipart, which Starlette uses, parses it. Starlette's own form would put the file into the
system's temporary folder, where nobody counts it (`ui.upload_quota`).
"""

from dataclasses import dataclass, field
from pathlib import Path

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header
from starlette.requests import Request

from lipsync.errors import LipsyncError
from lipsync.ui.guard import FORM
from lipsync.ui.uploads import shown_name

AUDIO = "audio"  # name of the field with the file
FORM_TYPE = "multipart/form-data"


class BadForm(LipsyncError):  # noqa: N818  the request is at fault, not the server
    """No form, or not one of what is wanted here; one line."""


class TooLarge(BadForm):
    """Its text is."""


@dataclass
class Form:
    """What was sent.

    Attributes:
        fields: text by the field's name
        audio: where the file lies; None if there was none
        name: of the file, for people
    """

    fields: dict[str, str] = field(default_factory=dict)
    audio: Path | None = None
    name: str = AUDIO


async def read_form(request: Request, folder: Path) -> Form:
    """Receive a request's form.

    Args:
        folder: empty, for the file
    Raises:
        BadForm: it is no form, is cut off, or has a field twice or a file in another field;
            TooLarge if it has more than 100 kB of text
        ClientDisconnect: the program hung up
        OSError: the disk is full
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind.decode("latin-1") != FORM_TYPE or not options.get(b"boundary"):
        raise BadForm(f"the request should be a form, {FORM_TYPE}; curl's option -F makes one")
    form, ended = Form(), []
    parser = FormParser(
        FORM_TYPE,
        lambda part: _take_field(part, form),
        lambda part: _take_file(part, form),
        on_end=lambda: ended.append(True),
        boundary=options[b"boundary"],
        config={
            "MAX_MEMORY_FILE_SIZE": 0,
            "UPLOAD_DIR": str(folder),
            "UPLOAD_DELETE_TMP": False,
        },
    )
    received = 0
    try:
        async for chunk in request.stream():
            parser.write(chunk)
            received += len(chunk)
            on_disk = sum(path.stat().st_size for path in folder.iterdir())
            if received - on_disk > 2 * FORM:  # a chunk of the file may not be on the disk yet
                raise TooLarge(f"the form has more than {FORM / 1e3:g} kB beside its file")
        parser.finalize()
    except FormParserError as error:
        raise BadForm(f"not a form as {FORM_TYPE} is: {error}") from None
    if not ended:
        raise BadForm("the form is cut off; send all of it")
    return form


def _take_field(part: Field, form: Form) -> None:
    name, value = _text(part.field_name), _text(part.value)
    if name == AUDIO:
        raise BadForm(f"{AUDIO}: should be a file; with curl, -F {AUDIO}=@speech.wav")
    if name in form.fields:
        raise BadForm(f"{name}: is there twice")
    form.fields[name] = value


def _take_file(part: File, form: Form) -> None:
    name, size = _text(part.field_name), part.size
    part.close()
    if name != AUDIO:
        raise BadForm(f"{name}: a file; the only one that is wanted is called {AUDIO}")
    if form.audio is not None:
        raise BadForm(f"{AUDIO}: is there twice")
    form.name = shown_name(Path(_text(part.file_name))) or AUDIO
    if not size or part.actual_file_name is None:
        raise BadForm(f"{AUDIO}: {form.name}: is empty")
    form.audio = Path(_text(part.actual_file_name))


def _text(raw: bytes | None) -> str:
    try:
        return (raw or b"").decode()
    except UnicodeDecodeError:
        raise BadForm("a field or name is not UTF-8") from None
