// Zip archives and pickles put together byte by byte, right ones and wrong ones.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

namespace mien::testing {

inline void Put(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

struct Member {
  std::string name, data;
  uint32_t flags = 0, method = 0;
  std::string local_name = {};   // empty: the same
  uint64_t stated = UINT64_MAX;  // size in the directory; UINT64_MAX: the true one
  uint32_t mode = 0;
  std::string extra = {};
};

inline uint32_t Crc32(const std::string& data) {
  return static_cast<uint32_t>(crc32(crc32(0, nullptr, 0), reinterpret_cast<const Bytef*>(data.data()),
                                     static_cast<uInt>(data.size())));
}

struct Quirks {
  std::string before = {}, gap = {}, after = {}, comment = {};
  int entries = 0;  // added to the true number
  int shift = 0;    // added to the position of the directory
};

inline std::string Zip(const std::vector<Member>& members, const Quirks& quirks = {}) {
  std::string out = quirks.before, directory;
  for (const Member& m : members) {
    const uint64_t at = out.size(), size = m.stated == UINT64_MAX ? m.data.size() : m.stated;
    const std::string& local = m.local_name.empty() ? m.name : m.local_name;
    Put(out, 0x04034b50, 4), Put(out, 20, 2), Put(out, m.flags, 2), Put(out, m.method, 2), Put(out, 0, 4);
    Put(out, Crc32(m.data), 4), Put(out, m.data.size(), 4), Put(out, size, 4), Put(out, local.size(), 2),
        Put(out, 0, 2);
    out += local + m.data;
    Put(directory, 0x02014b50, 4), Put(directory, 20, 1), Put(directory, 3, 1), Put(directory, 20, 2);
    Put(directory, m.flags, 2), Put(directory, m.method, 2), Put(directory, 0, 4),
        Put(directory, Crc32(m.data), 4);
    Put(directory, m.data.size(), 4), Put(directory, size, 4), Put(directory, m.name.size(), 2);
    Put(directory, m.extra.size(), 2), Put(directory, 0, 6), Put(directory, uint64_t{m.mode} << 16, 4);
    Put(directory, at, 4);
    directory += m.name + m.extra;
  }
  out += quirks.gap;
  const uint64_t begin = out.size() + static_cast<uint64_t>(quirks.shift);
  const uint64_t count = members.size() + static_cast<uint64_t>(quirks.entries);
  out += directory;
  Put(out, 0x06054b50, 4), Put(out, 0, 4), Put(out, count, 2), Put(out, count, 2);
  Put(out, directory.size(), 4), Put(out, begin, 4), Put(out, quirks.comment.size(), 2);
  return out + quirks.comment + quirks.after;
}

// {'t': a float tensor of two elements}, storage key 0.
inline std::string TensorPickle(const std::string& storage = "FloatStorage", int elements = 2, int size = 2,
                                int stride = 1, int offset = 0) {
  std::string out = "\x80\x02}X";
  Put(out, 1, 4);
  out += "tctorch._utils\n_rebuild_tensor_v2\n((X";
  Put(out, 7, 4);
  out += "storagectorch\n" + storage + "\nX";
  Put(out, 1, 4);
  out += "0X";
  Put(out, 3, 4);
  out += "cpuJ";
  Put(out, static_cast<uint32_t>(elements), 4);
  out += "tQJ";
  Put(out, static_cast<uint32_t>(offset), 4);
  out += "J";
  Put(out, static_cast<uint32_t>(size), 4);
  out += "\x85J";
  Put(out, static_cast<uint32_t>(stride), 4);
  return out +
         "\x85\x89"
         "ccollections\nOrderedDict\n)RtRs.";
}

// A pickled text.
inline std::string Text(const std::string& text) {
  std::string out = "X";
  Put(out, text.size(), 4);
  return out + text;
}

// A legacy stream (networks.md, "Legacy torch files") around an object that names storage 0 of `elements` floats.
inline std::string Legacy(const std::string& object, uint64_t elements) {
  std::string out =
      "\x80\x02\x8a\x0al\xfc\x9c"
      "F\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.";
  out += "\x80\x02}" + Text("little_endian") + "\x88s.\x80\x02" + object + ".\x80\x02]" + Text("0") + "a.";
  Put(out, elements, 8);
  return out + std::string(elements * 4, '\1');
}

// The persistent id of that storage.
inline std::string LegacyStorage(int elements) {
  std::string out = "(" + Text("storage") + "ctorch\nFloatStorage\n" + Text("0") + Text("cpu") + "K";
  Put(out, static_cast<uint64_t>(elements), 1);
  return out + "NtQ";
}

// A float tensor of two elements over `storage`.
inline std::string TensorOver(const std::string& storage) {
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + "K" + std::string(1, '\0') +
         "K\2\x85K\1\x85\x89"
         "ccollections\nOrderedDict\n)RtR";
}

// A module pickle (networks.md, "Module pickles of NVIDIA") of one module with one parameter.
inline std::string ModulePickle() {
  const std::string stream = Legacy(LegacyStorage(2), 2);
  std::string bytes = "B";
  Put(bytes, stream.size(), 4);
  const std::string parameter = "ctorch._utils\n_rebuild_parameter\n(" +
                                TensorOver("ctorch.storage\n_load_from_bytes\n" + bytes + stream + "\x85R") +
                                "\x88"
                                "ccollections\nOrderedDict\n)RtR";
  const std::string state = "}(" + Text("_parameters") + "}" + Text("w") + parameter + "s" +
                            Text("_buffers") + "}" + Text("_modules") + "}" + Text("z_dim") + "K\7u";
  return "\x80\x03}" + Text("G_ema") + "ctorch_utils.persistence\n_reconstruct_persistent_obj\n}(" +
         Text("class_name") + Text("Generator") + Text("state") + state + "u\x85Rs.";
}

}  // namespace mien::testing
