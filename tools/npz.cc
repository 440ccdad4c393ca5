#include "tools/npz.h"

#include <array>
#include <cstring>

#include "base/file.h"

namespace mien {
namespace {

using Bytes = std::vector<std::byte>;

void Put(Bytes& out, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

void Put(Bytes& out, const std::string& text) {
  for (const char c : text) out.push_back(static_cast<std::byte>(c));
}

// The checksum of zip archives: CRC-32, reflected polynomial 0xedb88320.
uint32_t Crc32(const Bytes& bytes) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> entries;
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t entry = i;
      for (int bit = 0; bit < 8; ++bit) entry = (entry >> 1) ^ ((entry & 1) ? 0xedb88320u : 0);
      entries[i] = entry;
    }
    return entries;
  }();
  uint32_t crc = 0xffffffffu;
  for (const std::byte byte : bytes) crc = (crc >> 8) ^ table[(crc ^ static_cast<uint32_t>(byte)) & 255];
  return ~crc;
}

// .npy version 1.0: magic, header length, a Python dictionary padded to 64 bytes, the data.
Bytes NpyOf(const NamedTensor& tensor) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (int i = 0; i < tensor.shape.rank; ++i) {
    header +=
        std::to_string(tensor.shape[i]) + (tensor.shape.rank == 1 || i + 1 < tensor.shape.rank ? "," : "");
    if (i + 1 < tensor.shape.rank) header += ' ';
  }
  header += "), }";
  header.resize((10 + header.size() + 1 + 63) / 64 * 64 - 10 - 1, ' ');
  header += '\n';
  Bytes npy;
  Put(npy, std::string("\x93NUMPY\x01\x00", 8));
  Put(npy, static_cast<uint32_t>(header.size()), 2);
  Put(npy, header);
  const auto data = std::as_bytes(std::span(tensor.values));
  npy.insert(npy.end(), data.begin(), data.end());
  return npy;
}

// The fields that a local header and a directory entry have in common: 1980-01-01, stored, sizes known.
void PutCommon(Bytes& out, uint32_t crc, size_t size, const std::string& name) {
  Put(out, 20, 2);      // version needed
  Put(out, 0, 2);       // flags
  Put(out, 0, 2);       // stored
  Put(out, 0, 2);       // time
  Put(out, 0x0021, 2);  // date
  Put(out, crc, 4);
  Put(out, static_cast<uint32_t>(size), 4);
  Put(out, static_cast<uint32_t>(size), 4);
  Put(out, static_cast<uint32_t>(name.size()), 2);
  Put(out, 0, 2);  // extra
}

}  // namespace

Status WriteNpz(const std::string& path, const std::vector<NamedTensor>& tensors) {
  MIEN_ASSIGN(AtomicFile file, AtomicFile::Create(path));
  Bytes directory;
  uint64_t at = 0;
  for (const NamedTensor& tensor : tensors) {
    const Bytes npy = NpyOf(tensor);
    const std::string name = tensor.name + ".npy";
    const uint32_t crc = Crc32(npy);
    Bytes local;
    Put(local, 0x04034b50, 4);
    PutCommon(local, crc, npy.size(), name);
    Put(local, name);
    Put(directory, 0x02014b50, 4);
    Put(directory, 20, 2);  // made by
    PutCommon(directory, crc, npy.size(), name);
    Put(directory, 0, 4);  // comment, disk
    Put(directory, 0, 2);  // internal attributes
    Put(directory, 0, 4);  // external attributes
    Put(directory, static_cast<uint32_t>(at), 4);
    Put(directory, name);
    MIEN_TRY(file.Write(local));
    MIEN_TRY(file.Write(npy));
    at += local.size() + npy.size();
    if (at > 0xfffffffeu) {
      return Status::Error(
          Code::kUsage, "%s: more than 4 GiB do not fit into an .npz file; write .safetensors", path.c_str());
    }
  }
  const size_t directory_bytes = directory.size();
  Put(directory, 0x06054b50, 4);
  Put(directory, 0, 4);  // disks
  Put(directory, static_cast<uint32_t>(tensors.size()), 2);
  Put(directory, static_cast<uint32_t>(tensors.size()), 2);
  Put(directory, static_cast<uint32_t>(directory_bytes), 4);
  Put(directory, static_cast<uint32_t>(at), 4);
  Put(directory, 0, 2);  // comment
  MIEN_TRY(file.Write(directory));
  return file.Commit();
}

Status WriteNpy(const std::string& path, const NamedTensor& tensor) {
  return WriteFileAtomically(path, NpyOf(tensor));
}

}  // namespace mien
