"""Edits a face in a photo without changing who it is: libmien for Python, by ctypes and numpy alone.

    import mien
    with mien.Editor() as editor:                                # the built-in model; model="people.model" another
        [older] = editor.edit_photo(open("photo.jpg", "rb").read(), [{"age": mien.years(70)}])
        open("older.jpg", "wb").write(older.file)
        w = editor.encode(picture)                               # uint8 [H,W,3] -> float32 [rows, w_dim]
        smiling = editor.synthesize(editor.edit_codes(w, {"smile": 1.0}))

Pictures are numpy arrays uint8 [H,W,3], latent codes (w_plus) float32 [rows, w_dim]. What an edited picture means, and
what consent it needs: docs/use.md. An Editor is used by one thread at a time; several may live side by side.
"""
import ctypes
import json
from dataclasses import dataclass
from typing import Optional

import numpy as np

from . import _library

__all__ = ["Editor", "Error", "Edited", "Face", "FaceDistance", "add", "degrees", "years"]
_lib = _library.load()

CODES = ("ok", "failure", "numeric", "usage", "no_face", "refused", "device", "memory", "gate", "interrupted")
VERDICTS = ("same person", "another person", "cannot tell")


class Error(Exception):
    """A call that failed; `code` is one of CODES."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = CODES[code]


@dataclass(frozen=True)
class _Value:
    value: float
    add: bool = False
    natural: bool = False


def add(value):
    """To be added to what the face has. The value is a number, or degrees(...) or years(...)."""
    value = value if isinstance(value, _Value) else _Value(value)
    return _Value(value.value, True, value.natural)


def degrees(value):
    """An angle; plain numbers are -1 and +1 at the ends of the range seen in training."""
    return _Value(value, natural=True)


years = degrees  # both are the attribute's natural unit


@dataclass(frozen=True)
class Face:
    """In pixels of the photo. landmarks [68,2]: the points of iBUG 300-W."""
    x: float
    y: float
    width: float
    height: float
    score: float
    landmarks: np.ndarray


@dataclass(frozen=True)
class FaceDistance:
    """L2 between descriptors of the face recogniser, and what may be concluded from it: one of VERDICTS."""
    distance: float
    verdict: str


@dataclass(frozen=True)
class Edited:
    """An edited photo. Distances are None where they were not measured."""
    file: bytes
    width: int
    height: int
    faces: int
    photo_reconstruction: Optional[float]
    photo_edit: Optional[float]
    reconstruction_edit: Optional[float]
    verdict: str
    parameters: dict
    digital_source_type: str


def _text(value):
    return None if value is None else str(value).encode()


def _edits(changes):
    """An array of the library's edits from a dict or from pairs."""
    pairs = list(changes.items() if isinstance(changes, dict) else changes)
    array = (_library.Edit * len(pairs))()
    for entry, (name, value) in zip(array, pairs):
        value = value if isinstance(value, _Value) else _Value(value)
        entry.attribute, entry.value = _text(name), value.value
        entry.mode, entry.unit = int(value.add), int(value.natural)
    return array


def _picture(pixels):
    pixels = np.ascontiguousarray(pixels)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"a picture is uint8 [height, width, 3]; {pixels.dtype} {list(pixels.shape)} found")
    return pixels


def _image(pixels):
    return _library.Image(pixels.ctypes.data, pixels.shape[1], pixels.shape[0], 0)


def _face(face):
    if face is None:
        return None
    made = _library.Face(face.x, face.y, face.width, face.height, face.score)
    landmarks = np.asarray(face.landmarks, np.float64)
    if landmarks.shape != (68, 2):
        raise ValueError(f"landmarks are [68, 2]; {list(landmarks.shape)} found")
    ctypes.memmove(made.landmarks, np.ascontiguousarray(landmarks).ctypes.data, landmarks.nbytes)
    return ctypes.byref(made)


class Editor:
    """A model, ready to run. Options as in mien.h (mien_params): backend, threads, max_memory, psi, memory, resolution,
    interactive, detector. `log(line)` is told what happens; `progress(stage)` before each stage, and a true answer
    stops the call with Error.code "interrupted"."""

    def __init__(self, model=None, log=None, progress=None, **options):
        params = _library.Params()
        _lib.mien_params_init(ctypes.byref(params))
        known = {name for name, _ in _library.Params._fields_} - {"abi_version", "model_path", "log", "log_user",
                                                                  "progress", "progress_user"}
        for name, value in options.items():
            if name not in known:
                raise TypeError(f"unknown option {name}; there are {', '.join(sorted(known))}")
            setattr(params, name, _text(value) if isinstance(value, str) else value)
        params.model_path = _text(model)
        # What a callback raises is raised again when the call has ended.
        self._raised = None
        self._callbacks = (_library.LOG_CALLBACK(lambda _, line: self._call(log, line)),
                           _library.PROGRESS_CALLBACK(lambda _, stage: bool(self._call(progress, stage))))
        if log:
            params.log = self._callbacks[0]
        if progress:
            params.progress = self._callbacks[1]
        context = ctypes.c_void_p()
        self._context = None
        self._check(_lib.mien_create(ctypes.byref(params), ctypes.byref(context)))
        self._context = context
        self.rows, self.w_dim = _lib.mien_rows(context), _lib.mien_w_dim(context)
        self.image_side = _lib.mien_image_side(context)
        self.attributes = [_lib.mien_attribute_name(context, i).decode()
                           for i in range(_lib.mien_attribute_count(context))]

    def _call(self, callback, text):
        try:
            return callback(text.decode())
        except BaseException as error:  # nothing may be raised through C
            self._raised = error
            return True

    def _check(self, code):
        raised, self._raised = self._raised, None
        if raised is not None:
            raise raised
        if code != 0:
            raise Error(code, _lib.mien_last_error(self._context).decode())

    def _opened(self):
        if self._context is None:
            raise ValueError("the editor is closed")
        return self._context

    def close(self):
        if self._context is not None:
            _lib.mien_destroy(self._context)
            self._context = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_context", None) is not None:
            self.close()

    def cancel(self):
        """Stops the call that is running, from any thread."""
        _lib.mien_cancel(self._opened())

    def _codes(self, w):
        w = np.ascontiguousarray(w, np.float32)
        if w.shape != (self.rows, self.w_dim):
            raise ValueError(f"codes are [{self.rows}, {self.w_dim}]; {list(w.shape)} found")
        return w

    def encode(self, picture):
        """The codes of an aligned face (the largest centred square of the picture)."""
        picture, w = _picture(picture), np.empty((self.rows, self.w_dim), np.float32)
        self._check(_lib.mien_encode(self._opened(), picture.ctypes.data, picture.shape[1], picture.shape[0],
                                     w.ctypes.data))
        return w

    def from_seed(self, seed):
        """The codes of a made-up face."""
        w = np.empty((self.rows, self.w_dim), np.float32)
        self._check(_lib.mien_from_seed(self._opened(), seed, w.ctypes.data))
        return w

    def edit_codes(self, w, changes, layers=None, strength=1.0):
        """changes: {"smile": 1.0, "age": mien.add(mien.years(10))}. layers: rows that may change, "4-7". strength:
        1 the whole edit, less a part of it, above 0."""
        w, edits = self._codes(w), _edits(changes)
        edited = np.empty_like(w)
        self._check(_lib.mien_apply_edits(self._opened(), edits, len(edits), _text(layers), strength,
                                          w.ctypes.data, edited.ctypes.data))
        return edited

    def synthesize(self, w):
        """The picture of codes. It carries no mark of synthetic media: whoever stores it writes one."""
        w, side = self._codes(w), self.image_side
        picture = np.empty((side, side, 3), np.uint8)
        self._check(_lib.mien_synthesize(self._opened(), w.ctypes.data, picture.ctypes.data))
        return picture

    def find_faces(self, photo):
        """All faces, best first."""
        photo = _picture(photo)
        image, count, room = _image(photo), ctypes.c_size_t(), 16
        while True:
            faces = (_library.Face * room)()
            self._check(_lib.mien_find_faces(self._opened(), ctypes.byref(image), faces, room, ctypes.byref(count)))
            if count.value <= room:
                break
            room = count.value
        return [Face(f.x, f.y, f.width, f.height, f.score, np.array(f.landmarks)) for f in faces[:count.value]]

    def align(self, photo, face, side=256):
        """The aligned square around a face, for encode."""
        photo, square = _picture(photo), np.empty((side, side, 3), np.uint8)
        image = _image(photo)
        self._check(_lib.mien_align(self._opened(), ctypes.byref(image), _face(face), side, square.ctypes.data))
        return square

    def compare(self, a, b, face_a=None, face_b=None, drawn=False):
        """How alike two faces are; without a face a picture is an aligned square."""
        a, b = _picture(a), _picture(b)
        image_a, image_b, distance, verdict = _image(a), _image(b), ctypes.c_double(), ctypes.c_int()
        self._check(_lib.mien_compare(self._opened(), ctypes.byref(image_a), _face(face_a), ctypes.byref(image_b),
                                      _face(face_b), drawn, ctypes.byref(distance), ctypes.byref(verdict)))
        return FaceDistance(distance.value, VERDICTS[verdict.value])

    def edit_photo(self, file, edits, **options):
        """Edits a photo whole. file: the bytes of a PNG or JPEG; edits: a list of changes, each gives one picture.
        Options as in mien.h (mien_photo_options): face, paste, layers, strength, aligned, crop, no_likeness,
        format, quality, no_metadata, drop_gps."""
        wanted = _library.PhotoOptions()
        _lib.mien_photo_options_init(ctypes.byref(wanted))
        known = {name for name, _ in _library.PhotoOptions._fields_}
        for name, value in options.items():
            if name not in known:
                raise TypeError(f"unknown option {name}; there are {', '.join(sorted(known))}")
            setattr(wanted, name, _text(value) if isinstance(value, str) else value)
        arrays = [_edits(changes) for changes in edits]
        groups = (_library.Edits * len(arrays))(*[_library.Edits(a, len(a)) for a in arrays])
        results = (_library.Result * len(arrays))()
        file = bytes(file)
        self._check(_lib.mien_edit_photo(self._opened(), file, len(file), ctypes.byref(wanted), groups, len(arrays),
                                         results))
        try:
            return [_edited(result) for result in results]
        finally:
            _lib.mien_free_results(results, len(arrays))


def _edited(result):
    measured = [None if d < 0 else d for d in (result.photo_reconstruction, result.photo_edit,
                                               result.reconstruction_edit)]
    return Edited(ctypes.string_at(result.file, result.bytes), result.width, result.height, result.faces, *measured,
                  VERDICTS[result.verdict], json.loads(result.parameters), result.digital_source_type.decode())
