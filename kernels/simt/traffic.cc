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

#include "kernels/simt/state.h"

namespace mien::simt {
namespace {

constexpr size_t kBanks = 32, kBankBytes = 4, kSectorBytes = 32, kRowBytes = kBanks * kBankBytes;

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
};

struct Counters {
  std::unordered_map<uint64_t, SiteCounter> sites;
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

// "file.cu:41" of a code address, by the symbolizer of binutils; the address itself without it. An access
// inside a helper is named by the helper's line.
std::string CodeName(const void* code) {
  Dl_info info;
  char text[512];
  if (dladdr(code, &info) == 0) return "?";
  const auto offset =
      static_cast<size_t>(static_cast<const char*>(code) - static_cast<const char*>(info.dli_fbase)) - 1;
  std::snprintf(text, sizeof(text), "addr2line -e /proc/%d/exe 0x%zx 2>/dev/null", static_cast<int>(getpid()),
                offset);
  std::string line;
  if (FILE* pipe = popen(text, "r")) {
    if (std::fgets(text, sizeof(text), pipe) != nullptr) line = text;
    pclose(pipe);
  }
  if (line.empty() || line[0] == '?') {
    std::snprintf(text, sizeof(text), "code+0x%zx", offset);
    return text;
  }
  line = line.substr(0, line.find_first_of(" \n"));
  return line.substr(line.rfind('/') + 1);
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
  return c.code[site] == nullptr ? PlaceName(c.place[site]) : CodeName(c.code[site]);
}

void CountTraffic(int thread, uintptr_t address, size_t bytes, bool is_shared, AccessKind kind,
                  uint32_t site) {
  SiteCounter& counter =
      TheCounters().sites[uint64_t{site} * 8 + static_cast<uint64_t>(kind) * 2 + is_shared];
  counter.is_shared = is_shared;
  counter.kind = kind;
  counter.executed.resize(kMaxThreads);
  counter.requests_of.resize(kMaxWarps);
  auto& requests = counter.requests_of[static_cast<size_t>(thread / kWarpLanes)];
  const size_t n = counter.executed[static_cast<size_t>(thread)]++;
  if (n >= requests.size()) requests.resize(n + 1);
  Request& request = requests[n];
  request.lanes |= 1u << thread % kWarpLanes;
  request.bytes = static_cast<uint32_t>(bytes);
  request.address[thread % kWarpLanes] = address;
}

void BeginTrafficBlock() {
  for (auto& [key, site] : TheCounters().sites) {
    std::fill(site.executed.begin(), site.executed.end(), 0);
    for (auto& requests : site.requests_of) requests.clear();
  }
}

void FlushTraffic() {
  for (auto& [key, site] : TheCounters().sites) {
    for (const auto& requests : site.requests_of) {
      site.requests += requests.size();
      for (const Request& request : requests) {
        site.is_shared ? CountShared(request, site) : CountGlobal(request, site);
      }
    }
  }
}

std::vector<SiteTraffic> TakeTraffic() {
  std::vector<SiteTraffic> table;
  for (const auto& [key, site] : TheCounters().sites) {
    if (site.requests == 0) continue;
    const char* verb = site.kind == AccessKind::kRead     ? " read"
                       : site.kind == AccessKind::kAtomic ? " atomic"
                                                          : " write";
    table.push_back({SiteName(static_cast<uint32_t>(key / 8)),
                     std::string(site.is_shared ? "shared" : "global") + verb, site.requests, site.actual,
                     site.ideal});
  }
  std::sort(table.begin(), table.end(), [](const SiteTraffic& a, const SiteTraffic& b) {
    return std::tie(a.place, a.kind, a.requests) < std::tie(b.place, b.kind, b.requests);
  });
  TheCounters().sites.clear();
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
