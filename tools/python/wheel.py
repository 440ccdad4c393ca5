#!/usr/bin/env python3
"""Packs the module with a built library into a wheel for this machine's kind of system:   wheel.py LIBRARY FOLDER
A wheel is an archive of the module, what describes it and the hashes of both; nothing but Python is needed."""
import base64
import hashlib
import os
import re
import sys
import sysconfig
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))


def version():
    with open(os.path.join(HERE, "..", "..", "CMakeLists.txt")) as file:
        return re.search(r"project\(mien VERSION ([0-9.]+)", file.read())[1]


def contents(library):
    """name in the archive -> bytes"""
    files = {}
    for name in ("__init__.py", "_library.py"):
        with open(os.path.join(HERE, "mien", name), "rb") as file:
            files[f"mien/{name}"] = file.read()
    with open(library, "rb") as file:
        files["mien/libmien.so"] = file.read()
    with open(os.path.join(HERE, "..", "..", "weights", "builtin", "LICENSE.faces"), "rb") as file:
        files["mien/LICENSE.faces"] = file.read()
    return files


def digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def pack(library, folder):
    platform = re.sub("[-.]", "_", sysconfig.get_platform())
    tag, info = f"py3-none-{platform}", f"mien-{version()}.dist-info"
    files = contents(library)
    files[f"{info}/METADATA"] = (f"Metadata-Version: 2.1\nName: mien\nVersion: {version()}\n"
                                 "Summary: edits a face in a photo without changing who it is\n"
                                 "Requires-Python: >=3.9\nRequires-Dist: numpy\n").encode()
    files[f"{info}/WHEEL"] = (f"Wheel-Version: 1.0\nGenerator: mien\nRoot-Is-Purelib: false\nTag: {tag}\n").encode()
    record = f"{info}/RECORD"
    lines = [f"{name},sha256={digest(data)},{len(data)}" for name, data in files.items()]
    files[record] = "\n".join([*lines, f"{record},,"]).encode() + b"\n"
    path = os.path.join(folder, f"mien-{version()}-{tag}.whl")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():  # the same bytes whenever it is made
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return path


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    print(pack(*sys.argv[1:]))
