// What a GPU profiler's memory tables say, from the hooks: the n-th execution of an access by each lane of a
// warp is one request; its distinct shared-memory words per bank give its wavefronts, its distinct 32-byte
// sectors its global traffic. Counts are of the source: accesses that nvcc merges into one wider instruction
// count as several here.
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <tuple>
#include <unordered_map>

#include "kernels/device/simt/state.h"

namespace mien::simt {
namespace {

constexpr size_t kBanks = 32, kBankBytes = 4, kSectorBytes = 32;

struct Request {
  uint32_t lanes = 0;
  uint32_t bytes = 0;
  uintptr_t address[kWarpLanes];
};

struct SiteCounter {
  bool is_shared = false;
  AccessKind kind = AccessKind::kRead;
  uint64_t requests = 0, actual = 0, ideal = 0;
  std::vector<uint32_t> executed;                 // per thread of the running block
  std::vector<std::vector<Request>> requests_of;  // per warp
  bool in_block = false;                          // the running block has accesses of it
};

struct Counters {
  std::unordered_map<uint64_t, SiteCounter> sites;
  std::vector<SiteCounter*> in_block;
  std::unordered_map<const void*, uint32_t> of_code;
  std::map<std::pair<const char*, int>, uint32_t> of_place;
  std::vector<const void*> code;  // per site; null: place
  std::vector<Where> place;
};
Counters& TheCounters() {
  static Counters counters;
  return counters;
}

// A wavefront carries 128 bytes: 8-byte accesses go by half warps, 16-byte accesses by quarter warps.
void CountShared(const Request& request, SiteCounter& site) {
  const int lanes_at_once = request.bytes <= 4 ? 32 : request.bytes == 8 ? 16 : 8;
  for (int first = 0; first < kWarpLanes; first += lanes_at_once) {
    std::vector<uintptr_t> words;
    for (int lane = first; lane < first + lanes_at_once; ++lane) {
      if (!(request.lanes >> lane & 1)) continue;
      for (size_t b = 0; b < request.bytes; b += kBankBytes)
        words.push_back((request.address[lane] + b) / kBankBytes);
    }
    if (words.empty()) continue;
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    uint64_t in_bank[kBanks] = {}, most = 0;
    for (const uintptr_t word : words) most = std::max(most, ++in_bank[word % kBanks]);
    site.actual += most;
    site.ideal += (words.size() + kBanks - 1) / kBanks;
  }
}

void CountGlobal(const Request& request, SiteCounter& site) {
  std::vector<uintptr_t> sectors, bytes;
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    if (!(request.lanes >> lane & 1)) continue;
    const uintptr_t first = request.address[lane], last = first + request.bytes - 1;
    for (uintptr_t sector = first / kSectorBytes; sector <= last / kSectorBytes; ++sector)
      sectors.push_back(sector);
    bytes.push_back(first);
  }
  const auto distinct = [](std::vector<uintptr_t>& v) {
    std::sort(v.begin(), v.end());
    return static_cast<size_t>(std::unique(v.begin(), v.end()) - v.begin());
  };
  site.actual += distinct(sectors);
  site.ideal += (distinct(bytes) * request.bytes + kSectorBytes - 1) / kSectorBytes;
}

// "/path/file.cu:41" of code addresses, by the symbolizer of binutils; the address itself without it.
std::vector<std::string> CodeNames(const std::vector<const void*>& codes) {
  std::vector<std::string> names;
  std::string command = "addr2line -e /proc/" + std::to_string(getpid()) + "/exe";
  char text[4096];
  for (const void* code : codes) {
    Dl_info info = {};
    dladdr(code, &info);
    const auto offset =
        static_cast<size_t>(static_cast<const char*>(code) - static_cast<const char*>(info.dli_fbase)) - 1;
    std::snprintf(text, sizeof(text), "code+0x%zx", offset);
    names.emplace_back(text);
    command += ' ';
    command += text + 5;
  }
  FILE* pipe = codes.empty() ? nullptr : popen((command + " 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) return names;
  for (std::string& name : names) {
    if (std::fgets(text, sizeof(text), pipe) == nullptr) break;
    if (text[0] != '?') name.assign(text, std::strcspn(text, " \n"));
  }
  pclose(pipe);
  return names;
}

}  // namespace

uint32_t SiteOfCode(const void* return_address) {
  Counters& c = TheCounters();
  const auto [it, fresh] = c.of_code.try_emplace(return_address, static_cast<uint32_t>(c.code.size()));
  if (fresh) {
    c.code.push_back(return_address);
    c.place.push_back({"", 0});
  }
  return it->second;
}

uint32_t SiteOfPlace(Where where) {
  Counters& c = TheCounters();
  const auto [it, fresh] =
      c.of_place.try_emplace({where.file, where.line}, static_cast<uint32_t>(c.code.size()));
  if (fresh) {
    c.code.push_back(nullptr);
    c.place.push_back(where);
  }
  return it->second;
}

std::string SiteName(uint32_t site) {
  const Counters& c = TheCounters();
  if (c.code[site] == nullptr) return PlaceName(c.place[site]);
  const std::string name = CodeNames({c.code[site]})[0];
  return name.substr(name.rfind('/') + 1);
}

void CountTraffic(int thread, uintptr_t address, size_t bytes, bool is_shared, AccessKind kind,
                  uint32_t site) {
  Counters& c = TheCounters();
  SiteCounter& counter = c.sites[uint64_t{site} * 8 + static_cast<uint64_t>(kind) * 2 + is_shared];
  counter.is_shared = is_shared;
  counter.kind = kind;
  if (!counter.in_block) {
    counter.executed.assign(kMaxThreads, 0);
    counter.requests_of.assign(kMaxWarps, {});
    counter.in_block = true;
    c.in_block.push_back(&counter);
  }
  auto& requests = counter.requests_of[static_cast<size_t>(thread / kWarpLanes)];
  const size_t n = counter.executed[static_cast<size_t>(thread)]++;
  if (n >= requests.size()) requests.resize(n + 1);
  Request& request = requests[n];
  request.lanes |= 1u << thread % kWarpLanes;
  request.bytes = static_cast<uint32_t>(bytes);
  request.address[thread % kWarpLanes] = address;
}

void BeginTrafficBlock() {
  Counters& c = TheCounters();
  for (SiteCounter* site : c.in_block) site->in_block = false;
  c.in_block.clear();
}

void FlushTraffic() {
  for (SiteCounter* site : TheCounters().in_block) {
    for (const auto& requests : site->requests_of) {
      site->requests += requests.size();
      for (const Request& request : requests) {
        site->is_shared ? CountShared(request, *site) : CountGlobal(request, *site);
      }
    }
  }
}

std::vector<SiteTraffic> TakeTraffic() {
  Counters& c = TheCounters();
  std::vector<const void*> codes;
  for (const auto& [key, site] : c.sites) {
    if (const void* code = c.code[static_cast<uint32_t>(key / 8)]) codes.push_back(code);
  }
  const std::vector<std::string> names = CodeNames(codes);
  std::map<std::tuple<std::string, std::string>, SiteTraffic> lines;
  size_t next = 0;
  for (const auto& [key, site] : c.sites) {
    const auto number = static_cast<uint32_t>(key / 8);
    const Where where = c.place[number];
    const std::string path =
        c.code[number] != nullptr ? names[next++] : std::string(where.file) + ":" + std::to_string(where.line);
    const char* verb = site.kind == AccessKind::kRead     ? " read"
                       : site.kind == AccessKind::kAtomic ? " atomic"
                                                          : " write";
    const std::string kind = std::string(site.is_shared ? "shared" : "global") + verb;
    SiteTraffic& line = lines[{path, kind}];
    line.path = path;
    line.place = path.substr(path.rfind('/') + 1);
    line.kind = kind;
    line.requests += site.requests;
    line.actual += site.actual;
    line.ideal += site.ideal;
  }
  BeginTrafficBlock();
  c.sites.clear();
  std::vector<SiteTraffic> table;
  for (const auto& [key, line] : lines) {
    if (line.requests > 0) table.push_back(line);
  }
  return table;
}

std::string TrafficTable(const std::vector<SiteTraffic>& traffic) {
  std::string table = "place                     access         requests   per request   ideal\n";
  for (const SiteTraffic& site : traffic) {
    char line[160];
    const auto n = static_cast<double>(site.requests);
    std::snprintf(line, sizeof(line), "%-25s %-13s %9llu %9.2f %11.2f\n", site.place.c_str(),
                  site.kind.c_str(), static_cast<unsigned long long>(site.requests),
                  static_cast<double>(site.actual) / n, static_cast<double>(site.ideal) / n);
    table += line;
  }
  return table;
}

}  // namespace mien::simt
