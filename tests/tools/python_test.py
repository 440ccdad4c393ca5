#!/usr/bin/env python3
"""The Python module out of its wheel, against what the program makes:   python_test.py PROGRAM LIBRARY MODEL"""
import os
import subprocess
import sys
import tempfile
import unittest
import zipfile

PROGRAM, LIBRARY, MODEL = sys.argv[1:4]
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PHOTO = os.path.join(ROOT, "tests", "data", "faces", "portrait_a_neutral.png")
FOLDER = tempfile.TemporaryDirectory()


def install():
    wheel = subprocess.run([os.path.join(ROOT, "tools", "python", "wheel.py"), LIBRARY, FOLDER.name], check=True,
                           capture_output=True, text=True).stdout.strip()
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        archive.extractall(os.path.join(FOLDER.name, "site"))
    os.environ.pop("MIEN_LIBRARY", None)
    sys.path.insert(0, os.path.join(FOLDER.name, "site"))
    return wheel


WHEEL = install()
import numpy as np  # noqa: E402

import mien  # noqa: E402


def program(*words):
    subprocess.run([PROGRAM, "-q", *words], check=True)


def place(name):
    return os.path.join(FOLDER.name, name)


def photo():
    with open(PHOTO, "rb") as file:
        return file.read()


class Module(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.editor = mien.Editor(MODEL, threads=2, backend="cpu")

    @classmethod
    def tearDownClass(cls):
        cls.editor.close()

    def test_codes_and_pictures_are_the_program_s(self):
        program("synth", "-m", MODEL, "--seeds", "3", "-o", place("three.png"), "--save-codes", place("three.npz"))
        saved = np.load(place("three.npz"))
        w = self.editor.from_seed(3)
        self.assertTrue(np.array_equal(w, saved[saved.files[0]].reshape(w.shape)))
        picture = self.editor.synthesize(w)
        self.assertEqual(picture.shape, (self.editor.image_side, self.editor.image_side, 3))
        again = self.editor.encode(picture)
        self.assertEqual(again.shape, (self.editor.rows, self.editor.w_dim))
        self.assertEqual(self.editor.compare(picture, picture).distance, 0.0)
        edited = self.editor.edit_codes(w, {self.editor.attributes[0]: mien.add(0.5)})
        self.assertFalse(np.array_equal(edited, w))

    def test_a_photo_is_edited_to_the_program_s_bytes(self):
        name = self.editor.attributes[-1]
        told = []
        with mien.Editor(MODEL, threads=2, backend="cpu", progress=told.append) as editor:
            plain, changed = editor.edit_photo(photo(), [{}, {name: 1.0}], no_likeness=True, paste="replace")
        program("edit", "-m", MODEL, PHOTO, "-o", place("edited.png"), "--set", f"{name}=1", "--no-likeness",
                "--paste", "replace", "--threads", "2", "--backend", "cpu")
        with open(place("edited.png"), "rb") as file:
            self.assertEqual(file.read(), changed.file)
        self.assertNotEqual(plain.file, changed.file)
        self.assertIsNone(changed.photo_edit)
        self.assertEqual(changed.faces, 1)
        self.assertIn("trainedAlgorithmicMedia".lower(), changed.digital_source_type.lower())
        self.assertIsInstance(changed.parameters, dict)
        self.assertIn("encode", told)

    def test_faces(self):
        noise = np.full((64, 64, 3), 128, np.uint8)
        self.assertEqual(self.editor.find_faces(noise), [])
        with self.assertRaises(mien.Error) as caught:
            self.editor.edit_photo(png(noise), [{}])
        self.assertEqual(caught.exception.code, "no_face")

    def test_what_is_wrong_is_said(self):
        for wrong, error in ((lambda: mien.Editor("/absent"), mien.Error), (lambda: mien.Editor(nonsense=1), TypeError),
                             (lambda: self.editor.encode(np.zeros((4, 4), np.uint8)), ValueError),
                             (lambda: self.editor.synthesize(np.zeros((1, 2))), ValueError),
                             (lambda: self.editor.edit_codes(self.editor.from_seed(1), {"nobody": 1}), mien.Error),
                             (lambda: self.editor.edit_photo(b"no photo", [{}]), mien.Error),
                             (lambda: self.editor.edit_photo(photo(), [{}], nonsense=1), TypeError)):
            with self.assertRaises(error) as caught:
                wrong()
            self.assertTrue(str(caught.exception))
        closed = mien.Editor(MODEL, threads=1, backend="cpu")
        closed.close()
        with self.assertRaises(ValueError):
            closed.from_seed(1)

    def test_callbacks_stop_and_raise(self):
        with mien.Editor(MODEL, threads=1, backend="cpu", progress=lambda stage: stage == "encode") as editor:
            with self.assertRaises(mien.Error) as caught:
                editor.encode(np.zeros((32, 32, 3), np.uint8))
            self.assertEqual(caught.exception.code, "interrupted")

        def fail(stage):
            if stage == "encode":
                raise KeyError(stage)
        with mien.Editor(MODEL, threads=1, backend="cpu", progress=fail) as editor:
            with self.assertRaises(KeyError):
                editor.encode(np.zeros((32, 32, 3), np.uint8))

    def test_the_wheel_is_the_same_whenever_it_is_made(self):
        with open(WHEEL, "rb") as file:
            first = file.read()
        other = tempfile.mkdtemp(dir=FOLDER.name)
        again = subprocess.run([os.path.join(ROOT, "tools", "python", "wheel.py"), LIBRARY, other], check=True,
                               capture_output=True, text=True).stdout.strip()
        with open(again, "rb") as file:
            self.assertEqual(first, file.read())


def png(pixels):
    """A PNG file of uint8 [H,W,3]"""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
