// Names that no checkpoint needs and that pickles are made dangerous with: what starts programs, runs code,
// loads modules, opens files or connections, or reaches such things by a detour. Nothing in a pickle is ever
// called here, so this is no line of defence: it tells people what they have been given.
#include <algorithm>
#include <string_view>

#include "weights/import/pickle.h"

namespace mien {
namespace {

using std::operator""sv;

// A module of this name, with everything in it and below it.
constexpr std::string_view kModules[] = {
    "os"sv,
    "posix"sv,
    "nt"sv,
    "sys"sv,
    "subprocess"sv,
    "_posixsubprocess"sv,
    "pty"sv,
    "commands"sv,
    "popen2"sv,
    "runpy"sv,
    "importlib"sv,
    "imp"sv,
    "zipimport"sv,
    "pkgutil"sv,
    "pydoc"sv,
    "code"sv,
    "codeop"sv,
    "timeit"sv,
    "cProfile"sv,
    "profile"sv,
    "trace"sv,
    "pdb"sv,
    "bdb"sv,
    "doctest"sv,
    "inspect"sv,
    "types"sv,
    "ctypes"sv,
    "_ctypes"sv,
    "cffi"sv,
    "gc"sv,
    "signal"sv,
    "threading"sv,
    "_thread"sv,
    "multiprocessing"sv,
    "asyncio"sv,
    "concurrent"sv,
    "socket"sv,
    "_socket"sv,
    "socketserver"sv,
    "ssl"sv,
    "http"sv,
    "httplib"sv,
    "urllib"sv,
    "urllib2"sv,
    "urllib3"sv,
    "requests"sv,
    "aiohttp"sv,
    "httpx"sv,
    "ftplib"sv,
    "smtplib"sv,
    "telnetlib"sv,
    "poplib"sv,
    "imaplib"sv,
    "nntplib"sv,
    "xmlrpc"sv,
    "webbrowser"sv,
    "shutil"sv,
    "tempfile"sv,
    "fileinput"sv,
    "linecache"sv,
    "pip"sv,
    "ensurepip"sv,
    "setuptools"sv,
    "distutils"sv,
    "venv"sv,
    "pickle"sv,
    "_pickle"sv,
    "cPickle"sv,
    "pickletools"sv,
    "marshal"sv,
    "shelve"sv,
    "dill"sv,
    "cloudpickle"sv,
    "joblib"sv,
    "sqlite3"sv,
    "platform"sv,
    "site"sv,
    "idlelib"sv,
    "lib2to3"sv,
    "torch.hub"sv,
    "torch.utils.cpp_extension"sv,
    "torch.utils.collect_env"sv,
    "numpy.testing"sv,
    "numpy.f2py"sv,
    "numpy.distutils"sv,
};

struct Name {
  std::string_view module, name;
};

constexpr Name kNames[] = {
    {"operator"sv, "attrgetter"sv},
    {"operator"sv, "methodcaller"sv},
    {"operator"sv, "itemgetter"sv},
    {"_operator"sv, "attrgetter"sv},
    {"_operator"sv, "methodcaller"sv},
    {"_operator"sv, "itemgetter"sv},
    {"torch"sv, "load"sv},
    {"torch"sv, "save"sv},
    {"torch"sv, "compile"sv},
    {"torch.serialization"sv, "load"sv},
    {"torch.serialization"sv, "save"sv},
    {"torch.jit"sv, "load"sv},
    {"torch.jit"sv, "script"sv},
    {"torch._inductor"sv, "compile"sv},
    {"numpy"sv, "load"sv},
    {"numpy"sv, "loadtxt"sv},
    {"numpy"sv, "fromfile"sv},
    {"numpy"sv, "save"sv},
    {"numpy"sv, "savetxt"sv},
    {"numpy"sv, "memmap"sv},
    {"io"sv, "open"sv},
    {"io"sv, "FileIO"sv},
    {"_io"sv, "open"sv},
    {"_io"sv, "FileIO"sv},
    {"codecs"sv, "open"sv},
    {"pandas"sv, "read_pickle"sv},
    {"pandas.io.pickle"sv, "read_pickle"sv},
    {"tensorflow"sv, "io"sv},
    {"logging.config"sv, "dictConfig"sv},
};

// Functions of Python itself.
constexpr std::string_view kBuiltins[] = {
    "eval"sv,   "exec"sv,      "execfile"sv, "compile"sv,    "open"sv,       "file"sv,
    "input"sv,  "raw_input"sv, "getattr"sv,  "setattr"sv,    "delattr"sv,    "globals"sv,
    "locals"sv, "vars"sv,      "apply"sv,    "breakpoint"sv, "memoryview"sv, "help"sv,
    "exit"sv,   "quit"sv,      "dir"sv,      "reload"sv,     "__import__"sv,
};

// Steps of a dotted name on which a harmless module leads to the dangerous ones.
constexpr std::string_view kSteps[] = {
    "os"sv,
    "posix"sv,
    "nt"sv,
    "subprocess"sv,
    "system"sv,
    "popen"sv,
    "builtins"sv,
    "__builtins__"sv,
    "__builtin__"sv,
    "__import__"sv,
    "__globals__"sv,
    "__dict__"sv,
    "__class__"sv,
    "__base__"sv,
    "__bases__"sv,
    "__mro__"sv,
    "__self__"sv,
    "__subclasses__"sv,
    "__code__"sv,
    "__reduce__"sv,
    "__reduce_ex__"sv,
    "__getattribute__"sv,
    "__init__"sv,
    "__loader__"sv,
    "__spec__"sv,
};

template <class List>
bool Has(const List& list, std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

bool StartsWithModule(std::string_view name, std::string_view module) {
  return name.starts_with(module) && (name.size() == module.size() || name[module.size()] == '.');
}

}  // namespace

bool IsAttack(std::string_view module, std::string_view name) {
  if (module == "types" && name == "SimpleNamespace") return false;
  if (module == "builtins" || module == "__builtin__" || module == "__main__.__builtins__") {
    const std::string_view first = name.substr(0, name.find('.'));
    if (Has(kBuiltins, first)) return true;
  }
  for (const std::string_view bad : kModules) {
    if (StartsWithModule(module, bad)) return true;
  }
  for (const Name& bad : kNames) {
    if (module == bad.module && StartsWithModule(name, bad.name)) return true;
  }
  for (const std::string_view bad : {".os"sv, ".posix"sv, ".subprocess"sv, ".sys"sv}) {
    if (module.ends_with(bad)) return true;
  }
  while (!name.empty()) {  // collections.OrderedDict.__init__.__globals__, posixpath.os.system
    const size_t dot = name.find('.');
    if (Has(kSteps, name.substr(0, dot))) return true;
    name = dot == std::string_view::npos ? "" : name.substr(dot + 1);
  }
  return false;
}

}  // namespace mien
