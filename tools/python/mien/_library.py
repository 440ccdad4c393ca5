"""libmien through ctypes: the structs and functions of mien.h, and where the library is found."""
import ctypes
import ctypes.util
import os
from ctypes import POINTER, Structure, c_char_p, c_double, c_float, c_int, c_size_t, c_uint8, c_uint32, c_uint64
from ctypes import c_void_p

ABI_VERSION = 4
LOG_CALLBACK = ctypes.CFUNCTYPE(None, c_void_p, c_char_p)
PROGRESS_CALLBACK = ctypes.CFUNCTYPE(c_int, c_void_p, c_char_p)


class Params(Structure):
    _fields_ = [("abi_version", c_uint32), ("model_path", c_char_p), ("backend", c_char_p), ("threads", c_int),
                ("max_memory", c_uint64), ("psi", c_float), ("memory", c_char_p), ("resolution", c_int),
                ("interactive", c_int), ("detector", c_char_p), ("log", LOG_CALLBACK), ("log_user", c_void_p),
                ("progress", PROGRESS_CALLBACK), ("progress_user", c_void_p)]


class Edit(Structure):
    _fields_ = [("attribute", c_char_p), ("mode", c_int), ("unit", c_int), ("value", c_float)]


class Edits(Structure):
    _fields_ = [("edits", POINTER(Edit)), ("count", c_size_t)]


class Image(Structure):
    _fields_ = [("rgb", c_void_p), ("width", c_int), ("height", c_int), ("stride", c_size_t)]


class Face(Structure):
    _fields_ = [("x", c_double), ("y", c_double), ("width", c_double), ("height", c_double), ("score", c_double),
                ("landmarks", c_double * 2 * 68)]


class PhotoOptions(Structure):
    _fields_ = [("face", c_char_p), ("paste", c_char_p), ("layers", c_char_p), ("strength", c_float),
                ("aligned", c_int), ("crop", c_int), ("no_likeness", c_int), ("format", c_char_p), ("quality", c_int),
                ("no_metadata", c_int), ("drop_gps", c_int)]


class Result(Structure):
    _fields_ = [("file", POINTER(c_uint8)), ("bytes", c_size_t), ("width", c_int), ("height", c_int), ("faces", c_int),
                ("photo_reconstruction", c_double), ("photo_edit", c_double), ("reconstruction_edit", c_double),
                ("verdict", c_int), ("parameters", c_char_p), ("digital_source_type", c_char_p)]


_CONTEXT = c_void_p
# name: (what it answers, what it takes)
_FUNCTIONS = {
    "mien_abi_version": (c_uint32, []),
    "mien_params_init": (None, [POINTER(Params)]),
    "mien_create": (c_int, [POINTER(Params), POINTER(_CONTEXT)]),
    "mien_destroy": (None, [_CONTEXT]),
    "mien_last_error": (c_char_p, [_CONTEXT]),
    "mien_rows": (c_int, [_CONTEXT]),
    "mien_w_dim": (c_int, [_CONTEXT]),
    "mien_image_side": (c_int, [_CONTEXT]),
    "mien_attribute_count": (c_int, [_CONTEXT]),
    "mien_attribute_name": (c_char_p, [_CONTEXT, c_int]),
    "mien_encode": (c_int, [_CONTEXT, c_void_p, c_int, c_int, c_void_p]),
    "mien_from_seed": (c_int, [_CONTEXT, c_uint32, c_void_p]),
    "mien_apply_edits": (c_int, [_CONTEXT, POINTER(Edit), c_size_t, c_char_p, c_float, c_void_p, c_void_p]),
    "mien_synthesize": (c_int, [_CONTEXT, c_void_p, c_void_p]),
    "mien_find_faces": (c_int, [_CONTEXT, POINTER(Image), POINTER(Face), c_size_t, POINTER(c_size_t)]),
    "mien_align": (c_int, [_CONTEXT, POINTER(Image), POINTER(Face), c_int, c_void_p]),
    "mien_compare": (c_int, [_CONTEXT, POINTER(Image), POINTER(Face), POINTER(Image), POINTER(Face), c_int,
                             POINTER(c_double), POINTER(c_int)]),
    "mien_photo_options_init": (None, [POINTER(PhotoOptions)]),
    "mien_edit_photo": (c_int, [_CONTEXT, c_void_p, c_size_t, POINTER(PhotoOptions), POINTER(Edits), c_size_t,
                                POINTER(Result)]),
    "mien_free_results": (None, [POINTER(Result), c_size_t]),
    "mien_cancel": (None, [_CONTEXT]),
}


def load():
    """The library that MIEN_LIBRARY names, else the one beside this module (as in the wheel), else the system's."""
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libmien.so")
    path = os.environ.get("MIEN_LIBRARY") or (beside if os.path.exists(beside) else ctypes.util.find_library("mien"))
    if not path:
        raise ImportError(f"libmien is not found: install it, put it at {beside}, or name it in MIEN_LIBRARY")
    library = ctypes.CDLL(path)
    library.mien_abi_version.restype = c_uint32
    if library.mien_abi_version() != ABI_VERSION:
        raise ImportError(f"{path} has ABI {library.mien_abi_version()}, this module is for {ABI_VERSION}")
    for name, (answer, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = answer, arguments
    return library
